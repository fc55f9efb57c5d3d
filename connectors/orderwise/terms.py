"""What flows may expect of an installation of OrderWise: its lags and waits, and what its interface does. Pure."""

from __future__ import annotations

from datetime import timedelta

from syncbridge.config.orderwise import OrderWiseSettings
from syncbridge.ports.backend import BackendTiming, Capabilities, Capability


def timing_of(settings: OrderWiseSettings) -> BackendTiming:
    return BackendTiming(
        lookup_lag=timedelta(seconds=settings.lookup_lag_seconds),
        landing=timedelta(seconds=settings.landing_seconds),
        stock_lag=timedelta(seconds=settings.stock_lag_seconds),
        # Whether it refuses a repeated number is unknown: it must never be relied on (contract 12.2).
        unique_references=False,
        feed_overlap=timedelta(seconds=settings.feed_overlap_seconds),
        tracking_wait=timedelta(seconds=settings.tracking_wait_seconds),
        import_timeout=settings.import_timeout,
        reread=timedelta(hours=settings.reread_hours),
    )


def capabilities_of(settings: OrderWiseSettings) -> Capabilities:
    """Return what is done by interface. It has no feed of orders, and none that tells of discontinued products."""
    chosen = settings.capabilities
    return Capabilities(
        cancel=Capability(chosen.cancel),
        cancel_lines=chosen.cancel == "api",
        returns=Capability(chosen.returns),
        order_feed=False,
        catalogue_feed=False,
        receipt_lines=True,
        stock_made_of=repr(sorted((code, sorted(places)) for code, places in settings.sale_warehouses.items())),
    )
