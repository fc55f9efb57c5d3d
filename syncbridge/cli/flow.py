"""`syncbridge flow`: run a flow in this process, through the same function as its task."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from syncbridge.cli.failing import TROUBLE, trouble, wrong_use
from syncbridge.cli.options import DryRun, Json, instant
from syncbridge.cli.output import as_json, plural, say, table
from syncbridge.cli.session import context

if TYPE_CHECKING:
    from syncbridge.cli.flow_registry import RunnableFlow

Result = TypeVar("Result")

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The flows that the workers run.")


@app.command("list")
def list_flows(json: Json = False) -> None:
    """List the flows: what each does, its queue, and the options it takes."""
    from syncbridge.bootstrap import QUEUES
    from syncbridge.cli.flow_registry import FLOWS

    if json:
        as_json(
            {
                "flows": [
                    {"name": name, "queue": QUEUES[name], "title": flow.title, "options": flow.options}
                    for name, flow in FLOWS.items()
                ]
            }
        )
        return
    rows = [
        (name, QUEUES[name], flow.title + "".join(f" [--{option}]" for option in flow.options))
        for name, flow in FLOWS.items()
    ]
    table(("FLOW", "QUEUE", "WHAT IT DOES"), rows)


@app.command()
def run(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A flow, as syncbridge flow list names it.")],
    order: Annotated[
        str | None, typer.Option("--order", metavar="ORDER", help="This order only: its id, reference or reference key.")
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="TIME", help="From this time on, ISO 8601, or 15m, 2h, 3d ago.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="Up to this time; for flows that take it.")
    ] = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Run one flow here and now. Harmless beside the workers: both go through the ledger.

    \b
    syncbridge flow run order_push --dry-run           what is due
    syncbridge flow run order_push --order 7041983
    syncbridge flow run order_poll --since 2010-12-07T08:00Z
    """
    from syncbridge.cli.flow_registry import FLOWS

    flow = FLOWS.get(name.replace("-", "_"))
    if flow is None:
        wrong_use(f"There is no flow {name!r}. There are: {', '.join(FLOWS)}.")
    given = {"order": order, "since": since, "until": until}
    for option, value in given.items():
        if value is not None and option not in flow.options:
            takers = [one for one, other in FLOWS.items() if option in other.options]
            wrong_use(f"{name} takes no --{option}. {_takers(option, takers)}")
    with context(quiet=False) as here:
        arguments: dict[str, Any] = {}
        if order is not None:
            arguments["order_id"] = _order_id(here, order)
        if since is not None:
            arguments["since"] = instant(since, here.now())
        if dry_run:
            found = flow.preview(here, **arguments)
            if json:
                as_json({"flow": name, "dry_run": True, "would": found.as_dict()})
            else:
                found.print()
            return
        _run(name, flow, here, arguments, json)


def _run(name: str, flow: RunnableFlow, here: Any, arguments: dict[str, Any], json: bool) -> None:
    started = time.monotonic()
    outcome = carry_out(name, lambda: flow.run(here, **arguments))
    summary = outcome.as_dict() if hasattr(outcome, "as_dict") else dict(outcome)
    seconds = round(time.monotonic() - started, 3)
    parked = int(summary.get("parked", 0))
    if json:
        as_json({"flow": name, "dry_run": False, "seconds": seconds, "summary": summary})
    else:
        done = [f"{key.replace('_', ' ')} {value}" for key, value in summary.items() if value]
        say(f"{name}: {', '.join(done) if done else 'nothing to do'} ({seconds:.1f} s)")
        if parked:
            say(f"{plural(parked, 'write waits', 'writes wait')} for a person: syncbridge exceptions list")
    if parked:
        raise typer.Exit(TROUBLE)


def carry_out(name: str, run: Callable[[], Result]) -> Result:
    """Run a flow; what vendors and quotas answer on the way ends the command in a sentence."""
    from syncbridge.domain.errors import Busy, VendorError

    try:
        return run()
    except Busy as error:
        trouble(f"{name} was held back before a call left: {error}. Try again in {error.after.total_seconds():.0f} s.")
    except VendorError as error:
        trouble(f"{name} did not come through: {error}. Nothing is lost; it goes on where it stopped.")


def _takers(option: str, takers: list[str]) -> str:
    return f"It is for {', '.join(takers)}." if takers else "No flow of this version does."


def _order_id(here: Any, text: str) -> int:
    from syncbridge.cli.naming import order_named

    with here.ledger.reading() as connection:
        return order_named(connection, text)
