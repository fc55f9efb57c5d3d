"""`syncbridge returns`: what is to come back, what came, what became of the money; announcing and deciding."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from syncbridge.cli.failing import trouble, wrong_use
from syncbridge.cli.naming import order_named
from syncbridge.cli.options import LARGEST_ID, DryRun, Json, Limit, rows_wanted, zone
from syncbridge.cli.output import as_json, note, plural, say, table
from syncbridge.cli.session import actor, context, reading
from syncbridge.domain.returns import ReturnReason, ReturnSource, ReturnState

if TYPE_CHECKING:
    from syncbridge.ledger.engine import Connection
    from syncbridge.reports.return_lists import ReturnableUnit

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Goods on their way back, and their refunds.")

Units = Annotated[
    list[int] | None,
    typer.Option("--unit", metavar="ID", help="A unit (SCAYLE's order item id); repeat for several.", min=1, max=LARGEST_ID),
]


@app.command("list")
def list_returns(
    state: Annotated[ReturnState | None, typer.Option("--state", help="In this state only.")] = None,
    source: Annotated[ReturnSource | None, typer.Option("--source", help="From this source only.")] = None,
    order: Annotated[str | None, typer.Option("--order", metavar="ORDER", help="Of this order.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Also those with nothing open any more.")] = False,
    limit: Limit = None,
    json: Json = False,
) -> None:
    """List returns, newest first: those announced, on their way, or with goods that wait for a person.

    \b
    syncbridge returns list
    syncbridge returns list --state expected
    syncbridge returns list --order 7041983 --all
    """
    from syncbridge.reports import return_lists

    most = rows_wanted(limit, json)
    with reading() as connection:
        rows, more = return_lists.list_returns(
            connection,
            state=state,
            source=source,
            order_id=None if order is None else order_named(connection, order),
            everything=everything or order is not None,
            limit=most,
        )
    if json:
        as_json({"returns": rows, "more": more})
        return
    if not rows:
        say(
            "No return is open. All of them: syncbridge returns list --all"
            if not (everything or order or state or source)
            else "No return is like that."
        )
        return
    now = datetime.now(UTC)
    from syncbridge.reports.fact_wording import span

    table(
        ("RMA", "AGE", "ORDER", "STATE", "EXPECTED", "CAME", "MATCHED", "SOURCE", "TROUBLE"),
        [
            (
                row.rma_number,
                span(now - row.created_at),
                row.order_id,
                row.state,
                row.expected or None,
                row.came or None,
                row.matched or None,
                row.source,
                plural(row.open_receipts, "receipt waits", "receipts wait") if row.open_receipts else None,
            )
            for row in rows
        ],
        right=("AGE", "ORDER", "EXPECTED", "CAME", "MATCHED"),
    )
    if more:
        note(f"There are more: --limit {most * 2}.")
    note("One of them with its receipts: syncbridge returns show RMA")


@app.command()
def show(
    rma: Annotated[
        str, typer.Argument(metavar="RMA", help="Our RMA number, or the back end's number or id of the return.")
    ],
    zone_name: Annotated[str, typer.Option("--zone", metavar="ZONE", help="Show times in this time zone.")] = "UTC",
    json: Json = False,
) -> None:
    """Show a return: what was announced, what came in which condition, and each unit's way to its refund.

    \b
    syncbridge returns show RMA-01KK91FJ50M3V7Q8W9X0Y1Z2A3
    syncbridge returns show RMA-01KK91FJ50M3V7Q8W9X0Y1Z2A3 --zone Europe/London
    """
    from syncbridge.reports.return_lists import dossier_of

    where = zone(zone_name)
    with reading() as connection:
        found = dossier_of(connection, _named(connection, rma))
    if json:
        as_json(found)
        return
    from syncbridge.cli.return_page import print_return

    print_return(found, where, zone_name, datetime.now(UTC))


@app.command()
def announce(
    order: Annotated[str, typer.Argument(metavar="ORDER", help="SCAYLE order id, reference or reference key.")],
    units: Units = None,
    everything: Annotated[bool, typer.Option("--all-units", help="Every unit of the order that can come back.")] = False,
    reason: Annotated[
        ReturnReason, typer.Option("--reason", help="Why; told to the warehouse and to SCAYLE.")
    ] = ReturnReason.OTHER,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Announce that a customer sends units back; the warehouse is told under a number of ours once they have left it.

    Without units, those that can be announced are listed.

    \b
    syncbridge returns announce 7041983
    syncbridge returns announce 7041983 --unit 61000101 --reason too_small
    """
    from syncbridge.flows import return_expect
    from syncbridge.reports.return_lists import returnable_units

    with context() as here:
        with here.ledger.reading() as connection:
            order_id = order_named(connection, order)
            can_come = returnable_units(connection, order_id)
        chosen = [unit.order_item_id for unit in can_come] if everything else units or []
        if not chosen:
            _offer(order_id, can_come, json)
            return
        try:
            made = return_expect.announce(here, order_id, chosen, reason=reason, actor=actor(), dry_run=dry_run)
        except return_expect.NotReturnable as error:
            trouble(f"Nothing was announced: {error}. What can be: syncbridge returns announce {order_id}")
    if json:
        as_json({"order": order_id, "dry_run": dry_run, "announced": made.returns, "already": made.already})
        return
    for one in made.already:
        say(f"{one.rma_number} expects {plural(len(one.units), 'unit')} of these already ({one.state}).")
    for one in made.returns:
        waits = ", once they have left the warehouse" if one.state is ReturnState.WAITING else ""
        verb = "would be announced" if dry_run else "is announced" if len(one.units) == 1 else "are announced"
        say(f"{one.rma_number}: {plural(len(one.units), 'unit')} {verb} to {one.account}{waits}.")
    if dry_run and made.returns:
        note("A real run gives other numbers: they are random.")


