"""The stand-ins of a sale: where they are, and their control planes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import requests


class Control:
    """A stand-in's control plane for one thread. Refusals are answers here: a sold-out shop is no failure."""

    def __init__(self, root: str, token: str | None = None) -> None:
        self.root = root.rstrip("/")
        self._session = requests.Session()
        self._session.trust_env = False
        if token:
            self._session.headers["X-Sandbox-Token"] = token

    def close(self) -> None:
        """Let the connection go."""
        self._session.close()

    def ask(self, method: str, path: str, body: Any = None, **query: Any) -> tuple[int, Any]:
        """Return the status and the JSON of a control call."""
        answer = self._session.request(
            method, f"{self.root}/_sandbox{path}", json=body, params=query or None, timeout=120
        )
        return answer.status_code, answer.json()

    def do(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """Make a control call that must succeed. Raises RuntimeError."""
        status, document = self.ask(method, path, body, **query)
        if status >= 400:
            raise RuntimeError(f"{method} {path}: {status} {document}")
        return document


@dataclass(frozen=True)
class Address:
    """The pair of stand-ins of a channel, by root URL, with the secrets of their APIs.

    `warehouse_secret` is whatever the warehouse's API asks for; empty is the stand-in's own default.
    """

    scayle: str
    warehouse: str
    scayle_token: str = "sandbox-token"  # noqa: S105 - the stand-in's default, no secret
    warehouse_secret: str = ""
    control_token: str | None = None
