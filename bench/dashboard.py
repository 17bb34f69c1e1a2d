"""The dashboard's server: time and bytes of each interaction, memory; and how soon each page shows its own figure.

``python bench/dashboard.py scale --work FOLDER --windows 100000 1000000`` makes a project of each size, serves it as a
user does, and drives every page in headless Chromium. Server time runs from the first byte that the browser sends over
the websocket to the last one that comes back, as a relay between the two has them; payload is every byte that came over
the websocket, and over HTTP but for the program's own static files. ``python bench/dashboard.py demo --project DIR``
measures on a finished project how soon each page's own figure or table can be seen: cold is the first page after the
server's start in a new browser window, warm the same page once more. Both write ``bench/results/dashboard.json``, with
processor time and load beside the wall clock: on a machine that does other work the clock says what that work left.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from dashboard_project import build
from playwright.sync_api import Page, sync_playwright
from process_memory import tree_bytes
from relay import Relay
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from egoclean.store.catalog import Catalog
from egoclean.store.project import Project

RESULT = Path(__file__).parent / "results" / "dashboard.json"
CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run", "--mute-audio"]
PAGES = (
    "overview", "ingest", "clips", "rectify", "score", "structure", "map", "review", "select", "evaluate", "export",
    "runs",
)  # fmt: skip
QUIET_S = 0.4
PATIENCE_S = 180.0
LIMITS = {100_000: (150.0, 2.0), 1_000_000: (400.0, 2.0)}
MOST_MEMORY_MB = 1000.0
"""Of the server and its children with as many windows as the largest size has."""

CHOOSES = ("select: budget", "select: threshold")
"""Interactions that the page answers with a count, while another process chooses."""
OWN = {
    "overview": '[data-testid="stDataFrame"] canvas',
    "ingest": '[data-testid="stDataFrame"] canvas',
    "clips": ".tile .picture",
    "rectify": '[data-testid="stPlotlyChart"] .main-svg',
    "score": '[data-testid="stPlotlyChart"] .main-svg',
    "structure": '[data-testid="stPlotlyChart"] .main-svg',
    "map": '[data-testid="stPlotlyChart"] .main-svg',
    "review": "video",
    "select": '[data-testid="stPlotlyChart"] .main-svg',
    "evaluate": '[data-testid="stPlotlyChart"] .main-svg',
    "export": '[data-testid="stDataFrame"] canvas',
    "runs": '[data-testid="stDataFrame"] canvas',
}
"""What on each page is its own figure or table."""


@dataclass
class Meter:
    """What a browser tab's network log says of one interaction."""

    page: Page
    relay: Relay
    busy_since: float | None = None
    payload: int = 0
    reruns: int = 0
    last_frame: float = field(default_factory=time.monotonic)
    until_quiet_ms: float = 0.0
    kinds: dict[str, int] = field(default_factory=dict)
    _requests: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        session = self.page.context.new_cdp_session(self.page)
        session.send("Network.enable")
        session.on("Network.webSocketFrameSent", self._sent)
        session.on("Network.webSocketFrameReceived", self._received)
        session.on("Network.requestWillBeSent", lambda event: self._asked(event))
        session.on("Network.loadingFinished", lambda event: self._loaded(event))

    def measure(self, act: Callable[[Page], None], first_answer: bool = False) -> tuple[float, float, int]:
        """Do ``act`` and return the server's milliseconds, the megabytes sent and the number of reruns.

        With ``first_answer`` the milliseconds are those of the first rerun alone: what follows shows how the work of
        another process stands. ``until_quiet_ms`` is how long it took until that work was done and shown.
        """
        self.settle(wait_for_rerun=False)
        self.payload, self.reruns, self.kinds = 0, 0, {}
        self.relay.reset()
        act(self.page)
        asked = time.monotonic()
        while first_answer and time.monotonic() < asked + 3 and (self.reruns == 0 or self.busy_since is not None):
            self.page.wait_for_timeout(10)
        first_ms = 1000 * self.relay.seconds
        self.settle(wait_for_rerun=True)
        self.until_quiet_ms = 1000 * self.relay.seconds
        return first_ms if first_answer else self.until_quiet_ms, self.payload / 1e6, self.reruns

    def settle(self, wait_for_rerun: bool) -> None:
        """Wait until the server has ended every rerun and nothing came for a moment."""
        deadline = time.monotonic() + PATIENCE_S
        asked = time.monotonic()
        while time.monotonic() < deadline:
            self.page.wait_for_timeout(50)
            if self.busy_since is not None or time.monotonic() - self.last_frame < QUIET_S:
                continue
            # A gesture that asks the server for nothing is answered by the browser alone.
            if self.reruns or not wait_for_rerun or time.monotonic() - asked > 3:
                return
        raise TimeoutError(f"the server was still busy after {PATIENCE_S:.0f} s")

    def _sent(self, event: dict[str, Any]) -> None:
        message = BackMsg.FromString(base64.b64decode(event["response"]["payloadData"]))
        self.last_frame = time.monotonic()
        if message.WhichOneof("type") == "rerun_script":
            self.reruns += 1
            self.busy_since = self.busy_since or float(event["timestamp"])

    def _received(self, event: dict[str, Any]) -> None:
        data = base64.b64decode(event["response"]["payloadData"])
        self.last_frame = time.monotonic()
        self.payload += len(data)
        message = ForwardMsg.FromString(data)
        kind = message.WhichOneof("type")
        if kind == "delta" and message.delta.WhichOneof("type") == "new_element":
            kind = str(message.delta.new_element.WhichOneof("type"))
        self.kinds[str(kind)] = self.kinds.get(str(kind), 0) + len(data)
        ended_early = message.script_finished == ForwardMsg.FINISHED_EARLY_FOR_RERUN
        if kind == "script_finished" and not ended_early and self.busy_since is not None:
            self.busy_since = None

    def _asked(self, event: dict[str, Any]) -> None:
        self._requests[event["requestId"]] = event["request"]["url"]

    def _loaded(self, event: dict[str, Any]) -> None:
        url = self._requests.pop(event["requestId"], "")
        if not url.startswith(("data:", "blob:")) and "/static/" not in url:
            self.last_frame = time.monotonic()
            self.payload += int(event["encodedDataLength"])


