"""Two dashboards and two command lines at work on one project: nothing lost, nothing doubled, no error.

    python bench/four_processes.py [--seconds 60] [--seed 0] [--out bench/results/four_processes.json]

A small project is made. Then, for a minute, two people decide, undo, save selections and start runs, each in a browser
on a dashboard of their own; one command line runs the project over and over with changing settings, the other selects,
exports and evaluates. Afterwards every decision must stand in the journal once and in order, every step in the catalog
once and under the key that the settings give, no result may have been made twice, no log may hold an error, and the
manifest must be the one of a project of its own in which nobody else was at work.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

from kill_and_resume import OPTIONS, REPOSITORY, temporaries, write_footage

from egoclean.exporters.manifest import read_manifest
from egoclean.library import Library
from egoclean.pipeline import plan
from egoclean.store.catalog import StepStatus
from egoclean.store.decisions import DecisionJournal
from egoclean.store.project import Project
from egoclean.store.runs import RunState, list_runs, read_events

CHROMIUM = "/usr/bin/chromium"
ERROR_SIGNS = ("Traceback (most recent call last)", "Error:", "database is locked")
EASY = "30%"
LIMIT_S = 600.0


class Hands(Protocol):
    """What a person does with a dashboard; each method returns when the page has answered."""

    def open(self, page: str) -> None:
        """Open a page."""

    def write(self, label: str, text: str) -> None:
        """Write into a field."""

    def press(self, label: str) -> bool:
        """Press a button; False where there is none that can be pressed."""

    def move(self, label: str) -> None:
        """Move a slider a little."""

    def errors(self) -> list[str]:
        """What went wrong on the pages so far."""


class BrowserHands:
    """A tab of headless Chromium on a dashboard served by ``egoclean app``."""

    def __init__(self, address: str, browser: Any) -> None:
        self._address, self._seen = address, list[str]()
        self._page = browser.new_page(viewport={"width": 1280, "height": 900})
        self._page.set_default_timeout(60_000)
        self._page.on("pageerror", lambda error: self._seen.append(f"script: {error}"))

    def open(self, page: str) -> None:
        """Open a page."""
        self._page.goto(f"{self._address}/{page}")
        self._settle()

    def write(self, label: str, text: str) -> None:
        """Write into a field."""
        field = self._page.get_by_label(label, exact=True).first
        field.fill(text)
        field.press("Enter")
        self._settle()

    def press(self, label: str) -> bool:
        """Press a button."""
        # a button's name may end in the key that presses it
        found = self._page.get_by_test_id("stMain").get_by_role("button").filter(has_text=label)
        if not found.count() or found.first.is_disabled():
            return False
        found.first.click()
        self._settle()
        return True

    def move(self, label: str) -> None:
        """Move a slider a little."""
        self._page.get_by_test_id("stSlider").filter(has_text=label).get_by_role("slider").first.press("ArrowRight")
        self._settle()

    def errors(self) -> list[str]:
        """What went wrong on the pages so far."""
        return list(self._seen)

    def _settle(self) -> None:
        self._page.wait_for_timeout(250)
        self._page.wait_for_function(
            "() => document.querySelector('[data-testid=\"stMain\"] h1') && document"
            ".querySelector('[data-testid=\"stApp\"]').getAttribute('data-test-script-state') !== 'running'"
        )
        self._seen += [item.inner_text() for item in self._page.get_by_test_id("stException").all()]


class PageHands:
    """The dashboard's own script and pages, run in this process without a browser."""

    def __init__(self) -> None:
        from streamlit.testing.v1 import AppTest

        self._seen = list[str]()
        self._app = AppTest.from_file(str(REPOSITORY / "app.py"), default_timeout=60).run()

    def open(self, page: str) -> None:
        """Open a page."""
        self._app.switch_page(f"pages/{page}.py").run()
        self._note()

    def write(self, label: str, text: str) -> None:
        """Write into a field."""
        next(item for item in self._app.text_input if item.label == label).set_value(text)

    def press(self, label: str) -> bool:
        """Press a button."""
        button = next((item for item in self._app.button if item.label == label and not item.disabled), None)
        if button is None:
            return False
        button.click().run()
        self._note()
        return True

    def move(self, label: str) -> None:
        """Move a slider a little."""
        slider = next(item for item in self._app.slider if item.label == label)
        slider.set_value(min(slider.max, slider.value + 5)).run()
        self._note()

    def errors(self) -> list[str]:
        """What went wrong on the pages so far."""
        return list(self._seen)

    def _note(self) -> None:
        self._seen += [str(item.message) for item in self._app.exception]
        self._seen += [str(item.value) for item in self._app.error]


