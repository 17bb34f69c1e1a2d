"""A machine that stops before its n-th file operation, or loses what was not flushed: for crash tests."""

import builtins
import io
import os
from pathlib import Path

OPERATIONS = ("mkdir", "rename", "replace", "unlink", "remove", "rmdir", "fsync", "write", "link", "symlink")


class SimulatedCrash(BaseException):
    """The process is gone; nothing that the program would still do happens."""


class Machine:
    """Counts the operations that change the disk; before number ``stops_at`` (from 1) the process dies.

    ``flushed`` follows which files were flushed: :meth:`lose_power` empties those that were not.
    """

    def __init__(self, monkeypatch, stops_at=None):
        self.count = 0
        self.stops_at = stops_at
        self._unflushed = set()
        for name in OPERATIONS:
            monkeypatch.setattr(os, name, self._counted(name, getattr(os, name)))
        opening = self._opening(io.open)
        monkeypatch.setattr(io, "open", opening)
        monkeypatch.setattr(builtins, "open", opening)

    def lose_power(self):
        """Forget the bytes of every file that was never flushed."""
        for path in self._unflushed:
            if Path(path).is_file():
                os.truncate(path, 0)

    def _step(self):
        self.count += 1
        if self.stops_at is not None and self.count >= self.stops_at:
            raise SimulatedCrash

    def _counted(self, name, real):
        def operation(*arguments, **options):
            self._step()
            if name == "fsync":
                self._unflushed.discard(str(Path(f"/proc/self/fd/{arguments[0]}").readlink()))
            if name in ("rename", "replace"):
                self._moved(str(arguments[0]), str(arguments[1]))
            return real(*arguments, **options)

        return operation

    def _opening(self, real):
        def operation(file, mode="r", *arguments, **options):
            if isinstance(file, (str, Path)) and set(mode) & set("wax+"):
                self._step()
                self._unflushed.add(os.path.realpath(file))
            return real(file, mode, *arguments, **options)

        return operation

    def _moved(self, old, new):
        old, new = os.path.realpath(old), os.path.realpath(new)
        for path in list(self._unflushed):
            if path == old or path.startswith(old + os.sep):
                self._unflushed.discard(path)
                self._unflushed.add(new + path[len(old) :])
