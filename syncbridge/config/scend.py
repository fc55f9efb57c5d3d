"""`[scend]`: everything about Scend that may differ from customer to customer.

Scend publishes no interface description: every default below is the assumed contract (section in brackets) and must be
confirmed with the customer's Scend account. That is why each is a setting.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, field_validator

from syncbridge.config.section import (
    BaseUrl,
    Code2,
    NonNegativeSeconds,
    PerSecond,
    Positive,
    Seconds,
    Section,
    Switch,
    Whole,
)
from syncbridge.domain.backend import FulfilmentStatus

STATUS_MAP: dict[str, FulfilmentStatus] = {
    "RECEIVED": FulfilmentStatus.ACCEPTED,
    "ALLOCATED": FulfilmentStatus.ACCEPTED,
    "QUARANTINED": FulfilmentStatus.NEEDS_ATTENTION,
    "ON_HOLD": FulfilmentStatus.NEEDS_ATTENTION,
    "BACKORDERED": FulfilmentStatus.BACKORDERED,
    "PICKING": FulfilmentStatus.IN_FULFILMENT,
    "PICKED": FulfilmentStatus.IN_FULFILMENT,
    "PACKED": FulfilmentStatus.IN_FULFILMENT,
    "PARTIALLY_DESPATCHED": FulfilmentStatus.PARTIALLY_DESPATCHED,
    "DESPATCHED": FulfilmentStatus.DESPATCHED,
    "CANCELLED": FulfilmentStatus.CANCELLED,
}
"""Scend's statuses in our words [2.9]."""

CARRIERS = ("ROYAL_MAIL", "PARCELFORCE", "DPD_UK", "EVRI", "YODEL", "DHL", "UPS", "FEDEX", "OTHER")
"""The carrier codes of [2.13]; the list is open."""


class AddressLimits(Section):
    """Characters per field [2.7]. Scend refuses what is longer; we never cut."""

    recipient_name: Positive = 60
    company: Positive = 60
    line: Positive = 35
    """Each of line1, line2 and line3."""
    city: Positive = 35
    region: Positive = 35
    postcode: Positive = 12
    phone: Positive = 20
    email: Positive = 100


class OrderLimits(Section):
    """What one order may hold [2.7]. Beyond it the order is an exception; orders are never split to fit."""

    lines: Positive = 200
    quantity_per_line: Positive = 999
    client_reference: Positive = 50
    order_number: Positive = 30
    channel: Positive = 30
    warehouse_code: Positive = 10
    service: Positive = 20
    description: Positive = 100
    instructions: Positive = 100
    gift_message: Positive = 250
    body_bytes: Positive = 1024 * 1024


RequiredField = Literal["recipient_name", "line1", "city", "region", "postcode", "phone", "email"]


class ContentRequired(Section):
    """Address fields without which Scend quarantines an order [2.7], with the exceptions by country."""

    always: tuple[RequiredField, ...] = ("recipient_name", "line1", "city", "postcode")
    except_in: dict[RequiredField, tuple[Code2, ...]] = {"postcode": ("IE", "HK", "AE")}
    also_in: dict[RequiredField, tuple[Code2, ...]] = {"region": ("US", "CA", "AU")}

    def required_in(self, country: str) -> tuple[str, ...]:
        """The fields that an address in this country (alpha-2) must fill."""
        base = [name for name in self.always if country not in self.except_in.get(name, ())]
        more = [name for name, countries in self.also_in.items() if country in countries and name not in base]
        return (*base, *more)


class CustomsSettings(Section):
    """Customs data sent with every order outside GB [2.7]. Without it Scend holds such an order."""

    incoterm: Literal["DAP", "DDP"]
    ioss_number: Annotated[str, Field(max_length=20)] = ""
    eori_number: Annotated[str, Field(max_length=20)] = ""


class ScendSettings(Section):
    """One Scend account. The token comes from the environment."""

    base_url: BaseUrl
    account_code: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$")]
    auth_mode: Literal["bearer"] = "bearer"
    connect_timeout_seconds: Seconds = 5
    read_timeout_seconds: Seconds = 30
    """The contract's value; `limits.call_deadline_seconds` ends a call earlier if it is smaller."""
    rate_capacity: Positive = 120
    """Calls the full bucket allows at once [2.6]. Only the first guess: answers' headers teach better."""
    rate_per_second: PerSecond = 2
    page_limit: Annotated[Whole, Field(ge=1, le=250)] = 100
    sku_pattern: str = r"^[A-Z0-9](?:[A-Z0-9_-]{0,30}[A-Z0-9])?$"
    sku_max_length: Positive = 32
    reference_pattern: str = r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,49}$"
    phone_pattern: str = r"^\+?[0-9 ()-]{6,20}$"
    gb_postcode_pattern: str = r"^[A-Z]{1,2}[0-9][A-Z0-9]? ?[0-9][A-Z]{2}$"
    """Matched without regard to case."""
    address_limits: AddressLimits = AddressLimits()
    order_limits: OrderLimits = OrderLimits()
    content_required: ContentRequired = ContentRequired()
    customs: CustomsSettings | None = None
    """None where nothing is sold outside GB: such an order is then an exception before it is sent."""
    allow_partial_despatch: Switch = True
    cancel_cutoff_status: str = "PICKED"
    """From this status on nothing is cancelled any more, even where Scend itself still would [2.11]."""
    status_map: dict[str, FulfilmentStatus] = {}
    """Only what differs from, or adds to, the usual statuses; `statuses` is the whole."""
    carriers: Annotated[tuple[str, ...], Field(min_length=1)] = CARRIERS
    channel: str = "SCAYLE-{shop}"
    feed_overlap_seconds: NonNegativeSeconds = 900
    lookup_lag_seconds: NonNegativeSeconds = 30
    """How long a created order may stay invisible to a look-up. Chosen; the contract promises none [2.1]."""
    landing_seconds: NonNegativeSeconds = 60
    """The longest a request that we gave up on may still take effect. Chosen: three times the 20 s of [2.1]."""
    stock_lag_seconds: NonNegativeSeconds = 0
    """How far the stock feed may trail the warehouse. The contract promises no figure and knows of lag [2.12, 2.20]; too
    small a value lets a stamp of ours release a block in the shop that is still needed."""
    tracking_wait_seconds: NonNegativeSeconds = 1_800
    """How long a despatch may wait for its tracking number before it ships under its own number. Chosen."""
    webhook_tolerance_seconds: Seconds = 300

    @field_validator("sku_pattern", "reference_pattern", "phone_pattern", "gb_postcode_pattern")
    @classmethod
    def _pattern_compiles(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"is no regular expression: {error}") from error
        return pattern

    @property
    def statuses(self) -> dict[str, FulfilmentStatus]:
        """Every Scend status that we know, in our words."""
        return {**STATUS_MAP, **self.status_map}

    def accepts_sku(self, sku: str) -> bool:
        """Whether Scend would take this SKU as it is; it never trims or upper-cases."""
        return len(sku) <= self.sku_max_length and re.fullmatch(self.sku_pattern, sku) is not None

    def accepts_reference(self, reference: str) -> bool:
        """Whether Scend would take this client reference."""
        return (
            len(reference) <= self.order_limits.client_reference
            and re.fullmatch(self.reference_pattern, reference) is not None
        )