@contextlib.contextmanager
def served(project: Project, cache: Path, log: Path) -> Iterator[tuple[str, int]]:
    """Serve the dashboard of ``project``; yield its address and the id of the server's process."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    command = [sys.executable, "-m", "egoclean", "app", "--project", str(project.root), "--port", str(port)]
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdout=output,
            stderr=output,
            env={**os.environ, "EGOCLEAN_CACHE": str(cache)},
            start_new_session=True,
        )
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_until_healthy(address, process)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        yield address, int(children[0])
    finally:
        process.terminate()
        process.wait(30)


def _wait_until_healthy(address: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=2):
                return
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            time.sleep(0.1)
    raise RuntimeError("the dashboard did not answer")


def _key(name: str) -> Callable[[Page], None]:
    def act(page: Page) -> None:
        page.locator("h1").first.click()
        page.keyboard.press(name)

    return act


def _go(name: str) -> Callable[[Page], None]:
    return lambda page: page.get_by_role("link", name=name.capitalize(), exact=True).first.click()


def _segment(*labels: str) -> Callable[[Page], None]:
    """Return a gesture that takes the next of ``labels`` each time it is done."""
    turns = iter(labels * 1000)
    return lambda page: page.get_by_test_id("stMain").get_by_role("radio", name=next(turns), exact=True).first.click()


def _slide(label: str) -> Callable[[Page], None]:
    """Return a gesture that moves the lower end of a slider by one step, to and fro."""
    steps = iter(("ArrowRight", "ArrowRight", "ArrowRight", "ArrowLeft") * 1000)

    def act(page: Page) -> None:
        slider = page.get_by_test_id("stSlider").filter(has_text=label).get_by_role("slider").first
        slider.focus()
        slider.press(next(steps))

    return act


def _type(label: str, *texts: str) -> Callable[[Page], None]:
    turns = iter(texts * 1000)

    def act(page: Page) -> None:
        page.get_by_label(label).first.fill(next(turns))
        page.keyboard.press("Enter")

    return act


def _option(label: str, *texts: str) -> Callable[[Page], None]:
    """Return a gesture that takes the next option of a select box, or the next of those that ``texts`` name."""
    turns = iter(texts * 1000)

    def act(page: Page) -> None:
        page.get_by_test_id("stSelectbox").filter(has_text=label).first.click()
        if texts:
            page.get_by_role("option", name=next(turns), exact=True).click()
            return
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")

    return act


def _row(place: int = 0, rows: int = 6) -> Callable[[Page], None]:
    """Return a gesture that selects another of the first rows of a table by its box at the left."""
    turns = iter(tuple(range(1, rows + 1)) * 1000)

    def act(page: Page) -> None:
        canvas = page.get_by_test_id("stDataFrame").nth(place)
        canvas.scroll_into_view_if_needed()
        box = canvas.bounding_box()
        assert box is not None
        page.mouse.click(box["x"] + 14, box["y"] + 35 * next(turns) + 17)

    return act


def _drag(share: tuple[float, float, float, float], loop: bool) -> Callable[[Page], None]:
    """Return a gesture that draws a box, or a loop, over a part of the page's first figure.

    Each time elsewhere: a drag that starts on the last selection moves that one.
    """
    shifts = iter((0.0, 0.22, -0.22, 0.11) * 1000)

    def act(page: Page) -> None:
        area = page.locator(".js-plotly-plot .nsewdrag").first
        area.scroll_into_view_if_needed()
        page.wait_for_timeout(300)
        box = area.bounding_box()
        assert box is not None
        shift = next(shifts)
        left, top, right, bottom = share[0] + shift, share[1], share[2] + shift, share[3]
        corners = [(left, top), (right, bottom)]
        if loop:
            corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
        places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in corners]
        page.mouse.move(*places[0])
        page.mouse.down()
        for place in places[1:]:
            page.mouse.move(*place, steps=6)
            page.wait_for_timeout(60)
        page.mouse.up()

    return act


def _click(name: str) -> Callable[[Page], None]:
    return lambda page: page.get_by_test_id("stMain").get_by_text(name, exact=False).first.click()


def interactions() -> dict[str, dict[str, Callable[[Page], None]]]:
    """Return what is done on each page, by name; each can be done over and over."""
    return {
        "overview": {"only clips to see to": _click("Only clips with something")},
        "ingest": {},
        "clips": {
            "search": _type("Search", "worker_0001", "worker_0002", "mp4", ""),
            "grid or table": _segment("table", "grid"),
        },
        "rectify": {"another clip": _option("Clip")},
        "score": {
            "threshold": _slide("Keep windows with"),
            "brush the histogram": _drag((0.4, 0.4, 0.55, 0.6), loop=False),
            "signal": _segment("anomaly", "skill", "change", "score"),
            "highest or lowest": _segment("lowest", "highest"),
            "row": _row(-1),
        },
        "structure": {"another clip": _option("Clip")},
        "map": {
            "colour": _segment("factory", "selection", "worker", "clip"),
            "lasso": _drag((0.4, 0.4, 0.55, 0.55), loop=True),
        },
        "review": {"keep": _key("k"), "undo": _key("u"), "later": _key("n"), "route": _segment("score", "anomaly")},
        "select": {
            "row": _row(0),
            "budget": _slide("Share of all windows"),
            "threshold": _slide("Keep scores from"),
        },
        "evaluate": {},
        "export": {"format": _option("Format", "csv", "parquet", "jsonl")},
        "runs": {"row": _row(0, rows=1)},
    }


def cpu_s(pid: int) -> float:
    """Return the seconds of processor time that the server's process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def stand_back() -> None:
    """Leave the server a processor of its own, and give way to it on the other: on a desk a browser has its own.

    Where Linux groups processes by session, the group has to give way as well.
    """
    os.setpriority(os.PRIO_PROCESS, 0, 19)
    if sys.platform == "linux":
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    group = Path("/proc/self/autogroup")
    if group.is_file():
        group.write_text("19")


