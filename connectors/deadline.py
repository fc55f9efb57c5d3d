"""Answers that cannot outlast a deadline, however slowly they trickle in.

A read timeout bounds one silence on the socket, not the whole answer: a server that sends one byte every ten seconds
would hold a worker, and the lease of its row, for ever. Here every single read from the socket may last only as long
as the call has left, headers included.
"""

from __future__ import annotations

import http.client
import io
import socket
import threading
import time
from typing import Any

import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection

_BUFFER_BYTES = 64 * 1024


class _Thread(threading.local):
    ends_at: float | None = None


_thread = _Thread()


def set_deadline(ends_at: float | None) -> None:
    """Let the answers that this thread reads next end at `ends_at` (monotonic seconds); None takes the bound away."""
    _thread.ends_at = ends_at


class _BoundedReader(io.RawIOBase):
    """Reads from a socket; raises TimeoutError once the deadline has passed."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, ends_at: float) -> None:
        super().__init__()
        self._raw = raw
        self._sock = sock
        self._ends_at = ends_at
        self._longest_silence = sock.gettimeout()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int | None:
        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise TimeoutError("the call's deadline passed while its answer was still coming in")
        silence = self._longest_silence
        self._sock.settimeout(left if silence is None else min(left, silence))
        count: int | None = self._raw.readinto(buffer)
        return count

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()


class _BoundedResponse(http.client.HTTPResponse):
    """The standard library's response over a bounded reader."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        if _thread.ends_at is not None and isinstance(self.fp, io.BufferedReader):
            raw = self.fp.detach()
            self.fp = io.BufferedReader(_BoundedReader(raw, sock, _thread.ends_at), _BUFFER_BYTES)


class _BoundedHTTPConnection(HTTPConnection):
    response_class = _BoundedResponse


class _BoundedHTTPSConnection(HTTPSConnection):
    response_class = _BoundedResponse


class _BoundedHTTPPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _BoundedHTTPConnection


class _BoundedHTTPSPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _BoundedHTTPSConnection


_POOLS = {"http": _BoundedHTTPPool, "https": _BoundedHTTPSPool}


class BoundedAdapter(HTTPAdapter):
    """The requests adapter whose connections honour `set_deadline`, also through a proxy."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager
