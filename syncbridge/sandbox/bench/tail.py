"""Following a list of a stand-in that only grows."""

from __future__ import annotations

from typing import Any

from syncbridge.sandbox.replay import ControlPlane


class Tail:
    """Reads what has been added to a stand-in's list since the last time."""

    def __init__(self, plane: ControlPlane, section: str, after: str) -> None:
        self._plane, self._section, self._after = plane, section, after
        self._seen = 0
        self.read()

    def read(self) -> list[dict[str, Any]]:
        """Return the new rows."""
        query = {"section": self._section, self._after: self._seen}
        rows: list[dict[str, Any]] = self._plane.call("GET", "/state", **query)[self._section]
        if self._after == "after":
            self._seen = int(rows[-1]["n"]) if rows else self._seen
        else:
            self._seen += len(rows)
        return rows