def walk(address: str, pid: int, repeats: int, only: tuple[str, ...]) -> dict[str, Any]:
    """Return milliseconds, megabytes and reruns of every interaction, and the server's memory after all of them."""
    relay = Relay(int(address.rpartition(":")[2]))
    # The browser and this script stand back: on a desk they do not share two cores with the server's other work.
    stand_back()
    found: dict[str, Any] = {"load_at_start": round(os.getloadavg()[0], 1), "server_niceness": os.getpriority(0, pid)}
    gestures = interactions()
    # Decisions change what a selection would be, so the review comes last.
    order = [*(name for name in only if name != "review"), *(name for name in only if name == "review")]
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_context(viewport={"width": 1280, "height": 1800}).new_page()
        page.set_default_timeout(1000 * PATIENCE_S)
        meter = Meter(page, relay)
        started = time.monotonic()
        page.goto(relay.address)
        meter.settle(wait_for_rerun=True)
        found["first page after the start, s"] = round(time.monotonic() - started, 2)
        memory = _note(found, "at the start", pid, 0.0)
        for name in order:
            cold = meter.measure(_go("runs" if name == "overview" else name)) if name != "overview" else None
            if cold is not None:
                _tell(name, "open, first time", [cold], meter, found)
            for label, act in gestures[name].items():
                before = cpu_s(pid)
                rows, chosen_ms = [], []
                for _ in range(repeats):
                    rows.append(meter.measure(act, first_answer=f"{name}: {label}" in CHOOSES))
                    chosen_ms.append(meter.until_quiet_ms)
                _tell(name, label, rows, meter, found, (cpu_s(pid) - before) / repeats)
                if f"{name}: {label}" in CHOOSES:
                    found[f"{name}: {label}"]["chosen_p50_ms"] = round(float(np.median(chosen_ms)), 1)
                    found[f"{name}: {label}"]["chosen_most_ms"] = round(max(chosen_ms), 1)
                    sys.stdout.write(f"    chosen after {np.median(chosen_ms):.0f} ms, at most {max(chosen_ms):.0f}\n")
            memory = _note(found, name, pid, memory)
        for name in only:
            away = _go("runs" if name != "runs" else "ingest")
            rows, used_s = [], 0.0
            for _ in range(repeats):
                meter.measure(away)
                before = cpu_s(pid)
                rows.append(meter.measure(_go(name), first_answer=name == "select"))
                used_s += cpu_s(pid) - before
            _tell(name, "open", rows, meter, found, used_s / repeats)
        memory = _note(found, "after all", pid, memory)
        browser.close()
    found["memory, MB"] = round(memory, 1)
    found["load_at_end"] = round(os.getloadavg()[0], 1)
    return found


