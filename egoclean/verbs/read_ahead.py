"""Reading pictures in a thread ahead of the network that takes them, so that decoder and device work at once."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Generic, TypeVar

Item = TypeVar("Item")

_POLL_S = 0.2


class _End:
    """Put last: what the source ended with, None for its proper end."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


class ReadAhead(Generic[Item]):
    """Yields the items of ``source`` in order while a thread fetches up to ``ahead`` more; use as a context manager.

    An error of the source is raised where its item would have come. ``waited_s`` is how long the taker waited, in
    seconds: near zero when the taker is the slower of the two.
    """

    def __init__(self, source: Iterator[Item], ahead: int) -> None:
        self._source = source
        self._ready: queue.Queue[Item | _End] = queue.Queue(max(1, ahead))
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._fetch, daemon=True)
        self._thread.start()
        self.waited_s = 0.0

    def __iter__(self) -> Iterator[Item]:
        return self

    def __next__(self) -> Item:
        started = time.monotonic()
        item = self._ready.get()
        self.waited_s += time.monotonic() - started
        if isinstance(item, _End):
            self._ready.put(item)
            raise item.error or StopIteration
        return item

    def __enter__(self) -> ReadAhead[Item]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._thread.join()

    def _fetch(self) -> None:
        end = _End(None)
        try:
            for item in self._source:
                if not self._offer(item):
                    return
        except Exception as error:
            end = _End(error)
        self._offer(end)

    def _offer(self, item: Item | _End) -> bool:
        while not self._stopped.is_set():
            try:
                self._ready.put(item, timeout=_POLL_S)
            except queue.Full:
                continue
            return True
        return False
