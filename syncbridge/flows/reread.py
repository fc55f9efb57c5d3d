"""Nightly re-reading: what a feed may have left out (late commits, a repeated hour, no stamp of an amendment) is read again.

Only for back ends whose timing asks for it. Cursors of despatches and returns stay where they are; stock is read once
from its beginning, by the next stock run.
"""

from __future__ import annotations

from syncbridge.flows import despatch_pull, return_pull
from syncbridge.flows.context import Context
from syncbridge.flows.each_backend import each_backend
from syncbridge.ledger import feeds
from syncbridge.ports import FulfilmentBackend


def run(context: Context) -> dict[str, int]:
    """Read again as far back as each back end's timing says; return rows read per account.

    A back end that is away is raised once the others were read, and tried again with the next tick.
    """
    read = each_backend(context, lambda backend: _again(context, backend))
    for flow in ("shipment_push", "return_pull", "stock_sync"):
        context.doorbell.ring(flow)
    return read.counts()


def _again(context: Context, backend: FulfilmentBackend) -> int:
    span = backend.timing.reread
    if span is None:
        return 0
    since = context.now() - span
    count = despatch_pull.pull_again(context, backend, since)
    count += return_pull.pull_again(context, backend, since)
    with context.ledger.work() as work:
        feeds.start_over(work.connection, f"stock:{backend.account}", at=context.now())
        work.commit()
    return count
