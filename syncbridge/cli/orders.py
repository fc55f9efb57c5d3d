"""`syncbridge orders`: find orders, see everything that happened to one, try again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from syncbridge.cli.failing import trouble, wrong_use
from syncbridge.cli.naming import order_named
from syncbridge.cli.options import LARGEST_ID, DryRun, Json, Limit, Since, instant, rows_wanted, zone
from syncbridge.cli.output import as_json, counts, note, say, table
from syncbridge.cli.session import actor, context, reading
from syncbridge.domain.exception_kinds import KINDS
from syncbridge.domain.states import SendState

if TYPE_CHECKING:
    from syncbridge.ledger.engine import Connection

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Orders on their way to the back ends.")


@app.command("list")
def list_orders(
    state: Annotated[SendState | None, typer.Option("--state", help="Orders with a part in this state.")] = None,
    with_exception: Annotated[bool, typer.Option("--exception", help="Orders with an open exception.")] = False,
    since: Since = None,
    limit: Limit = None,
    json: Json = False,
) -> None:
    """List orders, newest first.

    \b
    syncbridge orders list --state sent
    syncbridge orders list --exception --since 2h
    """
    from syncbridge.reports import order_lists

    after = instant(since, datetime.now(UTC))
    wanted = rows_wanted(limit, json)
    with reading() as connection:
        rows, more = order_lists.list_orders(
            connection,
            state=state,
            with_exception=with_exception,
            since=after,
            limit=wanted,
        )
    if json:
        as_json({"orders": rows, "more": more})
        return
    if not rows:
        narrowed = state is not None or with_exception or after is not None
        say(
            "No order is like that. Without options, syncbridge orders list shows them all."
            if narrowed
            else "The ledger holds no order yet. They come by SCAYLE's delegation calls (POST /scayle/{merchant}/orders) "
            "and by syncbridge flow run order_poll."
        )
        return
    table(
        ("ORDER", "TAKEN IN (UTC)", "UNITS", "TOTAL", "TROUBLE", "PARTS"),
        [
            (
                row.order_id,
                f"{row.taken_in_at:%Y-%m-%d %H:%M:%S}",
                sum(row.units.values()),
                row.total,
                f"{row.open_exceptions} open" if row.open_exceptions else None,
                counts(row.parts),
            )
            for row in rows
        ],
        right=("ORDER", "UNITS", "TOTAL"),
    )
    if more:
        note(f"There are more: --limit {wanted * 2} shows the next ones too.")


@app.command()
def show(
    order: Annotated[
        str, typer.Argument(metavar="ORDER", help="SCAYLE order id, back end reference or id, or reference key.")
    ],
    zone_name: Annotated[str, typer.Option("--zone", metavar="ZONE", help="Show times in this time zone.")] = "UTC",
    json: Json = False,
) -> None:
    """Show everything that happened to an order, in event order, from every system.

    \b
    syncbridge orders show 7041983
    syncbridge orders show SCY-NB-7041983 --zone Europe/London
    syncbridge orders show 7041983 --json
    """
    from syncbridge.reports.order_dossier import dossier_of

    where = zone(zone_name)
    with reading() as connection:
        dossier = dossier_of(connection, order_named(connection, order))
    if json:
        as_json(dossier)
        return
    from syncbridge.cli.order_page import print_dossier

    print_dossier(dossier, where, zone_name, datetime.now(UTC))


@app.command()
def rerun(
    orders: Annotated[
        list[str] | None, typer.Argument(metavar="ORDER...", help="Orders by id, reference or reference key.")
    ] = None,
    cause: Annotated[
        str | None, typer.Option("--cause", metavar="TEXT", help="All orders with an open exception of exactly this cause.")
    ] = None,
    kind: Annotated[
        str | None, typer.Option("--exception-kind", metavar="KIND", help="All orders with an open exception of this kind.")
    ] = None,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Kept in the audit and shown with the order.")] = "",
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Put the unfinished writes of orders on the clock again, after something was mended.

    Nothing is sent twice: what is acknowledged stays so, and what may have arrived is looked up first.

    \b
    syncbridge orders rerun 7041983 --reason "address corrected"
    syncbridge orders rerun --cause "SKU_UNKNOWN: 85123A" --dry-run
    syncbridge orders rerun --exception-kind carrier_unmapped
    """
    group = cause is not None or kind is not None
    if bool(orders) == group:
        wrong_use("Name orders, or a group with --cause or --exception-kind; not both and not neither.")
    with context() as here:
        with here.ledger.reading() as connection:
            chosen = (
                group_of(connection, kind, cause) if group else [order_named(connection, one) for one in orders or ()]
            )
        from syncbridge.cli.reruns import rerun_and_tell

        rerun_and_tell(here, chosen, actor(), reason or _reason(kind, cause), dry_run=dry_run, json=json)


