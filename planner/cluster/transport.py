"""One HTTP request: within a time limit, within a size limit, and to the address that the user named.

The time limit is for the whole answer: no single read of a server that sends a byte a second takes long, and
all of them would never end. A redirect is an error, since credentials and questions are for the address that
was named.
"""

from __future__ import annotations

import io
import socket
import ssl
import time
import urllib.error
import urllib.request
from functools import cache
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

from planner.cluster.credentials import NOBODY, Credentials
from planner.documents.answers import MAX_ANSWER

SECONDS = 30.0
"""How long connecting may take, and then the whole answer."""
MAX_ERROR = 2**16
"""How much of the answer of a server that refuses is read."""
_CHUNK = 2**20


class Refused(Exception):
    """A server answers that it does not do what it was asked for: HTTP ``status``, its words, its answer."""

    def __init__(self, status: int, reason: str, body: bytes, location: str | None) -> None:
        super().__init__(f"{status} {reason}")
        self.status, self.reason, self.body, self.location = status, reason, body, location


class Unanswered(Exception):
    """Nothing answers, or no HTTP server, or not within the limits; the message says why."""


def request(url: str, method: str = "GET", shown: Credentials = NOBODY, body: bytes | None = None) -> bytes:
    """Return the body of the answer of ``url`` to who shows these credentials; ``body`` to send is JSON.

    Raises:
        Refused: when the server answers with a redirect or an error.
        Unanswered: when there is no answer within the limits.

    """
    try:
        asked = urllib.request.Request(url, body, method=method)
        if body is not None:
            asked.add_header("Content-Type", "application/json")
        if shown.authorization is not None:
            asked.add_unredirected_header("Authorization", shown.authorization)
        with _opener(url, shown).open(asked, timeout=SECONDS) as answer:
            return _read(answer, MAX_ANSWER)
    except urllib.error.HTTPError as error:
        with error:
            raise Refused(error.code, str(error.reason), _said(error), error.headers["Location"]) from None
    except (OSError, ValueError, HTTPException) as error:
        raise Unanswered(str(getattr(error, "reason", error)) or type(error).__name__) from None


def _said(error: urllib.error.HTTPError) -> bytes:
    try:
        return error.read(MAX_ERROR)
    except (OSError, HTTPException):
        return b""


def _read(answer: Any, limit: int) -> bytes:
    """Return the body of an answer, read in parts, so that memory grows only with what was sent."""
    found = bytearray()
    while part := answer.read(_CHUNK):
        found += part
        if len(found) > limit:
            raise ValueError(f"its answer has more than {limit >> 20} MiB")
    return bytes(found)


def _opener(url: str, shown: Credentials) -> urllib.request.OpenerDirector:
    """Return what opens an address: never by a proxy where that is this machine."""
    local = urlsplit(url).hostname in ("localhost", "127.0.0.1", "::1")
    proxies = [urllib.request.ProxyHandler({})] if local else []
    trusted = _trusted(shown.authority) if url.startswith("https:") else None
    return urllib.request.build_opener(_Http(), _Https(trusted), _NoRedirect(), *proxies)


@cache
def _trusted(authority: str | None) -> ssl.SSLContext:
    """Return whom to trust: who signed the certificates in a file, else the system's authorities."""
    return ssl.create_default_context(cafile=authority)


class _Timed(io.RawIOBase):
    """What a socket receives until the time for all of it is over."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket) -> None:
        super().__init__()
        self._raw, self._sock = raw, sock
        self._seconds = sock.gettimeout() or SECONDS
        self._until = time.monotonic() + self._seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._until - time.monotonic()
        try:
            self._sock.settimeout(max(left, 0.001))
            count: int | None = self._raw.readinto(buffer) if left > 0 else None
        except TimeoutError:
            count = None
        if count is None:
            raise TimeoutError(f"its answer takes more than {self._seconds:g} s")
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(HTTPResponse):
    """An answer with one time limit for all of it, its status and headers included."""

    def __init__(self, sock: socket.socket, *arguments: Any, **named: Any) -> None:
        super().__init__(sock, *arguments, **named)
        self.fp = io.BufferedReader(_Timed(self.fp.detach(), sock))


class _Connection(HTTPConnection):
    response_class = _Response


class _TlsConnection(HTTPSConnection):
    response_class = _Response


class _Http(urllib.request.HTTPHandler):
    def http_open(self, req: urllib.request.Request) -> HTTPResponse:
        return self.do_open(_Connection, req)


class _Https(urllib.request.HTTPSHandler):
    def __init__(self, trusted: ssl.SSLContext | None) -> None:
        super().__init__(context=trusted)
        self._trusted = trusted

    def https_open(self, req: urllib.request.Request) -> HTTPResponse:
        return self.do_open(_TlsConnection, req, context=self._trusted)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None
