"""`syncbridge stock`: what the shop may sell and why, publishing it now, and releasing a run that was held."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from syncbridge.cli.failing import TROUBLE, trouble, wrong_use
from syncbridge.cli.flow import carry_out
from syncbridge.cli.options import DryRun, Json, Limit, rows_wanted
from syncbridge.cli.output import as_json, clean, note, plural, say
from syncbridge.cli.session import actor, context, reading

if TYPE_CHECKING:
    from syncbridge.reports.stock_levels import Sources

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="What the shop may sell, and why.")


@app.command()
def diff(
    sku: Annotated[
        str | None,
        typer.Option(
            "--sku", metavar="SKU", help="This SKU, in the shop's or the back end's words, term by term."
        ),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="The SKUs too of which the shop holds the right number.")
    ] = False,
    drift: Annotated[
        bool, typer.Option("--drift", help="What the last full compares with the shop found.")
    ] = False,
    limit: Limit = None,
    json: Json = False,
) -> None:
    """Explain numbers: available less what is sold and not reserved, less the buffer, against what the shop holds.

    Read from the ledger alone; no vendor is asked. Without options: the SKUs whose number has to be written, in the
    order in which a run writes them.

    \b
    syncbridge stock diff
    syncbridge stock diff --sku 85123A
    syncbridge stock diff --drift
    """
    if drift and (sku is not None or everything):
        wrong_use("--drift is about full compares: give it without --sku and --all.")
    most = rows_wanted(limit, json)
    if drift:
        _tell_drift(most, json)
        return
    from syncbridge.cli import stock_view

    with context() as here:
        now = here.now()
        lines, origins = stock_view.lines(here, now, sku)
        alike = [] if lines or sku is None else stock_view.alike(here, sku)
    if sku is not None and not lines:
        meant = f" Is {' or '.join(alike)} meant?" if alike else ""
        trouble(
            f"No stock of {sku!r} is known here.{meant} syncbridge stock diff --all shows what the back ends have told us."
        )
    differing = sum(line.differs for line in lines)
    shown = lines if everything or sku is not None else [line for line in lines if line.differs]
    if json:
        as_json(
            {
                "skus": len(lines),
                "differing": differing,
                "sources": origins,
                "levels": shown[:most],
                "more": len(shown) > most,
            }
        )
        return
    from syncbridge.cli.stock_page import print_lines, print_terms

    if sku is not None:
        for line in shown[:most]:
            print_terms(line, now)
        return
    if not lines:
        say("No stock is known yet. The first run reads all of it: syncbridge stock publish")
    elif not shown:
        say(f"The shop holds the right number of {plural(len(lines), 'SKU')}: nothing has to be written.")
    else:
        print_lines(shown[:most], now)
        if len(shown) > most:
            note(f"There are more: --limit {most * 2}.")
        note(
            f"{differing:,} of {plural(len(lines), 'SKU')} differ. One of them term by term: syncbridge stock diff --sku SKU"
        )
    _tell_held(origins)


@app.command()
def publish(dry_run: DryRun = False, limit: Limit = None, json: Json = False) -> None:
    """Read the back ends' stock and write what differs, here and now. Harmless beside the workers.

    \b
    syncbridge stock publish --dry-run       what the ledger would have written
    syncbridge stock publish
    """
    if dry_run:
        _preview(rows_wanted(limit, json), json)
        return
    from syncbridge.cli import stock_view
    from syncbridge.flows import stock_sync

    started = time.monotonic()
    with context(quiet=False) as here:
        summary = carry_out("stock publish", lambda: stock_sync.run(here)).as_dict()
        origins = stock_view.sources(here)
    seconds = round(time.monotonic() - started, 3)
    if json:
        as_json({"dry_run": False, "seconds": seconds, "summary": summary})
    else:
        done = ", ".join(f"{name} {count:,}" for name, count in summary.items() if count)
        say(f"stock publish: {done or 'nothing to do'} ({seconds:.1f} s)")
    if summary["elsewhere"]:
        note("Of each back end under elsewhere a worker is publishing just now, and goes on until nothing is left.")
    _tell_held(origins)
    if summary["unknown"]:
        note("The shop refused some SKUs: syncbridge exceptions list --kind stock_refused")
    if summary["held"] or summary["unknown"]:
        raise typer.Exit(TROUBLE)


@app.command()
def release(
    account: Annotated[
        str, typer.Argument(metavar="ACCOUNT", help="A back end, as stock diff names it: scend:ACME-UK.")
    ],
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why the change is right; kept for good.")
    ],
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Let a mass change that was held be published, after a look at it.

    It counts for what is held now, until all of it is written and an hour at most; what goes beyond it is held again.

    \b
    syncbridge stock diff
    syncbridge stock release scend:ACME-UK --reason "stocktake, confirmed by the warehouse"
    """
    from syncbridge.cli import stock_view
    from syncbridge.flows import stock_hold

    if not reason.strip():
        wrong_use("Say why: --reason TEXT is kept with the release.")
    with context() as here:
        accounts = sorted(backend.account for backend in here.backends.values())
        if account not in accounts:
            wrong_use(f"There is no back end {account!r}. There are: {', '.join(accounts)}.")
        lines, origins = stock_view.lines(here, here.now(), None)
        held_for = [one.held_for for one in origins if one.account == account and one.held]
        waiting = sum(line.held for line in lines if line.account == account)
        done = bool(held_for) if dry_run else stock_hold.release(here, account, actor=actor(), reason=reason)
    why = "".join(held_for)
    if json:
        as_json({"account": account, "dry_run": dry_run, "released": done, "skus": waiting, "held_for": why})
    elif not done:
        say(f"Nothing of {account} is held.")
    else:
        say(
            f"{account} {'would be' if dry_run else 'is'} released{': ' if why else ''}{clean(why)}. The next run writes "
            f"{plural(waiting, 'SKU')}, within an hour from now."
        )


def _tell_held(origins: list[Sources]) -> None:
    for one in origins:
        if one.held:
            note(
                f"A mass change of {one.account} is held{': ' if one.held_for else ''}{clean(one.held_for)}. Look at it: "
                f"syncbridge stock diff. If it is right: syncbridge stock release {one.account} --reason TEXT"
            )


def _preview(most: int, json: bool) -> None:
    from syncbridge.cli import stock_view

    with context() as here:
        now = here.now()
        lines, origins = stock_view.lines(here, now, None)
    due = [line for line in lines if line.due]
    waiting = sum(line.differs and not line.due for line in lines)
    if json:
        as_json(
            {"dry_run": True, "would_write": due[:most], "more": len(due) > most, "waiting": waiting, "sources": origins}
        )
        return
    if due:
        from syncbridge.cli.stock_page import print_lines

        say(
            f"{plural(len(due), 'number')} would be written, from what the ledger knows; a run reads the back ends first:"
        )
        print_lines(due[:most], now)
    else:
        say("Nothing would be written, from what the ledger knows; a run reads the back ends first.")
    if waiting:
        say(f"{plural(waiting, 'SKU waits', 'SKUs wait')}; for what, says syncbridge stock diff.")
    _tell_held(origins)


def _tell_drift(most: int, json: bool) -> None:
    from syncbridge.reports import stock_levels

    with reading() as connection:
        found = stock_levels.comparisons(connection, most)
    if json:
        as_json({"comparisons": found})
        return
    if not found:
        say("No full compare has run yet: syncbridge flow run stock_reconcile")
        return
    from syncbridge.cli.stock_page import print_drift

    print_drift(found)
