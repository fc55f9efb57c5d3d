"""The token: minted, kept for a while, dropped when it is refused (OrderWise contract 2.2 and 12.1)."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Callable
from typing import Any

from connectors.dialect import Answer, Call
from connectors.http import Transport
from connectors.orderwise.decimal_json import read_json
from connectors.orderwise.dialect import SCOPE, SYSTEM, TokenRefused
from syncbridge.domain.errors import Misconfigured
from syncbridge.ports.quota import Breaker, Lane


class TokenStore:
    """One process's token. Its true life is unknown, so it is kept briefly and minted again when it is refused."""

    def __init__(
        self,
        transport: Transport,
        breaker: Breaker,
        username: str,
        password: str,
        life_seconds: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._transport = transport
        self._breaker = breaker
        self._basic = base64.b64encode(f"{username}:{password}".encode()).decode("ascii")
        self._life_seconds = life_seconds
        self._monotonic = monotonic
        self._minting = threading.Lock()
        self._token = ""
        self._ends_at = 0.0

    def current(self, lane: Lane) -> str:
        """Return a token, minted if there is none; raises Misconfigured where user name and password are refused."""
        with self._minting:
            if not self._token or self._monotonic() >= self._ends_at:
                self._token = self._mint(lane)
                self._ends_at = self._monotonic() + self._life_seconds
            return self._token

    def drop(self, token: str) -> None:
        """Forget a token that was refused, unless another one took its place meanwhile."""
        with self._minting:
            if self._token == token:
                self._token = ""

    def _mint(self, lane: Lane) -> str:
        call = Call(
            "get token", "GET", "/token/gettoken", SCOPE, lane, headers={"Authorization": f"Basic {self._basic}"}
        )
        try:
            return self._transport.exchange(call, token_of)
        except TokenRefused as error:
            self._breaker.failed(SYSTEM, refused=True)
            raise Misconfigured("user name or password is not accepted", error.evidence) from error


_NOT_IN_TOKENS = frozenset(' "{}<>')


def token_of(answer: Answer) -> str:
    """Read the token: a JSON text, which is the whole body. The wrappers that one client tolerates are unwrapped too.

    Raises ValueError for anything else.
    """
    try:
        document: Any = read_json(answer.body)
    except ValueError:
        document = answer.body.decode("ascii").strip()
    for _depth in range(3):
        if not isinstance(document, dict):
            break
        document = next((document[name] for name in ("token", "access_token", "data") if name in document), None)
    token = document.strip() if isinstance(document, str) else ""
    # A quotation mark, a brace or a tag that is left over belongs to an answer that was cut off, or to a page.
    if not token or not token.isascii() or not token.isprintable() or not _NOT_IN_TOKENS.isdisjoint(token):
        raise ValueError("is no token")
    return token