def be_a_person(hands: Hands, name: str, seconds: float, seed: int) -> dict[str, Any]:
    """Decide, undo, save and start for ``seconds``; return what was done: every decision carries a number in its note.

    A decision that was not made because another person had emptied the queue is not counted.
    """
    chance, ends = random.Random(seed), time.monotonic() + seconds
    done: dict[str, Any] = {"notes": [], "undos": 0, "selections": 0, "starts": 0}
    hands.open("review")
    while time.monotonic() < ends or not done["notes"]:
        draw = chance.random()
        if draw < 0.08:
            hands.open("select")
            hands.move("Share of all windows, per cent")
            done["selections"] += hands.press("Save as the project's selection")
            hands.open("review")
        elif draw < 0.14:
            hands.open("runs")
            done["starts"] += hands.press("Start")
            hands.open("review")
        elif draw < 0.35 or not _decide(hands, f"{name} {len(done['notes'])}", chance, done["notes"]):
            done["undos"] += hands.press("Undo")
    return {**done, "errors": hands.errors()}


def _decide(hands: Hands, note: str, chance: random.Random, notes: list[str]) -> bool:
    try:
        hands.write("Note", note)
    except (StopIteration, TimeoutError):
        return False
    if hands.press(chance.choice(("Keep", "Reject"))):
        notes.append(note)
        return True
    return False


def person_process(name: str, seconds: float, seed: int, out: Path, address: str | None) -> None:
    """Be one person, in this process, and write what was done to ``out``."""
    if address is None:
        done = be_a_person(PageHands(), name, seconds, seed)
    else:
        from playwright.sync_api import sync_playwright

        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
            done = be_a_person(BrowserHands(address, browser), name, seconds, seed)
            browser.close()
    out.write_text(json.dumps(done), encoding="utf-8")


def environment(project: Project) -> dict[str, str]:
    """Return the environment of every process here: nothing personal, this project, this code."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("EGOCLEAN_") and name != "SEED"}
    return {**kept, "PYTHONPATH": str(REPOSITORY), "EGOCLEAN_PROJECT": str(project.root)}


def egoclean(project: Project, log: Path, *arguments: str) -> int:
    """Run one command to its end, with all it says appended to ``log``; return its exit status."""
    command = [sys.executable, "-m", "egoclean", arguments[0], *arguments[1:], "--project", str(project.root)]
    with log.open("ab") as output:
        return subprocess.run(
            command, stdout=output, stderr=output, env=environment(project), timeout=LIMIT_S
        ).returncode


def run_over_and_over(project: Project, log: Path, ends: float) -> Counter[str]:
    """Run the project with changing settings until ``ends``; return how many commands ended with which status."""
    ended: Counter[str] = Counter()
    changes = ((), ("--masks", "2"), ("--stride-s", "0.7"), ("--until", "structure"))
    number = 0
    while time.monotonic() < ends or not number:
        status = egoclean(project, log, "run", *OPTIONS, *changes[number % len(changes)])
        ended[f"run: {status}"] += 1
        number += 1
    return ended


def choose_over_and_over(project: Project, log: Path, ends: float, folder: Path) -> Counter[str]:
    """Select, export and evaluate until ``ends``; a manifest that cannot be read counts as status ``unreadable``."""
    ended: Counter[str] = Counter()
    number = 0
    while time.monotonic() < ends or not number:
        budget = ("30%", "50%", "70%")[number % 3]
        ended[f"select: {egoclean(project, log, 'select', '--budget', budget)}"] += 1
        manifest = folder / f"{number}.jsonl"
        ended[f"export: {egoclean(project, log, 'export', '--out', str(manifest))}"] += 1
        ended["export: unreadable"] += not (manifest.is_file() and read_manifest(manifest))
        if number % 2 == 0:
            ended[f"evaluate: {egoclean(project, log, 'evaluate', '--seeds', '2')}"] += 1
        number += 1
    return +ended


def at_work(project: Project, folder: Path, seconds: float, seed: int, browser: bool) -> dict[str, Any]:
    """Let four work on ``project`` for ``seconds``; return what each did. Logs go into ``folder``."""
    people = ("Ann", "Ben")
    servers = [serve(project, folder / f"app {name}.log") for name in people] if browser else []
    addresses = [address for _, address in servers] or [None, None]
    ends = time.monotonic() + seconds
    processes = []
    for number, (name, address) in enumerate(zip(people, addresses, strict=True)):
        script = [sys.executable, str(Path(__file__)), "--person", name, "--seconds", str(seconds)]
        script += ["--seed", str(seed + number), "--out", str(folder / f"{name}.json")]
        script += ["--address", address] if address else []
        with (folder / f"person {name}.log").open("wb") as log:
            processes.append(subprocess.Popen(script, stdout=log, stderr=log, env=environment(project)))
    results: dict[str, Any] = {}
    exports = folder / "exports"
    exports.mkdir()
    lines = {
        "runner": lambda: run_over_and_over(project, folder / "runner.log", ends),
        "chooser": lambda: choose_over_and_over(project, folder / "chooser.log", ends, exports),
    }
    threads = [threading.Thread(target=_keep, args=(results, name, work)) for name, work in lines.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name, process in zip(people, processes, strict=True):
        status = process.wait(LIMIT_S)
        told = folder / f"{name}.json"
        results[name] = json.loads(told.read_text(encoding="utf-8")) if told.is_file() else {"died": status}
    wait_for_runs(project)
    for process, _ in servers:
        process.terminate()
        process.wait(30)
    return results


def _keep(results: dict[str, Any], name: str, work: Callable[[], Counter[str]]) -> None:
    results[name] = dict(work())


def serve(project: Project, log: Path) -> tuple[subprocess.Popen[bytes], str]:
    """Serve a dashboard of the project; return its process and address once it answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    command = [sys.executable, "-m", "egoclean", "app", "--project", str(project.root), "--port", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environment(project))
    address, deadline = f"http://127.0.0.1:{port}", time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=2):
                return process, address
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            time.sleep(0.2)
    raise SystemExit(f"the dashboard did not start: {log.read_text(errors='replace')}")


