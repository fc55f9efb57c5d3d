"""Messages that cannot be taken in: kept as they came, each with the exception that names it."""

from __future__ import annotations

from syncbridge.domain.errors import UnreadableMessage
from syncbridge.flows.context import Context
from syncbridge.ledger import inbox
from syncbridge.ledger.exceptions import open_exception


def record_refused(
    context: Context,
    source: str,
    raw: bytes,
    reason: str,
    *,
    kind: str = "order_too_large",
    order_id: int | None = None,
    size_bytes: int | None = None,
) -> None:
    """Keep a body that was refused although it could be an order, and open the exception that names it."""
    at = context.now()
    with context.ledger.work() as work:
        received = inbox.keep(
            work.connection,
            source,
            inbox.digest(raw),
            "refused",
            raw,
            at=at,
            outcome=f"refused: {reason}"[:200],
            order_id=order_id,
            size_bytes=size_bytes,
        )
        open_exception(
            work.connection,
            kind,
            f"order:{order_id}" if order_id is not None else source if kind == "unknown_merchant" else f"inbox:{received.id}",
            at=at,
            cause=f"{kind}: {source}",
            evidence={"source": source, "inbox": received.id, "reason": reason, "bytes": size_bytes or len(raw)},
            order_id=order_id,
        )
        work.commit()


def keep_unreadable(context: Context, source: str, raw: bytes, error: UnreadableMessage) -> None:
    """Keep a message that cannot be understood, with the exception that says what is wrong with it."""
    at = context.now()
    with context.ledger.work() as work:
        received = inbox.keep(
            work.connection, source, inbox.digest(raw), "unreadable", raw, at=at, outcome=f"unreadable: {error}"[:200]
        )
        open_exception(
            work.connection,
            "message_unreadable",
            f"inbox:{received.id}",
            at=at,
            cause=f"unreadable message from {source}",
            evidence={
                "inbox": received.id,
                "source": source,
                "field": error.field,
                "problem": error.problem,
                "way_out": error.way_out,
            },
        )
        work.commit()
