"""A relay between a browser and the dashboard that notes when the server had its last word."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import re
import socket
import threading
import time
from multiprocessing.sharedctypes import Synchronized

_CHUNK_BYTES = 1 << 16
_CONTROL_BYTES = 16
_NEVER = -1.0
_EXTENSIONS = re.compile(rb"(?i)sec-websocket-extensions:[^\r]*\r\n")


class Relay:
    """Passes every byte on and notes when the websocket was first asked and last answered since :meth:`reset`.

    It is a process and a session of its own: neither the driver of the browser nor its niceness delays what is noted.
    """

    def __init__(self, port: int) -> None:
        self._asked, self._answered = multiprocessing.Value("d", _NEVER), multiprocessing.Value("d", _NEVER)
        listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        process = multiprocessing.Process(
            target=_accept, args=(listener, port, self._asked, self._answered), daemon=True
        )
        process.start()
        listener.close()

    def reset(self) -> None:
        """Forget the moments noted so far."""
        self._asked.value = self._answered.value = _NEVER

    @property
    def seconds(self) -> float:
        """From the first byte the browser sent to the last one the server sent; 0 when nothing was asked."""
        if _NEVER in (self._asked.value, self._answered.value):
            return 0.0
        return max(0.0, self._answered.value - self._asked.value)


def _accept(listener: socket.socket, port: int, asked: Synchronized[float], answered: Synchronized[float]) -> None:
    os.setsid()
    while True:
        browser, _ = listener.accept()
        threading.Thread(target=_serve, args=(browser, port, asked, answered), daemon=True).start()


def _serve(browser: socket.socket, port: int, asked: Synchronized[float], answered: Synchronized[float]) -> None:
    server = socket.create_connection(("127.0.0.1", port))
    for end in (browser, server):
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    watched = threading.Event()
    threading.Thread(target=_back, args=(server, browser, watched, answered), daemon=True).start()
    with contextlib.suppress(OSError):
        while data := browser.recv(_CHUNK_BYTES):
            if watched.is_set() and asked.value == _NEVER and not _is_control(data):
                asked.value = time.perf_counter()
            if b"Upgrade: websocket" in data:
                watched.set()
                data = _EXTENSIONS.sub(b"", data)
            server.sendall(data)
    server.close()


def _back(
    server: socket.socket, browser: socket.socket, watched: threading.Event, answered: Synchronized[float]
) -> None:
    with contextlib.suppress(OSError):
        while data := server.recv(_CHUNK_BYTES):
            if watched.is_set() and not _is_control(data):
                answered.value = time.perf_counter()
            browser.sendall(data)
    browser.close()


def _is_control(data: bytes) -> bool:
    """Tell whether a websocket's ping or pong was read, which comes by the clock (RFC 6455, 5.5)."""
    return len(data) <= _CONTROL_BYTES and bool(data[0] & 0x08)