def wait_for_runs(project: Project) -> None:
    """Wait until no run works on the project."""
    deadline = time.monotonic() + LIMIT_S
    while any(run.state is RunState.RUNNING for run in list_runs(project.runs)) and time.monotonic() < deadline:
        time.sleep(0.2)


def faults_found(project: Project, folder: Path, results: dict[str, Any]) -> list[str]:
    """Return everything that was lost, doubled or went wrong, in words; call after a last quiet run."""
    faults = list(_journal_faults(project, results))
    faults += [f"{name}: {text}" for name in ("Ann", "Ben") for text in results[name].get("errors", ["died"])]
    for name in ("runner", "chooser"):
        faults += [
            f"{name}: {text}, {count} times" for text, count in results[name].items() if not text.endswith(": 0")
        ]
    logs = [*folder.glob("*.log"), *project.runs.glob("*/log.txt")]
    for log in logs:
        text = log.read_text(encoding="utf-8", errors="replace")
        faults += [f"{log.name}: {sign}" for sign in ERROR_SIGNS if sign in text]
    faults += [
        f"run {run.run_id}: {run.state}: {run.message}" for run in list_runs(project.runs) if run.state != RunState.DONE
    ]
    faults += [f"left behind: {path}" for path in temporaries(project.root.parent)]
    return [*faults, *_catalog_faults(project)]


def _journal_faults(project: Project, results: dict[str, Any]) -> Iterable[str]:
    lines = DecisionJournal(project.decisions).read()
    for name in ("Ann", "Ben"):
        stored = [line.note for line in lines if line.note.startswith(f"{name} ")]
        if stored != results[name].get("notes"):
            yield f"{name} decided {results[name].get('notes')}, the journal holds {stored}"
    ids = Counter(line.decision_id for line in lines)
    undone = Counter(line.undoes for line in lines if line.undoes)
    yield from (f"decision {key} stands {count} times" for key, count in ids.items() if count > 1)
    yield from (f"decision {key} was undone {count} times" for key, count in undone.items() if count > 1)
    yield from (f"{key} was undone and never made" for key in undone if key not in ids)
    if sum(undone.values()) > sum(results[name].get("undos", 0) for name in ("Ann", "Ben")):
        yield "more was undone than people undid"


