"""Doing the same for every back end, so that one that is away, or odd, holds up none of the others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from syncbridge.flows.context import Context
from syncbridge.ledger.engine import DatabaseAway
from syncbridge.ports.backend import FulfilmentBackend

log = structlog.get_logger(__name__)


@dataclass
class Outcome:
    """What came of it: a count per account, and the first trouble."""

    done: dict[str, int] = field(default_factory=dict)
    trouble: Exception | None = None

    def counts(self) -> dict[str, int]:
        """Return the counts; raises the first trouble, now that everybody had their turn."""
        if self.trouble is not None:
            raise self.trouble
        return self.done


def each_backend(context: Context, act: Callable[[FulfilmentBackend], int]) -> Outcome:
    """Act on every back end; what one of them raises is kept until all had their turn.

    Without a database nobody gets a turn: that is raised at once.
    """
    outcome = Outcome()
    for backend in context.backends.values():
        try:
            outcome.done[backend.account] = act(backend)
        except DatabaseAway:
            raise
        except Exception as error:  # noqa: BLE001  # raised by `counts`, once the others had their turn
            log.warning("backend_held_up", account=backend.account, error=type(error).__name__)
            outcome.trouble = outcome.trouble or error
    return outcome
