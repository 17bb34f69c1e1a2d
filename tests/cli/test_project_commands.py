"""What a person sees of the commands on a project: files, words, exit statuses."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from pipeline_tools import manifest_of, write_frames, write_lines
from processes import clean_environment, run_egoclean

from egoclean.exporters.manifest import read_manifest
from egoclean.store.project import Project
from egoclean.store.runs import RunState, list_runs

SIZE = (96, 64)


@pytest.fixture
def footage(tmp_path, make_video):
    make_video(tmp_path / "footage" / "one.mp4", 100, SIZE)
    return tmp_path / "footage"


@pytest.fixture
def root(tmp_path):
    return tmp_path / "project"


def test_run_prints_the_manifest_alone_and_tells_progress_aside(egoclean, footage, root):
    done = egoclean("run", footage, "--project", root, "--budget", "100%")
    assert done.out == f"{root / 'exports' / 'manifest.jsonl'}\n"
    assert "1 clips: 5 steps done" in done.err
    assert len(manifest_of(root)) == 2
    run = list_runs(Project(root).runs)[0]
    assert run.state is RunState.DONE
    assert run.command[:2] == ("run", str(footage))
    again = egoclean("run", "--project", root)
    assert "0 steps done, 5 found finished. 2 windows chosen." in again.err, "the budget is the project's now"


def test_a_relative_source_is_found_from_anywhere_later(egoclean, footage, root, monkeypatch):
    monkeypatch.chdir(footage.parent)
    egoclean("ingest", "footage", "--project", root)
    monkeypatch.chdir("/")
    egoclean("run", "--project", root, "--until", "rectify")
    assert Project(root).sources() == (str(footage),)


def test_rejected_clips_give_status_3_and_a_line_each(egoclean, footage, root):
    (footage / "broken.mp4").write_bytes(b"no video")
    done = egoclean("run", footage, "--project", root, status=3)
    assert "rejected: footage/broken.mp4: " in done.err
    assert "1 clips rejected" in done.err
    status = json.loads(egoclean("status", "--json", "--project", root).out)
    (broken,) = [clip for clip in status["clips"] if clip["clip_id"] == "footage/broken.mp4"]
    assert broken["verbs"]["ingest"]["status"] == "rejected"
    assert broken["verbs"]["ingest"]["reason"]
    assert status["last_run"]["state"] == "done, some rejected"
    lines = egoclean("status", "--project", root).out
    assert broken["verbs"]["ingest"]["reason"] in lines


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("run", "nowhere", "--project", "p"), 1, "nowhere"),
        (("run", "--project", "p"), 2, "has no source"),
        (("run", "footage", "--project", "p", "--budget", "banana"), 2, "banana"),
        (("run", "footage", "--project", "p", "--budget", "0"), 2, "budget"),
        (("run", "footage", "--project", "p", "--budget", "-5%"), 2, "budget"),
        (("run", "footage", "--project", "p", "--colour", "red"), 2, "--colour"),
        (("run", "footage", "--project", "p", "--masks", "two"), 2, "two"),
        (("run", "footage", "--project", "p", "--masks", "99"), 2, "masks must be from 1 to 14"),
        (("run", "footage", "--project", "p", "--stride-s", "0"), 2, "stride_s"),
        (("run", "footage", "--project", "p", "--stride-s", "nan"), 2, "stride_s must be a finite number"),
        (("run", "footage", "--project", "p", "--strategy", "best"), 2, "best"),
        (("run", "footage", "--project", "p", "--signal", "score +"), 2, "score +"),
        (("run", "footage", "--project", "p", "--thresholds", "score ~ 3"), 2, "score ~ 3"),
        (("run", "footage", "--project", "footage"), 2, "no project.toml"),
        (("run", "footage", "--project", "footage/one.mp4"), 2, "is a file"),
        (("status", "--project", "p"), 2, "There is no project at p"),
        (("export", "--project", "p", "--out", "m.jsonl"), 2, "There is no project"),
        (("select", "--project", "p"), 2, "There is no project"),
        (("app", "--project", "p", "--host", "0.0.0.0"), 2, "no login"),
        (("demo", "--out", "footage"), 2, "holds no demo"),
        (("fly",), 2, "fly"),
        (("run", "demo:huge", "--project", "p"), 2, "demo:huge"),
    ],
)
def test_a_mistake_is_one_sentence_and_a_status(egoclean, footage, tmp_path, monkeypatch, arguments, status, words):
    monkeypatch.chdir(tmp_path)
    done = egoclean(*arguments, status=status)
    assert words in done.err
    assert done.out == ""
    assert not list(tmp_path.glob("cache/*/*/*/entry.json")), "nothing was started"


def test_settings_that_cannot_be_are_named_with_their_file(egoclean, footage, root):
    egoclean("ingest", footage, "--project", root)
    with (root / "project.toml").open("a", encoding="utf-8") as stream:
        stream.write("[score]\nmaks = 2\n")
    for command in (("run",), ("ingest",), ("select",), ("export", "--out", root.parent / "m.jsonl")):
        done = egoclean(*command, "--project", root, status=2)
        assert "project.toml [score]: unknown option 'maks'" in done.err


def test_an_unknown_cache_is_refused(egoclean, footage, root, tmp_path):
    egoclean("ingest", footage, "--project", root)
    (tmp_path / "cache" / "layout.json").write_text('{"layout": 9}')
    assert "has layout 9" in egoclean("run", "--project", root, status=1).err


def test_a_flag_beats_the_environment_and_that_the_default(egoclean, footage, root, monkeypatch):
    monkeypatch.setenv("SEED", "7")
    egoclean("ingest", footage, "--project", root)
    egoclean("run", "--project", root, "--until", "rectify")
    assert Project(root).settings().score.seed == 7
    egoclean("run", "--project", root, "--until", "rectify", "--seed", "9")
    assert Project(root).settings().score.seed == 9
    monkeypatch.setenv("SEED", "many")
    done = egoclean("run", "--project", root, status=2)
    assert "environment variable SEED must be of type int, found 'many'" in done.err


def test_the_dry_run_says_what_is_to_do_and_does_nothing(egoclean, footage, root):
    done = egoclean("run", footage, "--project", root, "--dry-run")
    assert done.out.splitlines() == [
        f"to do   {verb:<9}  footage/one.mp4" for verb in ("ingest", "rectify", "score", "embed", "structure")
    ]
    assert not root.exists()
    egoclean("run", footage, "--project", root)
    done = egoclean("run", "--project", root, "--dry-run")
    assert {line.split()[0] for line in done.out.splitlines()} == {"cached"}


def test_select_and_export_again_without_a_run(egoclean, footage, root, tmp_path):
    egoclean("run", footage, "--project", root, "--budget", "100%")
    said = egoclean("select", "--project", root, "--budget", "1").out.splitlines()
    assert said[0] == "1 of 2 windows chosen"
    assert said[1:] == ["100% of all windows have a chosen one close to them, 100% with as many at random"]
    for form in ("jsonl", "csv", "parquet"):
        out = tmp_path / "new" / f"manifest.{form}"
        assert egoclean("export", "--project", root, "--out", out).out == f"{out}: 1 rows\n"
        assert len(read_manifest(out)) == 1
    out = tmp_path / "plain"
    egoclean("export", "--project", root, "--out", out, "--format", "csv")
    assert out.read_text(encoding="utf-8").startswith("manifest_version,")


def test_nothing_is_selected_yet(egoclean, footage, root, tmp_path):
    egoclean("ingest", footage, "--project", root)
    assert "no selection yet" in egoclean("export", "--project", root, "--out", tmp_path / "m.jsonl", status=2).err
    assert not (tmp_path / "m.jsonl").exists()


def test_a_manifest_of_frames_is_a_source(egoclean, root, tmp_path):
    manifest = write_lines(tmp_path / "clips.jsonl", write_frames(tmp_path, records=2))
    with manifest.open("a") as stream:
        stream.write('{"frame_paths": ["a.jpg"]}\n')
    done = egoclean("run", manifest, "--project", root, status=3)
    assert "clips.jsonl:3: " in done.err
    assert len(manifest_of(root)) == 1


def test_help_names_every_command_and_every_option_has_help(egoclean):
    from egoclean.cli.main import cli

    text = egoclean("--help").out
    for name in cli.list_commands(None):
        assert name in text
        page = egoclean(name, "--help").out
        for parameter in cli.get_command(None, name).params:
            if parameter.param_type_name == "option" and not parameter.hidden and parameter.name != "project_folder":
                assert parameter.opts[0] in page
                assert parameter.help, f"{name} {parameter.opts[0]} has no help"


def test_ctrl_c_ends_with_130_and_says_how_to_go_on(footage, root):
    child = subprocess.Popen(
        [sys.executable, "-m", "egoclean", "run", str(footage), "--project", str(root)],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=clean_environment(),
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # ignored by tests run in the background
    )
    deadline = time.monotonic() + 200
    while not list(root.glob("runs/*/stages.json")) and time.monotonic() < deadline and child.poll() is None:
        time.sleep(0.05)
    os.kill(child.pid, signal.SIGINT)
    out, err = child.communicate(timeout=200)
    assert child.returncode == 130, err
    assert "interrupted; run the same command again" in err
    assert "Traceback" not in err
    assert out == ""
    assert list_runs(Project(root).runs)[0].state is RunState.INTERRUPTED


def test_it_is_a_module_and_says_its_version():
    assert run_egoclean("--version", check=0).stdout.startswith("python -m egoclean, version")
