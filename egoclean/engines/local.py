"""Tasks over processes of this machine: a crash, a hang or a memory blow-up costs one task, never the run.

Each worker is a fresh interpreter (``spawn``) that stays for many tasks, so imports and models are paid for once. A
worker has a pipe of its own: killing it can leave nothing locked. Workers die with their parent.
"""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import os
import signal
import sys
import threading
import time
import types
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

from egoclean.errors import EgocleanError, MediaError
from egoclean.records import Problem, Severity

TaskFunction = Callable[..., Any]
OnProgress = Callable[[str, int, int], None]

START_LIMIT_S = 120.0
"""A worker may take this long to start before its first task begins."""

_CONTEXT = multiprocessing.get_context("spawn")
_POLL_S = 0.5
_PROGRESS_EVERY_S = 0.1
_GRACE_S = 2.0
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Task:
    """One unit of work: ``key`` names it in results and progress, ``args`` are pickled to the worker.

    ``timeout_s`` is this task's own limit in place of the one for all.
    """

    key: str
    args: tuple[Any, ...] = ()
    timeout_s: float | None = None


@dataclass(frozen=True, slots=True)
class TaskResult:
    """What became of a task: its ``value``, or the problem that ended it.

    ``error`` has the code of the :class:`~egoclean.errors.MediaError` that was raised, ``failed`` for other errors
    egoclean raises, ``bug`` for unexpected ones, ``crashed`` when the worker died, ``timeout`` when it took too long
    and ``out_of_memory``. ``details`` is the worker's traceback, for logs only.
    """

    key: str
    value: Any = None
    error: Problem | None = None
    exception: EgocleanError | None = None
    details: str = ""
    seconds: float = 0.0


def run_tasks(
    function: TaskFunction,
    tasks: Sequence[Task],
    workers: int = 1,
    *,
    timeout_s: float | None = None,
    memory_bytes: int | None = None,
    on_progress: OnProgress | None = None,
    with_progress: bool = False,
) -> Iterator[TaskResult]:
    """Yield the result of each task as it completes, in any order; exactly one for each task.

    Leaving the iteration early, by ``break``, an exception or Ctrl-C, ends every worker.

    Parameters
    ----------
    function : importable by name; called as ``function(*args)`` or, when ``with_progress``, as
        ``function(*args, progress=progress)`` with ``progress(done, total)``.
    workers : processes, at least 1; never more than there are tasks.
    timeout_s : a task that runs longer, not counting its worker's start, is ended with ``timeout``; the worker is
        replaced.
    memory_bytes : address space a worker may use, above which it fails with ``out_of_memory``; POSIX only.
    on_progress : called in this process as ``on_progress(key, done, total)``; an exception from it ends the run.

    Raises
    ------
    ValueError : for fewer than one worker and for two tasks with one key.
    """
    if workers < 1:
        raise ValueError(f"workers must be at least 1, found {workers}")
    if len({task.key for task in tasks}) < len(tasks):
        raise ValueError("two tasks have the same key")
    pool = _Pool(function, min(workers, len(tasks)), memory_bytes, with_progress)
    try:
        yield from pool.run(list(tasks), timeout_s, on_progress)
    finally:
        pool.stop()


_starting = threading.Lock()


@contextlib.contextmanager
def _main_hidden(function: TaskFunction) -> Iterator[None]:
    """Keep the main module from the worker that starts, which would run it again from its file: a script that has no
    ``if __name__ == "__main__"`` would start all over in each worker, and a page of the dashboard would be drawn.
    """
    if function.__module__ == "__main__":
        yield
        return
    with _starting:
        main = sys.modules["__main__"]
        sys.modules["__main__"] = types.ModuleType("__main__")
        try:
            yield
        finally:
            sys.modules["__main__"] = main


class _Worker:
    """One process and the parent's end of its pipe."""

    def __init__(self, function: TaskFunction, memory_bytes: int | None, with_progress: bool) -> None:
        self.pipe, child = _CONTEXT.Pipe()
        arguments = (child, function, memory_bytes, with_progress, os.getpid())
        self.process = _CONTEXT.Process(target=_serve, args=arguments, daemon=True)
        with _interrupts_held(), _main_hidden(function):
            self.process.start()
        child.close()
        self.task: Task | None = None
        self.running = False
        self.started_s = 0.0

    def give(self, task: Task) -> None:
        self.task, self.started_s, self.running = task, time.monotonic(), False
        with contextlib.suppress(OSError):
            self.pipe.send((task.args,))

    def limit_s(self, timeout_s: float | None) -> float | None:
        """Return the limit of the task at hand, or None where it has none."""
        own = self.task.timeout_s if self.task is not None else None
        return timeout_s if own is None else own

    def left_s(self, timeout_s: float | None) -> float | None:
        """Return the seconds until the task at hand is overdue, or None where it has no limit."""
        limit = self.limit_s(timeout_s)
        if limit is None:
            return None
        return self.started_s + limit + (0.0 if self.running else START_LIMIT_S) - time.monotonic()

    def stop(self) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()


