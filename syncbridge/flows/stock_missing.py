"""SKUs that the shop sells and the back end does not show: told one by one, never zeroed in silence, never left to rise.

The rule, and what the people concerned would want of it:

* **The back end says that it does not sell the SKU any more** (its row is inactive, its catalogue says so, or it does
  not know the SKU when asked by name): nothing of it can be shipped, so its number goes to 0 by the next run.
* **The row is missing from a complete snapshot, and the back end still knows the SKU:** nobody knows how many there
  are. A silent zero would take a seller off sale over somebody's export filter; the old number would be sold over and
  over. So its number falls with every sale and never rises, and one exception per SKU asks a person.
* **Very many rows are missing at once:** the snapshot is the trouble, not the SKUs. One exception for the back end, by
  the thresholds of the mass-change breaker, and no question per SKU.
* **The shop sold a SKU of which the back end never showed stock:** we have published nothing that could be lowered. One
  exception per SKU; its orders are stopped before they are sent by the push's own check.

In every case the other SKUs go on. Each exception closes by itself when its SKU is shown again, or when the shop has
nothing of it for sale any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import structlog

from syncbridge.domain.errors import Busy, VendorError
from syncbridge.domain.stock import MassChange
from syncbridge.flows.catalogue_pull import ask_by_name
from syncbridge.flows.context import Context
from syncbridge.flows.stock_terms import Sales
from syncbridge.ledger import exceptions, stock
from syncbridge.ledger.stock import Level
from syncbridge.ports.backend import FulfilmentBackend

log = structlog.get_logger(__name__)

KIND = "stock_missing"
ASKED_AT_ONCE = 500
"""So many SKUs at most are asked for by name in one run. Chosen: the rest is asked for by the following runs."""

Problems = dict[str, tuple[str, dict[str, object]]]


def ask(context: Context, backend: FulfilmentBackend, every: Iterable[Level]) -> bool:
    """Ask the back end by name for the SKUs that its snapshot did not show, once per SKU and snapshot.

    Say whether anything was learnt: what the levels say of themselves has to be read again then.
    """
    sold_from = _sold_from(every)
    missing = [one for one in sold_from if one.missing_at is not None]
    if not missing or _is_mass(context, len(missing), len(sold_from)):
        return False
    doubtful = {
        one.sku
        for one in missing
        if one.missing_at is not None and (one.asked_at is None or one.asked_at < one.missing_at)
    }
    if not doubtful:
        return False
    try:
        ask_by_name(context, backend, sorted(doubtful)[:ASKED_AT_ONCE])
    except (VendorError, Busy) as error:
        log.warning("missing_skus_not_asked", account=backend.account, error=type(error).__name__)
        # What was told before that is known all the same.
    return True


def _sold_from(every: Iterable[Level]) -> list[Level]:
    """Return the levels of which the shop may have something for sale."""
    return [one for one in every if one.published or one.sending]


def tell(context: Context, backend: FulfilmentBackend, every: Sequence[Level], sales: Sales) -> None:
    """Open an exception for each SKU that the shop sells and the back end does not show; close those that are over."""
    problems = _problems(context, backend, every, sales)
    merchants = [one.key for one in context.configuration.merchants if context.backend_of(one) is backend]
    account = f"stock:{backend.account}"
    with context.ledger.reading() as connection:
        told = exceptions.subjects_of(connection, KIND)
    ours = {one for one in told if one == account or any(one.startswith(f"stock:{key}/") for key in merchants)}
    at = context.now()
    if problems.keys() == ours:
        return
    with context.ledger.work() as work:
        for subject in sorted(problems.keys() - ours):
            cause, evidence = problems[subject]
            exceptions.open_exception(work.connection, KIND, subject, at=at, cause=cause, evidence=evidence)
        for subject in sorted(ours - problems.keys()):
            resolution = "the back end shows it, or nothing of it is for sale"
            exceptions.close_exceptions(work.connection, subject, KIND, at=at, resolution=resolution)
        work.commit()


def _problems(context: Context, backend: FulfilmentBackend, every: Sequence[Level], sales: Sales) -> Problems:
    sold_from = _sold_from(every)
    missing = [one for one in sold_from if one.missing_at is not None]
    problems: Problems = {}
    if _is_mass(context, len(missing), len(sold_from)):
        problems[f"stock:{backend.account}"] = (
            f"{backend.account}: the stock snapshot is short",
            {"account": backend.account, "missing": len(missing), "skus": len(sold_from)},
        )
    else:
        for level in missing:
            gone = "does not know it any more: its number goes to 0" if not level.active else "shows no stock row of it"
            problems[level.subject] = (
                f"{backend.account} {gone}",
                {"sku": level.shop_sku, "backend_sku": level.sku, "warehouse": level.warehouse, "in_shop": level.published},
            )
    shown = {(one.merchant, place, one.shop_sku) for one in every for place in ("", one.warehouse)}
    for ((merchant, warehouse), sku), units in sales.in_flight.items():
        found = context.merchant(merchant)
        if found is None or context.backend_of(found) is not backend or (merchant, warehouse, sku) in shown:
            continue
        problems[stock.subject_of(merchant, warehouse, sku)] = (
            f"{backend.account} shows no stock row of it",
            {"sku": sku, "backend_sku": found.backend_sku(sku), "warehouse": warehouse, "sold": units},
        )
    return problems


def _is_mass(context: Context, missing: int, of: int) -> bool:
    rule: MassChange = context.configuration.stock.mass_change
    return bool(rule.too_much(of, missing, 0, 0))
