"""Long work: a run in this process or in one of its own, stopping it, and the dashboard."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import signal
import subprocess
import sys
import threading
import time
import tomllib
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from egoclean.cli.terminal import TerminalReporter
from egoclean.errors import EgocleanError, UsageError
from egoclean.report import RecordingReporter, Reporter, ReporterGroup
from egoclean.store.project import Project, Settings
from egoclean.store.runs import RunInfo, RunRecorder, RunState, list_runs
from egoclean.store.turns import run_turn

DEMO_SOURCE = "demo:"
"""Source that stands for the synthetic demo; ``demo:tiny`` is its small form."""

_AUTH_KEYS = ("redirect_uri", "cookie_secret", "client_id", "client_secret", "server_metadata_url")
_SECRET_LETTERS = 32
_WAITING = "Another run works on this project; this one goes on when that one has ended."


@dataclass(frozen=True, slots=True)
class Login:
    """Who may see the dashboard: a file of Streamlit's secrets with ``[auth]``, and mail addresses or @domains."""

    secrets: Path
    allowed: tuple[str, ...]


def read_login(secrets: Path, allowed: Sequence[str]) -> Login:
    """Return the login that a secrets file and a list of who may come in describe.

    Raises
    ------
    UsageError : nobody is allowed, an address is none, the file does not describe a login, or Authlib is missing.
    """
    if not allowed or not all(re.fullmatch(r"[^@\s,]*@[^@\s,]+", item) for item in allowed):
        raise UsageError(
            f"A login needs the mail addresses it lets in, found {', '.join(allowed) or 'none'}.",
            "Name each with --allow ann@example.org, or a whole domain with --allow @example.org.",
        )
    try:
        auth = tomllib.loads(secrets.read_text(encoding="utf-8")).get("auth")
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{secrets} cannot be read as secrets: {error}.", "Give a TOML file with [auth].") from error
    auth = auth if isinstance(auth, dict) else {}
    missing = [name for name in _AUTH_KEYS if not isinstance(auth.get(name), str)]
    if missing:
        raise UsageError(
            f"[auth] in {secrets} lacks {', '.join(missing)}.", f"It must hold {', '.join(_AUTH_KEYS)}, each a text."
        )
    if len(auth["cookie_secret"]) < _SECRET_LETTERS:
        raise UsageError(
            f"cookie_secret in {secrets} has fewer than {_SECRET_LETTERS} letters and could be guessed.",
            'Make one with: python -c "import secrets; print(secrets.token_hex(32))"',
        )
    if importlib.util.find_spec("authlib") is None:
        raise UsageError("A login needs the library Authlib.", 'Install it with: pip install "egoclean[login]"')
    return Login(secrets.absolute(), tuple(item.lower() for item in allowed))


def resolve_sources(project: Project, given: Sequence[str]) -> list[str]:
    """Return the project's sources and the given ones after them, each once; local paths are absolute.

    Raises
    ------
    UsageError : there is none.
    """
    added = [item if item.startswith(("hub:", DEMO_SOURCE)) else str(Path(item).absolute()) for item in given]
    sources = list(dict.fromkeys([*project.sources(), *added]))
    if not sources:
        raise UsageError(f"The project {project.root} has no source.", "Name one: egoclean run SOURCE --project DIR")
    return sources


def run_here(
    project: Project,
    given: Sequence[str],
    change: Callable[[Settings], Settings],
    *,
    until: str,
    workers: int | None = None,
    run_id: str | None = None,
    again: Sequence[str] = (),
) -> int:
    """Run the pipeline in this process, told to standard error and the run folder; return the exit status.

    ``change`` turns the project's settings into those of this run, which are kept once all sources were found to be
    there. Runs of one project take turns: each sees what the one before it left. ``again`` names the only clips that
    are worked on, also where they were refused before.

    Raises
    ------
    EgocleanError, KeyboardInterrupt : as the pipeline; the run's record says so first.
    """
    from egoclean import pipeline

    change(project.settings())
    resolve_sources(project, given)
    recorder = RunRecorder(project.runs, sys.argv[1:], run_id)
    try:
        with TerminalReporter() as terminal:
            reporter = ReporterGroup([terminal, RecordingReporter(recorder)])
            with run_turn(project, lambda: reporter.note(_WAITING)):
                sources = resolve_sources(project, given)
                summary = pipeline.run(
                    project,
                    change(project.settings()),
                    [_demo_folder(project, source, reporter) for source in sources],
                    reporter,
                    until=until,
                    workers=workers,
                    again=again,
                    on_discovered=lambda: project.update(change, sources),
                )
    except KeyboardInterrupt:
        recorder.finish(RunState.INTERRUPTED, "Stopped; running again goes on where it was.")
        raise
    except EgocleanError as error:
        recorder.finish(RunState.FAILED, str(error))
        raise
    except Exception as error:
        recorder.finish(RunState.FAILED, f"{type(error).__name__}: {error}")
        raise
    state = {0: RunState.DONE, 3: RunState.DONE_WITH_REJECTIONS}.get(summary.exit_status, RunState.FAILED)
    recorder.finish(state, summary.sentence())
    sys.stderr.write(summary.sentence() + "\n")
    if summary.manifest is not None:
        sys.stdout.write(f"{summary.manifest}\n")
    return summary.exit_status


