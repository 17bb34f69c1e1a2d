"""A relay between a browser and the dashboard that notes when the server had its last word."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
import time

_CHUNK_BYTES = 1 << 16
_CONTROL_BYTES = 16
_EXTENSIONS = re.compile(rb"(?i)sec-websocket-extensions:[^\r]*\r\n")


class Relay:
    """Passes every byte on; ``asked`` and ``answered`` are moments of the websocket since :meth:`reset`."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.reset()
        threading.Thread(target=self._accept, daemon=True).start()

    def reset(self) -> None:
        """Forget the moments noted so far."""
        self.asked: float | None = None
        self.answered: float | None = None

    @property
    def seconds(self) -> float:
        """From the first byte the browser sent to the last one the server sent; 0 when nothing was asked."""
        if self.asked is None or self.answered is None:
            return 0.0
        return max(0.0, self.answered - self.asked)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                browser, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(browser,), daemon=True).start()

    def _serve(self, browser: socket.socket) -> None:
        server = socket.create_connection(("127.0.0.1", self._target))
        for end in (browser, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        watched = threading.Event()
        threading.Thread(target=self._back, args=(server, browser, watched), daemon=True).start()
        with contextlib.suppress(OSError):
            while data := browser.recv(_CHUNK_BYTES):
                if watched.is_set() and self.asked is None and not _is_control(data):
                    self.asked = time.perf_counter()
                if b"Upgrade: websocket" in data:
                    watched.set()
                    data = _EXTENSIONS.sub(b"", data)
                server.sendall(data)
        server.close()

    def _back(self, server: socket.socket, browser: socket.socket, watched: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(_CHUNK_BYTES):
                if watched.is_set() and not _is_control(data):
                    self.answered = time.perf_counter()
                browser.sendall(data)
        browser.close()


def _is_control(data: bytes) -> bool:
    """Tell whether a websocket's ping or pong was read, which comes by the clock (RFC 6455, 5.5)."""
    return len(data) <= _CONTROL_BYTES and bool(data[0] & 0x08)