class _Pool:
    def __init__(self, function: TaskFunction, count: int, memory_bytes: int | None, with_progress: bool) -> None:
        self._function, self._count = function, count
        self._memory_bytes, self._with_progress = memory_bytes, with_progress
        self._workers: list[_Worker] = []

    def run(self, waiting: list[Task], timeout_s: float | None, on_progress: OnProgress | None) -> Iterator[TaskResult]:
        waiting.reverse()
        while waiting or any(worker.task for worker in self._workers):
            self._assign(waiting)
            busy = [worker for worker in self._workers if worker.task]
            handles: list[Any] = [worker.pipe for worker in busy] + [worker.process.sentinel for worker in busy]
            ready = wait(handles, timeout=_poll_s(busy, timeout_s))
            for worker in busy:
                result = None
                if worker.pipe in ready or worker.process.sentinel in ready:
                    result = self._read(worker, on_progress)
                left = worker.left_s(timeout_s)
                if result is None and left is not None and left < 0:
                    limit = worker.limit_s(timeout_s)
                    result = self._replace(worker, "timeout", f"It took longer than {limit:g} s and was ended.")
                if result is not None:
                    yield result

    def stop(self) -> None:
        for worker in self._workers:
            worker.stop()
        self._workers.clear()

    def _assign(self, waiting: list[Task]) -> None:
        idle = [worker for worker in self._workers if worker.task is None]
        while waiting and (idle or len(self._workers) < self._count):
            if not idle:
                idle.append(_Worker(self._function, self._memory_bytes, self._with_progress))
                self._workers.append(idle[0])
            idle.pop().give(waiting.pop())

    def _read(self, worker: _Worker, on_progress: OnProgress | None) -> TaskResult | None:
        key = worker.task.key if worker.task else ""
        try:
            if not worker.pipe.poll():
                raise EOFError
            kind, content = worker.pipe.recv()
        except (EOFError, OSError):
            worker.process.join(_GRACE_S)
            return self._replace(worker, "crashed", _death_sentence(worker.process.exitcode))
        if kind == "started":
            worker.started_s, worker.running = time.monotonic(), True
            return None
        if kind == "progress":
            if on_progress is not None:
                on_progress(key, *content)
            return None
        worker.task = None
        return _result(key, kind, content, time.monotonic() - worker.started_s)

    def _replace(self, worker: _Worker, code: str, message: str) -> TaskResult:
        key = worker.task.key if worker.task else ""
        seconds = time.monotonic() - worker.started_s
        worker.stop()
        self._workers.remove(worker)
        return TaskResult(key, error=Problem(code, message, Severity.REJECTION), seconds=seconds)


def _poll_s(busy: list[_Worker], timeout_s: float | None) -> float:
    left = [seconds for worker in busy if (seconds := worker.left_s(timeout_s)) is not None]
    return min([_POLL_S, *(max(0.0, seconds) + 0.01 for seconds in left)])


def _death_sentence(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        with contextlib.suppress(ValueError):
            return f"The process that worked on it was ended by {signal.Signals(-exit_code).name}."
    return f"The process that worked on it ended without an answer (status {exit_code})."


def _result(key: str, kind: str, content: Any, seconds: float) -> TaskResult:
    if kind == "value":
        return TaskResult(key, value=content, seconds=seconds)
    code, message, time_s, exception, details = content
    problem = Problem(code, message, Severity.REJECTION, time_s)
    return TaskResult(key, error=problem, exception=exception, details=details, seconds=seconds)


def _serve(
    pipe: Connection, function: TaskFunction, memory_bytes: int | None, with_progress: bool, parent: int
) -> None:
    """Answer tasks from the pipe until it closes; runs in the worker, where Ctrl-C stays held for the parent."""
    _die_with(parent)
    if memory_bytes is not None:
        _limit_memory(memory_bytes)
    sender = _Sender(pipe)
    while True:
        try:
            (args,) = pipe.recv()
        except (EOFError, OSError):
            return
        sender.send("started", None)
        try:
            value = function(*args, progress=sender.progress) if with_progress else function(*args)
            sender.send("value", value)
        except Exception as error:
            sender.send("error", _described(error))


class _Sender:
    """The worker's end of the pipe: results always, progress a few times a second."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._lock = threading.Lock()
        self._last_s = 0.0

    def send(self, kind: str, content: Any) -> None:
        with self._lock:
            self._pipe.send((kind, content))

    def progress(self, done: int, total: int) -> None:
        now = time.monotonic()
        if done >= total or now - self._last_s >= _PROGRESS_EVERY_S:
            self._last_s = now
            self.send("progress", (done, total))


def _described(error: Exception) -> tuple[str, str, float | None, EgocleanError | None, str]:
    import traceback

    details = "".join(traceback.format_exception(error))
    if isinstance(error, MediaError):
        return error.code, str(error), error.time_s, error, details
    if isinstance(error, EgocleanError):
        return "failed", str(error), None, error, details
    if isinstance(error, MemoryError):
        return "out_of_memory", "It needed more memory than it may use.", None, None, details
    return "bug", f"{type(error).__name__}: {error}", None, None, details


@contextlib.contextmanager
def _interrupts_held() -> Iterator[None]:
    """Hold back Ctrl-C and termination until the block ends; a process started meanwhile ignores Ctrl-C.

    Blocking the signal alone would not do: another thread of this process may receive it, and Python would still raise
    in the main thread, half way through a start, and leave a child without what it waits for.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "pthread_sigmask"):
        yield
        return
    arrived: list[int] = []
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    handlers = {number: handler for number, handler in handlers.items() if handler is not None}
    for number in handlers:
        signal.signal(number, lambda got, _: arrived.append(got))
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if arrived:
        signal.raise_signal(arrived[0])


def _die_with(parent: int) -> None:
    """End this process when its parent dies: at once on Linux, within a second elsewhere."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    threading.Thread(target=_watch_parent, args=(parent,), daemon=True).start()


def _watch_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)


def _limit_memory(memory_bytes: int) -> None:
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
