"""Does every vendor answer, know us, and mean the same words and the same time?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from syncbridge.cli.finding import Finding, Verdict, ok, trouble, warning
from syncbridge.domain.errors import Busy, Misconfigured, SyncbridgeError, VendorError
from syncbridge.flows.context import Context
from syncbridge.ports.answers import Health

# Webhook signatures are refused beyond minutes; stock stamps and look-ups compare clocks much closer.
MOST_DISTANCE = timedelta(seconds=30)

PATIENCE = timedelta(seconds=5)
"""Chosen: how long the doctor waits for its turn, once per vendor."""

_SECRETS = {
    "scayle": "SCAYLE_ACCESS_TOKEN",
    "scend": "SCEND_API_TOKEN",
    "orderwise": "ORDERWISE_USERNAME and ORDERWISE_PASSWORD",
}
_WAYS_OUT = {"orderwise": "Compare orderwise.maps with OrderWise's value lists."}


def vendors(context: Context) -> Iterator[Finding]:
    """Check the shop and every back end."""
    found = [*_vendor("scayle", context, context.shop.health)]
    yield from found
    for name, backend in context.backends.items():
        yield from _vendor(name, context, backend.health)
    if not context.configuration.scayle.order_reading:
        yield warning(
            "order reading",
            "switched off: running degraded; dates, reductions and payments stay unknown, and no lost delegation is found",
            "Have SCAYLE allow reading orders, then set scayle.order_reading = true.",
        )
    if found[0].verdict is Verdict.OK:
        yield from _carriers(context)


def _vendor(name: str, context: Context, ask: Callable[[], Health]) -> Iterator[Finding]:
    before = context.now()
    try:
        try:
            health = ask()
        except Busy as held:
            # A quota starts empty after Redis lost it: a moment later there is room for one call.
            if held.after > PATIENCE:
                raise
            context.sleep(held.after.total_seconds() + 0.1)
            before = context.now()
            health = ask()
    except (VendorError, Busy) as error:
        yield trouble(name, str(error), _way_out(name, error))
        return
    yield ok(name, health.detail)
    for text in health.warnings:
        scopes = f"Check the scopes of {_SECRETS.get(name, 'its credentials')}."
        yield warning(name, text, _WAYS_OUT.get(name, scopes))
    if health.server_time is not None:
        yield _clock(name, health.server_time, before, context.now())


def _clock(name: str, theirs: datetime, before: datetime, after: datetime) -> Finding:
    """Compare clocks: theirs is right if it lies within the call; outside of it, the distance to its nearer end counts."""
    distance = max(before - theirs, theirs - after, timedelta(0))
    if distance > MOST_DISTANCE:
        side = "behind" if theirs > after else "ahead of"
        return trouble(
            f"{name} clock",
            f"this computer is {distance.total_seconds():.0f} s {side} it",
            "Synchronise this computer's clock (NTP); times decide what is newer.",
        )
    return ok(f"{name} clock", f"agrees within {max(1.0, distance.total_seconds()):.0f} s")


def _way_out(name: str, error: SyncbridgeError) -> str:
    if isinstance(error, Busy):
        return "Our own limiter or circuit breaker holds calls back: syncbridge queue status shows which, and for how long."
    if isinstance(error, Misconfigured):
        return f"Check {_SECRETS.get(name, 'its credentials')}, what they are allowed, and {name}.base_url."
    if isinstance(error, VendorError) and error.evidence.status is None:
        return f"Check {name}.base_url and whether this computer may reach it. Nothing is lost: everything waits and goes on by itself."
    return "Nothing is lost: everything waits and goes on by itself. If it stays, ask the vendor with the request id."


def _carriers(context: Context) -> Iterator[Finding]:
    """Check that the carriers of the configuration exist at SCAYLE: parcels go out under them, orders name them."""
    try:
        known = context.shop.carriers()
    except (VendorError, Busy) as error:
        yield warning("carriers", f"SCAYLE's carriers cannot be read: {error}")
        return
    wrong = 0
    for place, merchant in enumerate(context.configuration.merchants):
        for code, carrier in merchant.carrier_map.items():
            if carrier not in known:
                wrong += 1
                yield trouble(
                    "carriers",
                    f"merchants[{place}].carrier_map.{code}: SCAYLE has no carrier {carrier!r}",
                    f"Name one of {_some(known)}, or set it up in SCAYLE.",
                )
        for carrier in merchant.service_map:
            if carrier not in known:
                wrong += 1
                yield warning(
                    "services",
                    f"merchants[{place}].service_map.{carrier}: SCAYLE has no carrier {carrier!r}, so no order names it",
                    f"Name one of {_some(known)}.",
                )
    if not wrong:
        yield ok("carriers", "every carrier of the configuration exists at SCAYLE")


def _some(known: frozenset[str]) -> str:
    names = sorted(known)
    return ", ".join(names[:8]) + (", ..." if len(names) > 8 else "") if names else "(SCAYLE has none)"
