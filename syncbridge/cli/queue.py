"""`syncbridge queue`: what waits in Redis and in the ledger."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer

from syncbridge.cli.options import Json
from syncbridge.cli.output import as_json, note, say, table
from syncbridge.cli.session import environment, reading

if TYPE_CHECKING:
    from syncbridge.coordination.inspection import CircuitState, QueueState, QuotaState
    from syncbridge.reports.backlog import Backlog, FeedPosition

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Queues, due work, quotas and circuit breakers.")


@app.callback()
def _noun() -> None:
    """Keep `status` a command of its own, also while it is the only one."""


@app.command()
def status(json: Json = False) -> None:
    """Show what waits. The ledger's due writes are the truth; the queues only carry hints to the workers.

    \b
    syncbridge queue status
    syncbridge queue status --json
    """
    from syncbridge import bootstrap
    from syncbridge.coordination import inspection
    from syncbridge.coordination.redis_connection import RedisConnection, RedisUnreachable
    from syncbridge.reports import backlog

    now = datetime.now(UTC)
    with reading() as connection:
        waiting = backlog.backlog(connection, now)
        feeds = backlog.feed_positions(connection)
    url = bootstrap.broker_url(environment())
    redis = RedisConnection.to(url)
    queues: QueueState | None = None
    quotas: list[QuotaState] = []
    circuits: list[CircuitState] = []
    problem = ""
    try:
        queues = inspection.queue_state(redis, bootstrap.QUEUES.values())
        quotas = inspection.quota_states(redis)
        circuits = inspection.circuit_states(redis)
    except RedisUnreachable:
        from syncbridge.config import masked_url

        problem = f"Redis does not answer: {masked_url(url)}. Work waits in the ledger and goes on when Redis is back."
    if json:
        as_json(
            {
                "redis": not problem,
                "queues": queues.waiting if queues else None,
                "taken": queues.taken if queues else None,
                "due": waiting,
                "feeds": feeds,
                "quotas": quotas,
                "circuits": circuits,
            }
        )
    else:
        _print_writes(waiting, now)
        _print_feeds(feeds, now)
        if queues is not None:
            _print_redis(queues, quotas, circuits)
    if problem:
        note(problem)
        raise typer.Exit(1)


def _print_writes(waiting: list[Backlog], now: datetime) -> None:
    from syncbridge.reports.fact_wording import span

    say("Writes to vendors (ledger)")
    if not waiting:
        say("  nothing is unfinished")
        return
    table(
        ("TARGET", "WRITE", "DUE", "OLDEST", "HELD", "LATER", "PARKED"),
        [
            (
                one.target,
                one.kind,
                one.due,
                span(now - one.oldest_due_at) if one.oldest_due_at else None,
                one.held,
                one.later,
                one.parked,
            )
            for one in waiting
        ],
        right=("DUE", "OLDEST", "HELD", "LATER", "PARKED"),
        indent=2,
    )


def _print_feeds(feeds: list[FeedPosition], now: datetime) -> None:
    from syncbridge.reports.fact_wording import span

    say()
    say("Feeds (ledger)")
    if not feeds:
        say("  none was read yet")
        return
    table(
        ("FEED", "READ TO ITS END"),
        [(one.name, f"{span(now - one.read_to)} ago" if one.read_to else "not yet") for one in feeds],
        indent=2,
    )


def _print_redis(queues: QueueState, quotas: list[QuotaState], circuits: list[CircuitState]) -> None:
    say()
    say("Messages (Redis)")
    rows = [(name, count) for name, count in queues.waiting.items()]
    table(("QUEUE", "WAITING"), [*rows, ("(taken by workers)", queues.taken)], right=("WAITING",), indent=2)
    if quotas:
        say()
        say("Quotas (Redis)")
        table(
            ("SYSTEM", "SCOPE", "CALLS LEFT", "PER SECOND", "HELD BACK"),
            [
                (
                    one.system,
                    one.scope,
                    f"{max(0.0, one.level):.1f} of {one.burst:.1f}",
                    f"{one.rate:.2f}",
                    f"{one.blocked_seconds:.0f}s" if one.blocked_seconds else None,
                )
                for one in quotas
            ],
            right=("CALLS LEFT", "PER SECOND"),
            indent=2,
        )
    if circuits:
        say()
        say("Circuit breakers (Redis)")
        table(
            ("SYSTEM", "FAILURES", "STATE"),
            [
                (
                    one.system,
                    one.failures,
                    f"open, probe in {one.open_seconds:.0f}s" if one.open_seconds else "calls pass",
                )
                for one in circuits
            ],
            right=("FAILURES",),
            indent=2,
        )
