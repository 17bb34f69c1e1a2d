"""Functions that workers import by name."""

import os
import time

import numpy as np

from egoclean.errors import MediaError


def behave(kind, value=0, progress=None):
    return BEHAVIOURS[kind](value, progress)


def chatter(_, progress):
    while True:
        progress(1, 2)
        time.sleep(0.01)


def refuse(*_):
    raise MediaError("clip is cut.", "Copy it again.", code="truncated", time_s=1.5)


def step(_, progress):
    for done in range(3):
        progress(done + 1, 3)
        time.sleep(0.15)


BEHAVIOURS = {
    "square": lambda value, _: value * value,
    "abort": lambda *_: os.abort(),
    "exit": lambda *_: os._exit(7),
    "hang": lambda *_: time.sleep(600),
    "chatty": chatter,
    "media": refuse,
    "bug": lambda *_: 1 / 0,
    "hungry": lambda *_: np.ones(1 << 33, np.uint8).sum(),
    "unpicklable": lambda *_: lambda: None,
    "steps": step,
    "pid": lambda *_: os.getpid(),
}


def parent_of_sleepers(pid_file):
    """Start two hanging workers and leave their ids in a file; runs in a process that is then killed."""
    from egoclean.engines.local import Task, run_tasks

    def note(key, done, total):
        with pid_file.open("a") as file:
            file.write(f"{done}\n")

    tasks = [Task(str(number), ("x",)) for number in range(2)]
    for _ in run_tasks(report_pid_and_hang, tasks, 2, on_progress=note, with_progress=True):
        pass


def report_pid_and_hang(_, progress):
    progress(os.getpid(), os.getpid())
    time.sleep(600)
