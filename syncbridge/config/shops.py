"""`[scayle]`: the tenant we talk to and the shops whose orders we serve."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, field_validator

from syncbridge.config.countries import known_country
from syncbridge.config.section import (
    LONGEST_DAYS,
    BaseUrl,
    CurrencyCode,
    NonNegativeSeconds,
    Positive,
    Real,
    Seconds,
    Section,
    Switch,
    Whole,
)


class ShopSettings(Section):
    """One shop country of the tenant. SCAYLE contract 1.1: a shop key has exactly two characters."""

    key: Annotated[str, Field(pattern=r"^[A-Za-z0-9]{2}$")]
    country: Annotated[str, AfterValidator(known_country)]
    currencies: Annotated[tuple[CurrencyCode, ...], Field(min_length=1)]
    default: Switch = False
    """The shop of a message that names none. With a single shop it is that one, whatever is written here."""

    def serves(self, currency: str) -> bool:
        """Whether an order in this currency (ISO 4217, upper case) may be taken in."""
        return currency in self.currencies


class ScayleSettings(Section):
    """Where SCAYLE is, what we serve of it, and how long we wait for it. Secrets come from the environment."""

    base_url: BaseUrl
    """With the API's path, e.g. https://acme-live.admin.api.scayle.cloud/api/admin/v1 (SCAYLE contract 1, documented)."""
    company_id: Positive | None = None
    """Sent as X-Company-Id; needed once the tenant has more than one company (SCAYLE contract 1, documented)."""
    shops: Annotated[tuple[ShopSettings, ...], Field(min_length=1)]
    order_reading: Switch = True
    """False only for a tenant that does not let us read orders: we then run degraded and say so."""
    poll_grace_seconds: NonNegativeSeconds = 180
    """A confirmed order is left to its delegation this long before the poll takes it in. Chosen: three times the
    documented minute between confirmation and delegation."""
    poll_overlap_seconds: NonNegativeSeconds = 120
    """How far each poll reads back before its cursor. Chosen: outlasts clock differences and late commits."""
    delegation_delay_margin_seconds: NonNegativeSeconds = 120
    """Added to the 60 seconds between confirmation and delegation when nothing better proves what we have met. Chosen."""
    lookup_lag_seconds: NonNegativeSeconds = 5
    """How long a shipment or cancellation may stay invisible in SCAYLE's order. Chosen; SCAYLE promises none."""
    landing_seconds: NonNegativeSeconds = 25
    """The longest a write that we gave up on may still take effect there. Chosen: a little over the call deadline."""
    cancellation_patience_seconds: Seconds = 10
    """A cancellation call is answered within this time, decided or not. Chosen; SCAYLE documents no limit for it, and
    15 seconds for a delegation (SCAYLE contract 5.1)."""
    cancellation_refusal: Annotated[str, Field(pattern=r"^[a-z_]{1,64}$")] = "failed"
    """The `cancellationResult` of a refusal. Only "successful" cancels; SCAYLE documents no other value (contract 5.3)."""
    cancellation_silence_seconds: NonNegativeSeconds = 900
    """When SCAYLE has not asked for so long after a cancellation succeeded, it is looked whether it knows; if not, the
    merchant cancels. Chosen; SCAYLE documents no schedule of its repeats."""
    tombstone_days: Annotated[Real, Field(gt=2, le=LONGEST_DAYS)] = 7
    """How long a cancellation of an order that never came is remembered. Must outlast the 46 hours of delegation's
    repeats (SCAYLE contract 5.1, documented)."""
    stock_bulk_from: Positive = 200
    """So many stock writes at once go as one bulk request instead of one call each. Chosen: below it single calls are
    quicker, and each is answered with what SCAYLE holds now."""
    stock_bulk_chunk: Annotated[Whole, Field(ge=1, le=1_000)] = 100
    """Writes per bulk request. Where one of them fails, all are handed over again in small requests: a bad SKU costs as many
    writes as its request has. Chosen; SCAYLE documents no limit for stock (contract 11)."""
    connect_timeout_seconds: Seconds = 3
    read_timeout_seconds: Seconds = 15
    max_units_per_order: Positive = 5_000
    """The largest delegation we promise to handle; beyond it the answer is 413, with a record and an alert."""
    max_body_bytes: Positive = 8 * 1024 * 1024
    """The largest body we read. Chosen: 5,000 units at about 1 KiB each, with room for long names and custom data."""

    @field_validator("shops")
    @classmethod
    def _shops_are_told_apart(cls, shops: tuple[ShopSettings, ...]) -> tuple[ShopSettings, ...]:
        seen: set[tuple[str, str]] = set()
        for shop in shops:
            pair = (shop.key.casefold(), shop.country)
            if pair in seen:
                raise ValueError(f"shop {shop.key} in {shop.country} is listed twice")
            seen.add(pair)
        defaults = sum(shop.default for shop in shops)
        if len(shops) > 1 and defaults != 1:
            raise ValueError(f"exactly one shop must have default = true, {defaults} have it")
        return shops

    @field_validator("cancellation_refusal")
    @classmethod
    def _refuses(cls, value: str) -> str:
        if value == "successful":
            raise ValueError("must not be 'successful': that word cancels")
        return value

    @property
    def default_shop(self) -> ShopSettings:
        """The shop of a message that names none."""
        return next((shop for shop in self.shops if shop.default), self.shops[0])

    def shop(self, key: str | None, country: str | None = None) -> ShopSettings | None:
        """Find the shop of a message, without regard to case; None when we do not serve it.

        No key means the default shop. A key without a country means the first country listed for that shop.
        """
        if not key:
            return self.default_shop
        for shop in self.shops:
            if shop.key.casefold() == key.casefold() and (not country or shop.country == country.upper()):
                return shop
        return None