def _tell(
    page: str,
    label: str,
    rows: list[tuple[float, float, int]],
    meter: Meter,
    found: dict[str, Any],
    processor_s: float | None = None,
) -> None:
    # A gesture that the browser answers alone says nothing about the server.
    answered = [row for row in rows if row[2]] or rows
    times, sizes, reruns = (np.array(column) for column in zip(*answered, strict=True))
    figures = {
        "p50_ms": round(float(np.median(times)), 1),
        "p95_ms": round(float(np.quantile(times, 0.95)), 1),
        "processor_ms": None if processor_s is None else round(1000 * processor_s, 1),
        "payload_mb": round(float(sizes.max()), 3),
        "reruns": int(reruns.max()),
        "repeats": len(answered),
    }
    found[f"{page}: {label}"] = figures
    heavy = sorted(meter.kinds.items(), key=lambda item: -item[1])[:3]
    parts = ", ".join(f"{kind} {size / 1e3:.0f} kB" for kind, size in heavy)
    sys.stdout.write(
        f"{page + ': ' + label:<38}{figures['p50_ms']:>9.0f} ms{figures['p95_ms']:>9.0f} ms"
        f"{figures['processor_ms'] or 0:>7.0f} cpu{figures['payload_mb']:>8.2f} MB  "
        f"{figures['reruns']} reruns; {parts}\n"
    )
    sys.stdout.flush()


def _note(found: dict[str, Any], place: str, pid: int, most: float) -> float:
    now = tree_bytes([pid]) / 1e6
    found.setdefault("memory by page, MB", {})[place] = round(now, 1)
    sys.stdout.write(f"{'memory ' + place:<38}{now:>9.0f} MB\n")
    return max(most, now)


def visible(project: Project, cache: Path, log: Path, rounds: int, only: tuple[str, ...]) -> dict[str, Any]:
    """Return the median seconds until each page's own figure or table is seen, cold and warm.

    Beside them stands what does not depend on other work of the machine: the processor seconds of the server, and of
    the browser with this script, until the page was seen warm; and the machine's load.
    """
    found: dict[str, Any] = {"load_at_start": round(os.getloadavg()[0], 1), "processors": os.cpu_count()}
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        for name in only:
            rows = []
            for _ in range(rounds):
                with served(project, cache, log) as (address, pid):
                    context = browser.new_context(viewport={"width": 1280, "height": 900})
                    first = context.new_page()
                    cold = _seen(first, address, name)
                    first.close()
                    server, everything = cpu_s(pid), tree_cpu_s(os.getpid())
                    warm = _seen(context.new_page(), address, name)
                    server_s, all_s = cpu_s(pid) - server, tree_cpu_s(os.getpid()) - everything
                    rows.append((cold, warm, server_s, all_s - server_s))
                    context.close()
            names = ("cold_s", "warm_s", "warm_server_cpu_s", "warm_browser_cpu_s")
            medians = (round(statistics.median(column), 2) for column in zip(*rows, strict=True))
            found[name] = dict(zip(names, medians, strict=True))
            said = "   ".join(f"{key.replace('_', ' ')[:-2]} {value:.2f} s" for key, value in found[name].items())
            sys.stdout.write(f"{name:<12} {said}   load {os.getloadavg()[0]:.1f}\n")
            sys.stdout.flush()
        browser.close()
    found["load_at_end"] = round(os.getloadavg()[0], 1)
    return found


