"""One vendor's API as a small client calls it."""

from __future__ import annotations

from typing import Any

import requests

ATTEMPTS = 3


class Vendor:
    """One vendor's API with its headers. Lost answers and 5xx are repeated a little, then given up for this round."""

    def __init__(self, root: str, headers: dict[str, str]) -> None:
        self._root = root
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers.update(headers)

    def call(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """Return the JSON of a call. Raises requests.RequestException after the last attempt."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                answer = self._session.request(
                    method, self._root + path, json=body, params=query or None, timeout=10
                )
                answer.raise_for_status()
                return answer.json() if answer.content else None
            except requests.RequestException:
                if attempt == ATTEMPTS:
                    raise
        raise AssertionError

    def close(self) -> None:
        """Let the connection go."""
        self._session.close()
