"""Re-running orders and telling what came of it: `orders rerun` and `exceptions retry` are the same deed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from syncbridge.cli.output import as_json, plural, say, table

if TYPE_CHECKING:
    from syncbridge.flows.context import Context

# More than a screenful is a number, not a list.
_SHOWN = 20


def rerun_and_tell(
    here: Context, order_ids: Sequence[int], actor: str, reason: str, *, dry_run: bool, json: bool
) -> None:
    """Re-run the orders and print what was put on the clock."""
    from syncbridge.flows import rerun

    done = rerun.run(here, order_ids, actor=actor, reason=reason, dry_run=dry_run)
    if json:
        as_json({"dry_run": dry_run, "orders": done})
        return
    touched = [one for one in done if one.writes]
    finished = [one for one in done if not one.writes]
    if touched:
        writes = sum(len(one.writes) for one in touched)
        say(
            f"{plural(writes, 'write')} of {plural(len(touched), 'order')} "
            f"{'would be' if dry_run else 'are' if writes > 1 else 'is'} due now:"
        )
        rows = [
            (one.order_id, write.kind, write.key, write.state.value, write.reason)
            for one in touched
            for write in one.writes
        ]
        table(("ORDER", "WRITE", "REFERENCE", "STATE", "WHY IT WAITED"), rows[:_SHOWN])
        if len(rows) > _SHOWN:
            say(f"... and {len(rows) - _SHOWN:,} more")
    if finished:
        ids = ", ".join(str(one.order_id) for one in finished[:_SHOWN])
        more = f" and {len(finished) - _SHOWN:,} more" if len(finished) > _SHOWN else ""
        say(f"Nothing is unfinished for {ids}{more}: every write to a vendor is acknowledged or withdrawn.")
    if touched and not dry_run:
        order = touched[0].order_id if len(touched) == 1 else "ORDER"
        say(f"The workers take {'it' if writes == 1 else 'them'} up within a minute. See what comes of it: syncbridge orders show {order}")