def tree_cpu_s(pid: int) -> float:
    """Return the seconds of processor time of a process and all its living children."""
    total, waiting = 0.0, [pid]
    while waiting:
        one = waiting.pop()
        with contextlib.suppress(OSError):
            total += cpu_s(one)
            for task in Path(f"/proc/{one}/task").iterdir():
                waiting += [int(child) for child in (task / "children").read_text().split()]
    return total


def _seen(page: Page, address: str, name: str) -> float:
    started = time.monotonic()
    page.goto(f"{address}/{'' if name == 'overview' else name}", wait_until="commit")
    page.locator(OWN[name]).first.wait_for(state="visible", timeout=60_000)
    return time.monotonic() - started


def forget_choices(project: Project, cache: Path) -> None:
    """Forget what the page chose in a bench before: each choice is to be made again."""
    needed = {step.key for step in Catalog(project.catalog_file()).bare_steps()}
    for entry in (cache / "select").glob("*/*"):
        if entry.name not in needed:
            shutil.rmtree(entry)


def verdict(windows: int, found: dict[str, Any]) -> list[str]:
    """Return every limit of this size that is not met, as a sentence."""
    most_ms, most_mb = LIMITS.get(windows, LIMITS[max(LIMITS)])
    missed = []
    for name, figures in found.items():
        if not isinstance(figures, dict) or "p95_ms" not in figures or name.endswith("first time"):
            continue
        if figures["p95_ms"] > most_ms:
            missed.append(f"{name}: {figures['p95_ms']:.0f} ms at the 95th percentile, limit {most_ms:.0f} ms")
        if figures["payload_mb"] > most_mb:
            missed.append(f"{name}: {figures['payload_mb']:.2f} MB, limit {most_mb:.0f} MB")
    if windows >= max(LIMITS) and found["memory, MB"] > MOST_MEMORY_MB:
        missed.append(f"memory {found['memory, MB']:.0f} MB, limit {MOST_MEMORY_MB:.0f} MB")
    return missed


def _store(part: str, value: Any) -> None:
    stored = json.loads(RESULT.read_text(encoding="utf-8")) if RESULT.is_file() else {}
    stored[part] = value
    RESULT.write_text(json.dumps(stored, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def main() -> None:
    """Run one of the two parts, print its table and store it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=("scale", "demo"))
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "egoclean-dashboard-bench")
    parser.add_argument("--windows", type=int, nargs="*", default=[100_000, 1_000_000])
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--project", type=Path, help="a finished project, for the part demo")
    parser.add_argument("--cache", type=Path, help="its cache; beside the project unless given")
    parser.add_argument("--pages", nargs="*", default=list(PAGES), choices=PAGES)
    parser.add_argument("--dry", action="store_true", help="do not store the result")
    given = parser.parse_args()
    pages = tuple(given.pages)
    given.work.mkdir(parents=True, exist_ok=True)
    log = given.work / "app.log"
    if given.part == "demo":
        project = Project(given.project.resolve())
        found = visible(project, given.cache or project.root.parent / "cache", log, given.rounds, pages)
        if not given.dry:
            _store("demo", found)
        return
    for windows in given.windows:
        folder = given.work / str(windows)
        project = build(folder, windows)
        forget_choices(project, folder / "cache")
        sys.stdout.write(f"{windows:,} windows\n")
        with served(project, folder / "cache", log) as (address, pid):
            found = walk(address, pid, given.repeats, pages)
        missed = verdict(windows, found)
        sys.stdout.write("".join(f"missed: {line}\n" for line in missed) or "every limit is met\n")
        if not given.dry:
            _store(str(windows), {**found, "missed": missed})


if __name__ == "__main__":
    main()