def start_run(project: Project, arguments: Sequence[str]) -> str:
    """Start ``egoclean run ARGUMENTS`` on a project in its own process and return the run's id at once."""
    run_id = f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{uuid.uuid4().hex[:6]}"
    folder = project.runs / run_id
    folder.mkdir(parents=True)
    rest = [*arguments, "--run-id", run_id]
    if "--project" not in rest:
        rest += ["--project", str(project.root)]
    command = [sys.executable, "-m", "egoclean", "run", *rest]
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
    threading.Thread(target=process.wait, daemon=True).start()
    _wait_for(folder / "run.json", process)
    return run_id


def stop_run(run: RunInfo) -> bool:
    """Ask a run to stop; what it finished is kept. Returns whether it was running."""
    if run.state is not RunState.RUNNING:
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(run.pid, signal.SIGTERM)
    return True


def stop_runs(project: Project) -> list[str]:
    """Stop every run of a project; return their ids."""
    return [run.run_id for run in list_runs(project.runs) if stop_run(run)]


def serve_dashboard(project: Project, host: str, port: int, open_browser: bool, login: Login | None = None) -> int:
    """Serve the dashboard until it is stopped; return its exit status."""
    app = Path(__file__).resolve().parent.parent / "app.py"
    flags = {
        "server.address": host,
        "server.port": str(port),
        "server.headless": str(not open_browser).lower(),
        "server.enableXsrfProtection": "true",
        "server.enableCORS": "true",
        "server.enableStaticServing": "false",
        "server.maxUploadSize": "1",
        "server.fileWatcherType": "none",
        "client.showErrorDetails": "none",
        "browser.gatherUsageStats": "false",
        "runner.magicEnabled": "false",
        "runner.postScriptGC": "false",
        **({} if login is None else {"secrets.files": str(login.secrets)}),
    }
    command = [
        sys.executable,
        "-m",
        "streamlit",
        "run",
        str(app),
        *(f"--{name}={value}" for name, value in flags.items()),
    ]
    environment = {**os.environ, "EGOCLEAN_PROJECT": str(project.root), "EGOCLEAN_STARTED_IN": str(Path.cwd())}
    environment.pop("EGOCLEAN_ALLOWED", None)
    if login is not None:
        environment["EGOCLEAN_ALLOWED"] = ",".join(login.allowed)
    if environment.get("EGOCLEAN_CACHE"):
        environment["EGOCLEAN_CACHE"] = str(Path(environment["EGOCLEAN_CACHE"]).absolute())
    # Streamlit takes its theme from .streamlit in the folder it starts in, and this one is part of the package.
    process = subprocess.Popen(command, env=environment, cwd=Path(__file__).resolve().parent / "ui")
    try:
        return process.wait()
    finally:
        process.terminate()
        process.wait()


def export_apart(project: Project, path: Path, file_format: str) -> None:
    """Write the manifest of the saved selection to ``path`` in a process of its own, as ``egoclean export`` does.

    Raises
    ------
    EgocleanError : it could not be written; the sentence is the command's.
    """
    command = [sys.executable, "-m", "egoclean", "export", "--project", str(project.root), "--out", str(path)]
    done = subprocess.run([*command, "--format", file_format], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise EgocleanError(f"The manifest could not be written: {done.stderr.strip()[-500:]}", "Try again.")


def _demo_folder(project: Project, source: str, reporter: Reporter) -> str:
    if not source.startswith(DEMO_SOURCE):
        return source
    from egoclean.demo.world import Size
    from egoclean.demo.write import build_demo

    size = source.removeprefix(DEMO_SOURCE) or "full"
    if size not in ("full", "tiny"):
        raise UsageError(f"The demo comes as demo: and demo:tiny, found {source!r}.")
    folder = project.demo_folder(size)
    build_demo(folder, cast(Size, size), 0, progress=lambda done, total: reporter.stage("demo", done, total, "files"))
    return str(folder)


def _wait_for(path: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while not path.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
