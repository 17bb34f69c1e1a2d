"""Memory of running processes and all their children, sampled from /proc (Linux)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

SAMPLE_EVERY_S = 0.2


def tree_bytes(pids: Sequence[int]) -> float:
    """Return the proportional memory of processes and their children; a process that just ended counts as nothing."""
    total, waiting = 0.0, list(pids)
    while waiting:
        pid = waiting.pop()
        try:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
            waiting += [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        except OSError:
            continue
        total += next((1024.0 * int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")), 0.0)
    return total


class PeakMemory:
    """The greatest :func:`tree_bytes` of the processes that ``pids`` names, seen while its block runs."""

    def __init__(self, pids: Callable[[], Sequence[int]]) -> None:
        self._pids = pids
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.peak_bytes = 0.0
        self.samples = 0

    def _watch(self) -> None:
        while not self._done.wait(SAMPLE_EVERY_S):
            self.peak_bytes = max(self.peak_bytes, tree_bytes(self._pids()))
            self.samples += 1

    def __enter__(self) -> PeakMemory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
