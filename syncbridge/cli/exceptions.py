"""`syncbridge exceptions`: what needs a person, why, and what to do about it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from syncbridge.cli.failing import trouble, wrong_use
from syncbridge.cli.naming import order_named
from syncbridge.cli.options import LARGEST_ID, DryRun, Json, Limit, rows_wanted
from syncbridge.cli.output import as_json, note, say, table
from syncbridge.cli.session import actor, context, reading
from syncbridge.domain.exception_kinds import KINDS
from syncbridge.domain.exception_kinds.kind import Owner
from syncbridge.domain.states import ExceptionState

if TYPE_CHECKING:
    from syncbridge.ledger.engine import Connection
    from syncbridge.reports.exception_lists import ExceptionRow, Filter

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="What needs a person.")

Id = Annotated[int, typer.Argument(metavar="ID", help="The number that exceptions list shows.", min=1, max=LARGEST_ID)]


@app.command("list")
def list_exceptions(
    owner: Annotated[Owner | None, typer.Option("--owner", help="Of this team only.")] = None,
    kind: Annotated[str | None, typer.Option("--kind", metavar="KIND", help="Of this kind only.")] = None,
    state: Annotated[ExceptionState | None, typer.Option("--state", help="In this state; otherwise all not resolved.")] = None,
    order: Annotated[str | None, typer.Option("--order", metavar="ORDER", help="About this order.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="The resolved ones too.")] = False,
    group: Annotated[bool, typer.Option("--group", help="One row for all that one repair would cure.")] = False,
    limit: Limit = None,
    json: Json = False,
) -> None:
    """List exceptions: the most urgent first, then the oldest.

    \b
    syncbridge exceptions list --owner customer_service
    syncbridge exceptions list --group
    syncbridge exceptions list --order 7041983 --all
    """
    from syncbridge.reports import exception_lists

    if kind is not None and kind not in KINDS:
        wrong_use(f"There is no exception kind {kind!r}. There are: {', '.join(sorted(KINDS))}.")
    most = rows_wanted(limit, json)
    with reading() as connection:
        wanted = exception_lists.Filter(
            owner=owner.value if owner else None,
            kind=kind,
            state=state.value if state else None,
            order_id=None if order is None else order_named(connection, order),
            everything=everything,
        )
        if group:
            _list_groups(connection, wanted, most, json)
            return
        rows, more = exception_lists.list_exceptions(connection, wanted, most)
    if json:
        as_json({"exceptions": rows, "more": more})
        return
    if not rows:
        _nothing(wanted)
        return
    now = datetime.now(UTC)
    table(
        ("ID", "SEVERITY", "AGE", "OWNER", "ABOUT", "WHAT"),
        [
            (one.id, one.severity, _age(one, now), one.owner, one.order_id or one.subject, f"{one.kind}: {one.cause}")
            for one in rows
        ],
        right=("ID",),
    )
    if more:
        note(f"There are more: --limit {most * 2}, or --group for one row per cause.")
    note("What to do: syncbridge exceptions show ID")


@app.command()
def show(exception: Id, json: Json = False) -> None:
    """Show one exception: cause, evidence, what to do, and how long its owner has.

    \b
    syncbridge exceptions show 17
    """
    with reading() as connection:
        found = _named(connection, exception)
    if json:
        as_json(found)
        return
    from syncbridge.cli.exception_page import print_exception

    print_exception(found, datetime.now(UTC))


@app.command()
def resolve(
    exception: Id,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why it is settled; kept for good.")],
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Close an exception by hand. Most close themselves when the proof arrives.

    \b
    syncbridge exceptions resolve 17 --reason "order of another system"
    """
    from syncbridge.flows import resolve as resolving

    if not reason.strip():
        wrong_use("Say why: --reason TEXT is kept with the exception.")
    with context() as here:
        with here.ledger.reading() as connection:
            found = _named(connection, exception)
            parked = _parked(connection, found)
        try:
            done = found.is_open and resolving.run(
                here, found.id, found.kind, found.subject, actor=actor(), reason=reason, dry_run=dry_run
            )
        except resolving.HoldsAnOrder as error:
            trouble(
                f"#{found.id} stays open: {error}. It closes itself after syncbridge orders rerun {found.order_id}, "
                f"or syncbridge orders cancel {found.order_id} --reason TEXT."
            )
    if json:
        as_json({"id": found.id, "dry_run": dry_run, "resolved": done})
    elif not done:
        say(f"#{found.id} is resolved already: {found.resolution or 'no reason is kept'}")
    else:
        say(f"#{found.id} {'would be' if dry_run else 'is'} resolved: {found.title}, {found.subject}")
    if done and parked:
        # Nothing goes on by itself from here: a parked write waits for an exception that is closed now.
        note(
            f"Order {found.order_id} is not settled by that: {', '.join(parked)} {'stays' if len(parked) == 1 else 'stay'} parked. "
            f"Next: syncbridge orders rerun {found.order_id}, or syncbridge orders cancel {found.order_id} --reason TEXT."
        )


