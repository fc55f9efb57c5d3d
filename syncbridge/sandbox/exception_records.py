"""Open exceptions, as the command line exports them and the judge reads them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class OpenException:
    """One open exception as `syncbridge exceptions list --json` shows it."""

    number: str
    kind: str
    subject: str
    order_id: int | None
    owner: str
    cause: str
    due: str
    faults: frozenset[str]
    text: str

    def names_order(self, order_id: int) -> bool:
        """Say whether the exception is about this order, by its number standing alone in subject or evidence."""
        return self.order_id == order_id or (
            self.order_id is None and re.search(rf"(?<!\d){order_id}(?!\d)", self.text) is not None
        )


def read_exceptions(document: Any) -> tuple[OpenException, ...]:
    """Read the list of exceptions, leaving out the resolved ones."""
    rows: list[Any] = document.get("exceptions") or [] if isinstance(document, dict) else document
    found = []
    for row in rows:
        if str(row.get("state", "open")) == "resolved":
            continue
        evidence = row.get("evidence")
        order_id = row.get("order_id")
        found.append(
            OpenException(
                number=str(row.get("id", "")),
                kind=str(row.get("kind", "")),
                subject=str(row.get("subject", "")),
                order_id=int(order_id) if order_id is not None else None,
                owner=str(row.get("owner") or ""),
                cause=str(row.get("cause") or ""),
                due=str(row.get("due_at") or row.get("due") or ""),
                faults=_fault_codes(evidence),
                text=f"{row.get('subject', '')} {row.get('cause', '')} {evidence}",
            )
        )
    return tuple(found)


def _fault_codes(evidence: Any) -> frozenset[str]:
    faults = evidence.get("faults") if isinstance(evidence, dict) else None
    return frozenset(
        str(fault.get("code"))
        for fault in (faults if isinstance(faults, list) else [])
        if isinstance(fault, dict)
    )
