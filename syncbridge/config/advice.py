"""Legal choices that an operator should know of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from syncbridge.config.environment import Environment
from syncbridge.config.merchants import MerchantSettings
from syncbridge.config.orderwise import OrderWiseSettings
from syncbridge.config.scend import ScendSettings
from syncbridge.config.shops import ScayleSettings


def warnings(
    scayle: ScayleSettings,
    scend: ScendSettings | None,
    orderwise: OrderWiseSettings | None,
    merchants: Mapping[int, MerchantSettings],
    environment: Environment,
) -> Iterator[str]:
    """Legal choices that an operator should know of."""
    sections: list[tuple[str, str]] = [("scayle", scayle.base_url)]
    if scend is not None:
        sections.append(("scend", scend.base_url))
    if orderwise is not None:
        sections.append(("orderwise", orderwise.base_url))
    for section, url in sections:
        parts = urlsplit(url)
        if parts.scheme == "http" and parts.hostname not in {"localhost", "127.0.0.1", "::1"}:
            yield f"{section}.base_url: plain http to {parts.hostname}: the token can be read on the way"
    if not urlsplit(scayle.base_url).path:
        yield "scayle.base_url: has no path; SCAYLE's interface lives under /api/admin/v1"
    if not scayle.order_reading:
        yield "scayle.order_reading: off: order dates, reductions and payments stay unknown, and nothing finds a lost delegation"
    if scend is not None:
        if not environment.scend_webhook_secrets:
            yield "SCEND_WEBHOOK_SECRET: not set: Scend is polled only, its webhooks are refused"
        for place, merchant in merchants.items():
            if merchant.uses("scend") and (missing := sorted(set(scend.carriers) - set(merchant.carrier_map))):
                yield f"merchants[{place}].carrier_map: parcels sent with {', '.join(missing)} will wait for a person"
    if orderwise is not None and not orderwise.deferred_import:
        yield "orderwise.deferred_import: off: an order that OrderWise imports late would be sent twice"
    yield from _of_environment(environment)


def _of_environment(environment: Environment) -> Iterator[str]:
    if environment.database is None:
        yield "DATABASE_URL: not set: the ledger is a SQLite file, which serves one machine"
    if environment.console_users is None:
        yield "CONSOLE_USERS: not set: the console is off; syncbridge console user NAME makes an entry"
    if environment.redis is None:
        yield "REDIS_URL: not set: web, workers and beat need it (make demo brings a Redis of its own)"
    elif (environment.redis_url or "").startswith("rediss://") and "ssl_cert_reqs=none" in (environment.redis_url or ""):
        yield "REDIS_URL: the server's certificate is not verified"