@app.command()
def retry(
    exception: Annotated[int | None, typer.Argument(metavar="[ID]", help="An exception.", min=1, max=LARGEST_ID)] = None,
    cause: Annotated[
        str | None, typer.Option("--cause", metavar="TEXT", help="All open exceptions of exactly this cause.")
    ] = None,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Kept in the audit.")] = "",
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Re-run the order behind an exception, or every order of a group.

    \b
    syncbridge exceptions retry 17
    syncbridge exceptions retry --cause "SKU_UNKNOWN: 85123A"
    """
    from syncbridge.cli.orders import group_of
    from syncbridge.cli.reruns import rerun_and_tell

    if (exception is None) == (cause is None):
        wrong_use("Give the id of an exception, or --cause for a group; not both and not neither.")
    with context() as here:
        with here.ledger.reading() as connection:
            if exception is None:
                chosen = group_of(connection, None, cause)
                why = f"group: cause {cause}"
            else:
                found = _named(connection, exception)
                if found.order_id is None:
                    trouble(
                        f"#{exception} is about {found.subject} and no order: there is nothing to re-run. "
                        f"What to do: syncbridge exceptions show {exception}"
                    )
                chosen, why = [found.order_id], f"exception {exception}"
        rerun_and_tell(here, chosen, actor(), reason or why, dry_run=dry_run, json=json)


def _list_groups(connection: Connection, wanted: Filter, limit: int, json: bool) -> None:
    from syncbridge.reports.exception_lists import group_by_cause
    from syncbridge.reports.fact_wording import span

    groups, more = group_by_cause(connection, wanted, limit)
    if json:
        as_json({"groups": groups, "more": more})
        return
    if not groups:
        _nothing(wanted)
        return
    now = datetime.now(UTC)
    table(
        ("COUNT", "ORDERS", "SEVERITY", "OLDEST", "OWNER", "WHAT"),
        [
            (one.count, one.orders, one.severity, span(now - one.opened_at), one.owner, f"{one.kind}: {one.cause}")
            for one in groups
        ],
        right=("COUNT", "ORDERS"),
    )
    if more:
        note(f"There are more: --limit {limit * 2}.")
    note('Once mended, all of a group at once: syncbridge exceptions retry --cause "TEXT AFTER THE KIND"')


def _nothing(wanted: Filter) -> None:
    if wanted == type(wanted)():
        say("No exception is open: nothing needs a person.")
    else:
        say("No exception is like that. syncbridge exceptions list shows all that are open.")


def _named(connection: Connection, exception: int) -> ExceptionRow:
    from syncbridge.reports.exception_lists import exception_by_id

    found = exception_by_id(connection, exception)
    if found is None:
        trouble(f"There is no exception {exception}. syncbridge exceptions list shows those that are open.")
    return found


def _parked(connection: Connection, found: ExceptionRow) -> list[str]:
    """Return the writes of the exception's order that no exception would stand for once this one is closed."""
    from syncbridge.ledger.unfinished import unfinished_writes
    from syncbridge.reports.exception_lists import Filter, list_exceptions

    if found.order_id is None:
        return []
    others, _more = list_exceptions(connection, Filter(order_id=found.order_id), 1000)
    subjects = {one.subject.partition(":")[2] for one in others if one.id != found.id}
    writes = unfinished_writes(connection, order_id=found.order_id)
    return [one.key for one in writes if one.due_at is None and one.key not in subjects]


def _age(one: ExceptionRow, now: datetime) -> str:
    from syncbridge.reports.fact_wording import span

    if not one.is_open:
        return "resolved"
    return span(now - one.opened_at) + (" late" if one.is_overdue(now) else "")