@app.command()
def cancel(
    order: Annotated[str, typer.Argument(metavar="ORDER", help="Order by id, reference or reference key.")],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept in the audit and told to the warehouse.")],
    merchant: Annotated[
        str | None, typer.Option("--merchant", metavar="KEY", help="Only this merchant's part of the order.")
    ] = None,
    units: Annotated[
        list[int] | None,
        typer.Option(
            "--unit", metavar="ID", help="Only this unit (SCAYLE order item id); may be repeated.", min=1, max=LARGEST_ID
        ),
    ] = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Cancel an order, one merchant's part of it, or single units, as the merchant.

    What was never sent is withdrawn at once. The back end is asked for the rest, and SCAYLE is told of what it cancelled.

    \b
    syncbridge orders cancel 7041983 --reason "customer called" --dry-run
    syncbridge orders cancel 7041983 --merchant scend --reason "fraud check failed"
    syncbridge orders cancel 7041983 --unit 61000101 --reason "wrong price"
    """
    from syncbridge.flows import cancel_order
    from syncbridge.reports.exception_wording import ids

    if not reason.strip():
        wrong_use("Say why: --reason TEXT is kept in the audit and told to the warehouse.")
    with context() as here:
        with here.ledger.reading() as connection:
            order_id = order_named(connection, order)
        try:
            done = cancel_order.run(
                here, order_id, actor=actor(), reason=reason, merchant=merchant, units=units or (), dry_run=dry_run
            )
        except cancel_order.CannotCancel as error:
            trouble(str(error))
    if json:
        as_json({"dry_run": dry_run, "cancellation": done})
        return
    say(f"Order {order_id} {'would be' if dry_run else 'is to be'} cancelled:")
    table(
        ("REFERENCE", "BACK END", "UNITS", "WHAT IS DONE" if not dry_run else "WHAT WOULD BE DONE"),
        [(part.reference, part.account, ids(part.units), part.action) for part in done.parts],
    )
    if not dry_run:
        state = done.state.value if done.state is not None else "asked"
        say(f"So far: {state}. See what comes of it: syncbridge orders show {order_id}")


def group_of(connection: Connection, kind: str | None, cause: str | None) -> list[int]:
    """Return the orders of a group; ends the command where the group is empty, with what may have been meant."""
    from syncbridge.reports.exception_lists import causes_like, orders_under

    if kind is not None and kind not in KINDS:
        wrong_use(f"There is no exception kind {kind!r}. There are: {', '.join(sorted(KINDS))}.")
    # The lists show "kind: cause", and that is what is copied.
    ahead, colon, rest = (cause or "").partition(": ")
    if kind is None and colon and ahead in KINDS:
        kind, cause = ahead, rest
    found = orders_under(connection, kind=kind, cause=cause)
    if not found:
        close = causes_like(connection, cause) if cause else []
        hint = f"Did you mean: {'; '.join(close)}?" if close else "syncbridge exceptions list --group shows what is open."
        trouble(f"No order has an open exception like that. {hint}")
    return found


def _reason(kind: str | None, cause: str | None) -> str:
    named = [f"{name} {value}" for name, value in (("kind", kind), ("cause", cause)) if value]
    return f"group: {', '.join(named)}" if named else ""