@app.command()
def decide(
    receipt: Annotated[int, typer.Argument(metavar="RECEIPT", help="The number that returns show lists.", min=1, max=LARGEST_ID)],
    refund: Annotated[
        bool | None, typer.Option("--refund/--refuse", help="Refund the units, or leave the money where it is.")
    ] = None,
    units: Units = None,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept for good.")] = "",
    after_refusal: Annotated[
        bool, typer.Option("--after-refusal", help="Refund goods that were refused before: takes the refusal back.")
    ] = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Decide about goods that a person was asked about, or that belong to no unit by themselves.

    Goods whose units are known need no --unit. For others (unknown RMA, more than announced, another SKU) --unit says which
    units of which order they stand for. No unit is ever refunded twice. What is decided stays so: of two people the second
    is told; only a refusal can be taken back.

    \b
    syncbridge returns decide 17 --refund --reason "worn, but our fault"
    syncbridge returns decide 18 --refund --unit 61000102 --reason "took the wrong parcel slip"
    syncbridge returns decide 19 --refuse --reason "not ours"
    syncbridge returns decide 19 --refund --after-refusal --unit 61000102 --reason "ours after all"
    """
    from syncbridge.flows import return_decide

    if refund is None:
        wrong_use("Say which: --refund or --refuse.")
    if not reason.strip():
        wrong_use("Say why: --reason TEXT is kept with the decision.")
    if units and not refund:
        wrong_use("--unit says what is refunded; a refusal is about the whole receipt.")
    if after_refusal and not refund:
        wrong_use("--after-refusal takes a refusal back: it goes with --refund.")
    with context() as here:
        try:
            done = return_decide.run(
                here,
                receipt,
                refund=refund,
                units=units or (),
                actor=actor(),
                reason=reason,
                after_refusal=after_refusal,
                dry_run=dry_run,
            )
        except return_decide.RefusedBefore as error:
            trouble(f"Nothing was decided: {error}." + (" To refund all the same: --after-refusal." if refund else ""))
        except return_decide.NotDecidable as error:
            trouble(f"Nothing was decided: {error}.")
    if json:
        as_json({"receipt": receipt, "dry_run": dry_run, "refunded": done.refunded, "refused": done.refused})
        return
    would = "would be" if dry_run else "will be" if refund else "is"
    if refund:
        say(f"{', '.join(map(str, done.refunded))} {would} returned in SCAYLE, which refunds.")
    else:
        say(f"Receipt {receipt} {would} refused: no money moves for it.")


def _offer(order_id: int, units: list[ReturnableUnit], json: bool) -> None:
    if json:
        as_json({"order": order_id, "can_be_announced": units})
        return
    if not units:
        trouble(f"Nothing of order {order_id} can come back: every unit is cancelled or returned.")
    table(
        ("UNIT", "SKU", "PRICE", "STATE"),
        [(unit.order_item_id, unit.sku, unit.price, unit.state) for unit in units],
        right=("PRICE",),
    )
    note(f"Announce some: syncbridge returns announce {order_id} --unit ID --reason too_small")


def _named(connection: Connection, text: str) -> str:
    from syncbridge.reports.return_lists import find_returns

    found = find_returns(connection, text)
    if not found:
        trouble(f"No return {text!r} is known here. All of them: syncbridge returns list --all")
    if len(found) > 1:
        trouble(f"{text!r} names several returns: {', '.join(found)}. Give one of these numbers.")
    return found[0]
