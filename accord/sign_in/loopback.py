"""Where a browser comes back to after signing in: an address on this machine, for one answer."""

from __future__ import annotations

import hashlib
import hmac
import threading
from base64 import urlsafe_b64encode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl, urlsplit

from accord.embedded.folder import StackError

_PATH = "/back"
_PAGE = """<!doctype html><html lang="zh"><meta charset="utf-8"><title>Accord</title>
<p>{zh}</p><p>{en}</p></html>"""


def challenge_of(verifier: str) -> str:
    """Return the challenge of a verifier (RFC 7636, S256)."""
    return urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


class Loopback:
    """Listens on loopback for the one answer that brings this state; without a port, wherever one is free."""

    def __init__(self, state: str, port: int = 0) -> None:
        self._state = state
        try:
            self._server = _Server(self, port)
        except OSError as error:
            raise StackError(f"cannot listen on port {port} of this machine: {error.strerror}") from None
        self._came = threading.Event()
        self._taking = threading.Lock()
        self._told: dict[str, str] = {}
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}{_PATH}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()

    def wait(self, seconds: float) -> dict[str, str]:
        """Return the parameters of the answer; raise StackError if none comes in time."""
        if not self._came.wait(seconds):
            raise StackError(f"nobody signed in within {seconds:.0f} s")
        return self._told

    def take(self, path: str) -> bool:
        """Take an answer, the first one with the right state; return whether it was one."""
        parts = urlsplit(path)
        told = dict(parse_qsl(parts.query))
        right = hmac.compare_digest(told.get("state", "").encode(), self._state.encode())
        with self._taking:
            if parts.path != _PATH or not right or self._told:
                return False
            self._told = told
            return True

    def go_on(self) -> None:
        """Let whoever waits go on: the browser has its page."""
        self._came.set()


class _Server(ThreadingHTTPServer):
    # Browsers open connections in advance, which must not keep the one with the answer waiting.

    def __init__(self, back: Loopback, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Answer)
        self.back = back


class _Answer(BaseHTTPRequestHandler):
    server: _Server
    timeout = 10

    def do_GET(self) -> None:
        """Answer the browser."""
        taken = self.server.back.take(self.path)
        try:
            self._show(taken)
        finally:
            if taken:
                self.server.back.go_on()

    def _show(self, taken: bool) -> None:
        body = (
            _PAGE.format(zh="可以关闭此页，回到命令行。", en="You can close this page and go back to the command line.")
            if taken
            else _PAGE.format(zh="不是正在等待的登录。", en="This is not the sign-in that is waited for.")
        ).encode()
        self.send_response(200 if taken else 400)
        self.send_header("content-type", "text/html; charset=utf-8")
        self.send_header("content-length", str(len(body)))
        self.send_header("content-security-policy", "default-src 'none'")
        self.send_header("referrer-policy", "no-referrer")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing: the address has the code."""