def _catalog_faults(project: Project) -> Iterable[str]:
    library = Library(project)
    planned = {(step.clip_id, step.verb): step for step in plan(project, project.settings(), project.sources())}
    steps = [step for step in library.steps() if step.clip_id]
    for key, count in Counter((step.clip_id, step.verb) for step in steps).items():
        if count > 1:
            yield f"{key} stands in the catalog {count} times"
    found = {(step.clip_id, step.verb): step for step in steps}
    yield from (f"{key} is not in the catalog" for key in planned if key not in found)
    yield from (f"{key} is in the catalog and not planned" for key in found if key not in planned)
    for key, step in found.items():
        if step.status is not StepStatus.DONE or (key in planned and step.key != planned[key].key.key):
            yield f"{key} is {step.status} under another key than planned"
    made = Counter(
        event["verb"] for run in list_runs(project.runs) for event in read_events(run.folder) if event["kind"] == "clip"
    )
    for verb in ("ingest", "rectify", "score", "embed", "structure"):
        entries = len(list((project.cache_root() / verb).glob("*/*/entry.json")))
        if made[verb] != entries:
            yield f"{verb} was done {made[verb]} times for {entries} results"


def manifest(project: Project, log: Path) -> bytes:
    """Run a project once more with fixed settings, nobody else at work; return its manifest."""
    status = egoclean(project, log, "run", *OPTIONS, "--budget", EASY)
    if status != 0:
        raise SystemExit(f"the last run ended with status {status}: {log.read_text(errors='replace')[-2000:]}")
    return (project.exports / "manifest.jsonl").read_bytes()


def try_four(folder: Path, seconds: float, seed: int, *, browser: bool, frames: int, clips: int = 4) -> dict[str, Any]:
    """Make a project, let four work on it, and compare with one in which nobody else worked; return the findings."""
    footage = write_footage(folder / "footage", clips, frames)
    project, alone = Project(folder / "shared" / "project"), Project(folder / "alone" / "project")
    logs = folder / "logs"
    logs.mkdir()
    status = egoclean(project, logs / "first.log", "run", str(footage), *OPTIONS)
    if status != 0:
        raise SystemExit(f"the first run ended with status {status}: {(logs / 'first.log').read_text()[-2000:]}")
    results = at_work(project, logs, seconds, seed, browser)
    shared = manifest(project, logs / "last.log")
    # every entry but the selections is addressed by its content: the other project may begin with copies of them
    shutil.copytree(
        project.cache_root(), alone.cache_root(), ignore=shutil.ignore_patterns("catalogs", "tables", "select")
    )
    alone.root.mkdir(parents=True)
    shutil.copyfile(project.decisions, alone.decisions)
    egoclean(alone, logs / "alone.log", "run", str(footage), *OPTIONS)
    same = shared == manifest(alone, logs / "alone.log")
    faults = faults_found(project, logs, results) + (
        [] if same else ["the manifest is not that of an undisturbed project"]
    )
    journal = DecisionJournal(project.decisions).read()
    return {
        "seconds": seconds,
        "seed": seed,
        "decisions": sum(len(results[name].get("notes", [])) for name in ("Ann", "Ben")),
        "undone": sum(1 for line in journal if line.undoes),
        "selections_saved": sum(results[name].get("selections", 0) for name in ("Ann", "Ben")),
        "runs_started_by_people": sum(results[name].get("starts", 0) for name in ("Ann", "Ben")),
        "commands": {**results["runner"], **results["chooser"]},
        "runs": len(list_runs(project.runs)),
        "catalog_steps": len(Library(project).steps()),
        "same_manifest": same,
        "faults": faults,
    }


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=REPOSITORY / "bench" / "results" / "four_processes.json")
    parser.add_argument("--without-browser", action="store_true", help="Run the pages' scripts without a browser.")
    parser.add_argument("--person", help=argparse.SUPPRESS)
    parser.add_argument("--address", help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def main() -> None:
    given = parse()
    if given.person:
        person_process(given.person, given.seconds, given.seed, given.out, given.address)
        return
    with tempfile.TemporaryDirectory() as folder:
        result = try_four(Path(folder), given.seconds, given.seed, browser=not given.without_browser, frames=150)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))
    sys.exit(bool(result["faults"]))


if __name__ == "__main__":
    main()
