"""A hub on loopback: what the real client asks for, and the ways a real hub and a real network fail."""

from __future__ import annotations

import functools
import hashlib
import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, quote, unquote, urlsplit

_sha256 = functools.cache(lambda data: hashlib.sha256(data).hexdigest())

COMMIT = "0123456789abcdef0123456789abcdef01234567"
TOKEN = "hf_LoopbackTokenThatMustNotLeak01"
PAGE = 2


class Hub:
    """Data sets by name, each a dict of path to bytes; ``faults`` are used up one a request for bytes.

    A fault is ``("drop", n)``: break the connection after n bytes; ``("status", code)``; ``("close", n)``: end the
    answer politely after n bytes; ``("stall", n, s)``: say nothing for s seconds after n bytes; ``("whole",)``: ignore
    the range; ``("corrupt",)``: flip a byte; ``("grown",)``: claim another total.
    """

    def __init__(self):
        self.datasets = {}
        self.gated = set()
        self.private = set()
        self.faults = []
        self.api_faults = []
        self.log = []
        self.body_bytes = 0
        self.cdn_authorizations = []
        self.accepted = {TOKEN}
        self.retry_after = "0"
        handler = type("Handler", (_Handler,), {"hub": self})
        self.server = _Server(("127.0.0.1", 0), handler)
        self.port = self.server.server_address[1]
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def paths(self, kind):
        return [path for method, path in self.log if kind in path]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A client that hangs up is no news: many tests make it do so."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16
    hub: Hub

    def log_message(self, *arguments):
        pass

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        parts = urlsplit(self.path)
        path = unquote(parts.path)
        self.hub.log.append((self.command, path))
        if path.startswith("/cdn/"):
            self.hub.cdn_authorizations.append(self.headers.get("Authorization"))
            assert "X-Amz-Signature" in parse_qs(parts.query)
            _, _, owner, name, rest = path.split("/", 4)
            return self._bytes(self.hub.datasets[f"{owner}/{name}"][rest])
        found = re.match(r"/api/datasets/([^/]+/[^/]+)(?:/(revision|tree)/([^/]+)(?:/(.*))?)?$", path)
        if found:
            return self._api(*found.groups(), parse_qs(parts.query))
        found = re.match(r"/datasets/([^/]+/[^/]+)/resolve/([^/]+)/(.*)$", path)
        if found:
            return self._resolve(*found.groups())
        return self._error(404, "EntryNotFound")

    def _refused(self, repository, *, bytes_wanted):
        authorization = self.headers.get("Authorization")
        token = authorization.removeprefix("Bearer ") if authorization else None
        if token is not None and token not in self.hub.accepted and token != "hf_" + "x" * 30:
            self._error(401, None, "Invalid credentials in Authorization header")
        elif repository not in self.hub.datasets or (repository in self.hub.private and token is None):
            self._error(401 if token is None else 404, "RepoNotFound")
        elif bytes_wanted and repository in self.hub.gated and token not in self.hub.accepted:
            self._error(401 if token is None else 403, "GatedRepo")
        else:
            return False
        return True

    def _api(self, repository, kind, revision, folder, query):
        if self.hub.api_faults:
            return self._error(self.hub.api_faults.pop(0), None)
        if self._refused(repository, bytes_wanted=False):
            return None
        if revision not in (None, "main", COMMIT):
            return self._error(404, "RevisionNotFound")
        if kind != "tree":
            facts = {"sha": COMMIT, "cardData": {"license": "apache-2.0"}}
            every = {**facts, "siblings": [{"rfilename": f"file-{index:060d}"} for index in range(20_000)]}
            wanted = query.get("expand", [])
            return self._json({"id": repository, **({name: facts[name] for name in wanted} or every)})
        entries = self._entries(repository, folder or "")
        if entries is None:
            return self._error(404, "EntryNotFound")
        first = int(query.get("cursor", ["0"])[0])
        more = first + PAGE < len(entries)
        next_url = f"{self.hub.endpoint}{quote(urlsplit(self.path).path, safe='/%')}?cursor={first + PAGE}"
        return self._json(entries[first : first + PAGE], {"Link": f'<{next_url}>; rel="next"'} if more else {})

    def _entries(self, repository, folder):
        prefix = f"{folder}/" if folder else ""
        files, folders = [], set()
        for path, data in self.hub.datasets[repository].items():
            if not path.startswith(prefix):
                continue
            rest = path[len(prefix) :]
            if "/" in rest:
                folders.add(prefix + rest.split("/")[0])
                continue
            digest = _sha256(data)
            entry = {"type": "file", "path": path, "size": len(data), "oid": "0" * 40}
            if len(data) > 1000:
                entry["lfs"] = {"oid": digest, "size": len(data), "pointerSize": 134}
            files.append(entry)
        if not files and not folders and folder:
            return None
        return sorted(
            [*files, *({"type": "directory", "path": name, "oid": "1" * 40} for name in folders)],
            key=lambda entry: entry["path"],
            reverse=True,
        )

    def _resolve(self, repository, revision, path):
        if self._refused(repository, bytes_wanted=True):
            return None
        if revision != COMMIT:
            return self._error(404, "RevisionNotFound")
        data = self.hub.datasets[repository].get(path)
        if data is None:
            return self._error(404, "EntryNotFound")
        if len(data) <= 1000:
            return self._bytes(data)
        self.send_response(302)
        target = f"http://localhost:{self.hub.port}/cdn/{repository}/{quote(path)}?X-Amz-Signature=signed"
        self.send_header("Location", target)
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("X-Linked-Size", str(len(data)))
        self.send_header("X-Linked-ETag", f'"{_sha256(data)}"')
        self.send_header("Content-Length", "0")
        self.end_headers()
        return None

    def _bytes(self, data):
        fault = self.hub.faults.pop(0) if self.hub.faults else ("none",)
        if fault[0] == "status":
            return self._error(fault[1], None)
        if fault[0] == "corrupt":
            data = data[:100] + bytes([data[100] ^ 1]) + data[101:]
        total = len(data) + (1 if fault[0] == "grown" else 0)
        wanted = re.match(r"bytes=(\d+)-(\d+)$", self.headers.get("Range", ""))
        start, stop = (int(wanted.group(1)), int(wanted.group(2)) + 1) if wanted else (0, len(data))
        ranged = wanted is not None and fault[0] != "whole"
        body = data[start:stop] if ranged else data
        stop = start + len(body)
        if fault[0] == "close":
            body = body[: fault[1]]
            stop = start + len(body)
        self.send_response(206 if ranged else 200)
        if ranged:
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{total}")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", f'"{_sha256(data)}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if fault[0] == "drop":
            body = body[: fault[1]]
            self.close_connection = True
        try:
            if fault[0] == "stall":
                self.wfile.write(body[: fault[1]])
                self.wfile.flush()
                time.sleep(fault[2])
                body = body[fault[1] :]
            self.wfile.write(body)
            self.hub.body_bytes += len(body)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        return None

    def _json(self, value, headers=None):
        body = json.dumps(value).encode()
        self.send_response(200)
        for name, item in (headers or {}).items():
            self.send_header(name, item)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.hub.body_bytes += len(body)

    def _error(self, status, code, message=None):
        self.send_response(status)
        if code:
            self.send_header("X-Error-Code", code)
        if message:
            self.send_header("X-Error-Message", message)
        if status == 429:
            self.send_header("Retry-After", self.hub.retry_after)
        self.send_header("Content-Length", "0")
        self.end_headers()
