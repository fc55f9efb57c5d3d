"""Does anything move: scheduler, workers, due writes, open exceptions?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from celery import Celery
from kombu.exceptions import OperationalError

from syncbridge import bootstrap
from syncbridge.cli.finding import Finding, ok, trouble, warning
from syncbridge.coordination.broker import transport_options
from syncbridge.coordination.inspection import queue_state
from syncbridge.coordination.redis_connection import RedisConnection, RedisUnreachable
from syncbridge.flows.context import Context
from syncbridge.ledger import feeds
from syncbridge.reports import backlog, exception_lists
from syncbridge.reports.fact_wording import span

# Work resumes within a minute of a fault's end (design, section 2): what waits longer does not move.
LONGEST_WAIT = timedelta(seconds=60)
ASK_WORKERS_SECONDS = 1.5
_FLOWS = {"copy_cancel": "order_push", "order_cancel": "cancel_ask", "return_announce": "return_announce"}
_ORDERS_WAIT = "Orders are taken in and wait."


def ledger_at_work(context: Context) -> Iterator[Finding]:
    """Check scheduler, due writes and open exceptions, as the ledger shows them."""
    now = context.now()
    with context.ledger.reading() as connection:
        tick = feeds.last_tick(connection)
        waiting = backlog.backlog(connection, now)
        counts = exception_lists.open_counts(connection)
    # A tick shows once a worker has claimed its slot; three missed sweeps are no coincidence.
    limit = max(LONGEST_WAIT, 3 * timedelta(seconds=context.configuration.schedule.sweep_seconds))
    way_out = "Start beat and a worker: celery -A tasks.app beat (the Procfile has both)."
    if tick is None:
        yield warning("scheduler", "no periodic job has run yet", way_out)
    elif now - tick > limit:
        yield trouble("scheduler", f"the last periodic job began {span(now - tick)} ago", way_out)
    else:
        yield ok("scheduler", f"a periodic job began {span(now - tick)} ago")
    late = [one for one in waiting if one.oldest_due_at is not None and now - one.oldest_due_at > LONGEST_WAIT]
    for one in late:
        assert one.oldest_due_at is not None
        yield warning(
            "due work",
            f"{one.due:,} {one.kind} writes to {one.target} are due, the oldest for {span(now - one.oldest_due_at)}",
            f"syncbridge flow run {flow_of(one.kind)} shows what they meet.",
        )
    if not late:
        yield ok("due work", "nothing has been due for more than a minute")
    open_now = ", ".join(f"{count} {severity}" for severity, count in counts.items() if count)
    if open_now:
        yield warning("exceptions", f"open: {open_now}", "syncbridge exceptions list --group")
    else:
        yield ok("exceptions", "none is open")


def flow_of(kind: str) -> str:
    """Return the flow that carries writes of this kind, as syncbridge flow run names it."""
    return _FLOWS.get(kind, f"{kind}_push")


def workers(redis_url: str) -> Iterator[Finding]:
    """Ask the workers which queues they consume, and look how long the queues are."""
    needed = set(bootstrap.QUEUES.values())
    asking = Celery("syncbridge-doctor", broker=redis_url, set_as_current=False)
    asking.conf.broker_transport_options = transport_options(socket_timeout=5, connect_timeout=2)
    try:
        waiting = queue_state(RedisConnection.to(redis_url), needed).waiting
        answers = asking.control.inspect(timeout=ASK_WORKERS_SECONDS).active_queues() or {}
    except (RedisUnreachable, OperationalError, OSError) as error:
        yield trouble("workers", f"cannot be asked: {type(error).__name__}", "See redis above.")
        return
    finally:
        asking.close()
    consumed = {queue["name"] for queues in answers.values() for queue in queues}
    if not answers:
        way_out = f"{_ORDERS_WAIT} Start a worker (the Procfile has its command)."
        yield trouble("workers", f"none answered within {ASK_WORKERS_SECONDS:g} s", way_out)
    elif missing := sorted(needed - consumed):
        yield trouble(
            "workers",
            f"nobody consumes {', '.join(missing)} (answered: {', '.join(sorted(answers))})",
            "Start the process of the Procfile that serves it.",
        )
    else:
        yield ok("workers", f"{', '.join(sorted(answers))} consume {', '.join(sorted(needed))}")
    lengths = ", ".join(f"{name} {count:,}" for name, count in waiting.items())
    yield ok("queues", f"messages waiting: {lengths}")
