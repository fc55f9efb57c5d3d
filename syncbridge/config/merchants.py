"""`[[merchants]]`: one SCAYLE merchant each, bound to one back end.

The reference of a back-end order is made here too, because its template is configuration and its uniqueness is checked
when the configuration is loaded.
"""

from __future__ import annotations

import re
from decimal import Decimal
from string import Formatter
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from syncbridge.config.section import CurrencyCode, Fraction, Name, Section, Whole
from syncbridge.domain.stock import BufferRule

Backend = Literal["scend", "orderwise"]
"""The back ends that can be chosen. Adding one means: a member here, a section, and a branch in the bootstrap."""

PLACEHOLDERS = frozenset({"shop", "country", "order_id", "merchant", "warehouse"})

Code = Annotated[str, Field(min_length=1, max_length=64)]

Kept = Annotated[Whole, Field(ge=0, le=1_000_000)]
"""Units kept from the shop; a million is as good as all of them."""


class WarehouseSettings(Section):
    """A warehouse as both sides call it."""

    key: Code
    """SCAYLE's `referenceKey`; it cannot change after creation (SCAYLE contract 8.2, documented)."""
    code: Code
    """The back end's own warehouse code."""


class FastMoverSettings(Section):
    """An extra buffer for SKUs that sell fast: units sold per minute, times the age of our figure, times `safety`."""

    from_per_minute: Annotated[Fraction, Field(gt=0)]
    """From which speed on. A SKU that sells slower gets nothing extra."""
    safety: Annotated[Fraction, Field(gt=0)] = Decimal(1)
    floor: Kept = 0
    ceiling: Kept = 100
    """The most that speed may keep from the shop."""

    @model_validator(mode="after")
    def _floor_is_below_the_ceiling(self) -> FastMoverSettings:
        if self.floor > self.ceiling:
            raise ValueError(f"floor ({self.floor}) must not be above ceiling ({self.ceiling})")
        return self


class BufferSettings(Section):
    """Units kept back from the shop, per SCAYLE SKU: `skus` beats `patterns` (shell style, the first that fits) beats `default`."""

    default: Kept = 0
    skus: dict[str, Kept] = {}
    patterns: dict[str, Kept] = {}
    percent: Annotated[Fraction, Field(ge=0, le=100)] = Decimal(0)
    """Added on top: part of what the back end has available, rounded up."""
    fast_movers: FastMoverSettings | None = None

    @property
    def rule(self) -> BufferRule:
        """The same as a rule of the domain."""
        fast = self.fast_movers
        return BufferRule(
            fixed=self.default,
            percent=self.percent,
            skus=tuple(self.skus.items()),
            patterns=tuple(self.patterns.items()),
            fast_from_per_minute=fast.from_per_minute if fast else None,
            safety=fast.safety if fast else Decimal(1),
            floor=fast.floor if fast else 0,
            ceiling=fast.ceiling if fast else 0,
        )


class MerchantSettings(Section):
    """A merchant of the tenant: its warehouses and how its words translate into the back end's."""

    key: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    """SCAYLE's merchant `referenceKey`; also part of the URL that SCAYLE calls, hence the narrow alphabet."""
    backend: Backend
    warehouses: Annotated[tuple[WarehouseSettings, ...], Field(min_length=1)]
    reference_template: Name = "SCY-{shop}-{order_id}"
    carrier_map: dict[Code, Code] = {}
    """Back end's carrier code -> SCAYLE carrier key."""
    service_map: dict[Code, Code] = {}
    """SCAYLE carrier key -> back end's service code."""
    default_service: Code | None = None
    """Service for a SCAYLE carrier that the map does not name. Without it such an order becomes an exception."""
    sku_map: dict[Code, Code] = {}
    """SCAYLE SKU -> back end's SKU, where they differ."""
    buffers: BufferSettings = BufferSettings()
    currencies: tuple[CurrencyCode, ...] = ()
    """Currencies this merchant takes; empty means every currency of the shops."""

    @field_validator("reference_template")
    @classmethod
    def _template_is_usable(cls, template: str) -> str:
        fields = placeholders(template)
        if unknown := sorted(fields - PLACEHOLDERS):
            raise ValueError(f"unknown placeholder {{{unknown[0]}}}; known: {', '.join(sorted(PLACEHOLDERS))}")
        if "order_id" not in fields:
            raise ValueError("must contain {order_id}, or two orders would get the same reference")
        if re.search(r"[0-9}]\{order_id\}|\{order_id\}[0-9{]", template):
            raise ValueError("{order_id} needs a separator on both sides, or two orders could get the same reference")
        return template

    @field_validator("warehouses")
    @classmethod
    def _warehouses_are_told_apart(cls, warehouses: tuple[WarehouseSettings, ...]) -> tuple[WarehouseSettings, ...]:
        for name, values in (
            ("key", [warehouse.key for warehouse in warehouses]),
            ("code", [warehouse.code for warehouse in warehouses]),
        ):
            if repeated := next((value for value in values if values.count(value) > 1), None):
                raise ValueError(f"two warehouses have the {name} {repeated!r}")
        return warehouses

    @field_validator("sku_map")
    @classmethod
    def _skus_stay_distinct(cls, sku_map: dict[str, str]) -> dict[str, str]:
        first: dict[str, str] = {}
        for ours, theirs in sku_map.items():
            if theirs in first:
                raise ValueError(
                    f"{first[theirs]!r} and {ours!r} both become {theirs!r}: its stock would be sold twice"
                )
            first[theirs] = ours
        return sku_map

    def uses(self, backend: str) -> bool:
        """Whether this merchant's orders go to the named back end."""
        return self.backend == backend

    def warehouse(self, key: str) -> WarehouseSettings | None:
        """The warehouse with this SCAYLE key, or None when the merchant does not have it."""
        return next((warehouse for warehouse in self.warehouses if warehouse.key == key), None)

    def warehouse_by_code(self, code: str) -> WarehouseSettings | None:
        """The warehouse with this code in the back end, or None."""
        return next((warehouse for warehouse in self.warehouses if warehouse.code == code), None)

    def service(self, carrier_key: str | None) -> str | None:
        """The back end's service for a SCAYLE carrier key; None when nobody decided that."""
        return self.service_map.get(carrier_key or "", self.default_service)

    def backend_sku(self, sku: str) -> str:
        """The back end's SKU for a SCAYLE SKU. Never a repair: only what the map says."""
        return self.sku_map.get(sku, sku)

    def scayle_sku(self, sku: str) -> str:
        """The SCAYLE SKU for one of the back end."""
        return next((ours for ours, theirs in self.sku_map.items() if theirs == sku), sku)

    def reference(
        self, *, shop: str, country: str, order_id: int, warehouse: str, delegation: int = 1
    ) -> str:
        """The back-end order's reference: a pure function of order, merchant, warehouse and delegation number.

        `warehouse` is the SCAYLE key. Later delegations that bring new units get `-2`, `-3`: order 7041983 of shop `nb`
        under the usual template gives `SCY-NB-7041983`, then `SCY-NB-7041983-2`.
        """
        if delegation < 1:
            raise ValueError(f"delegations count from 1, not {delegation}")
        reference = self.reference_template.format(
            shop=shop.upper(), country=country.upper(), order_id=order_id, merchant=self.key, warehouse=warehouse
        )
        return reference if delegation == 1 else f"{reference}-{delegation}"

    def may_be_reference(self, text: str) -> bool:
        """Say whether a text may be a reference of this merchant's orders; letters of either case count.

        Under the usual template `SCY-NB-7041983` and `scy-nb-7041983-2` may be, `EBAY-77` and `SCY-NB-1/2` may not.
        """
        return re.fullmatch(self._reference_form, text.strip(), re.IGNORECASE) is not None

    @property
    def _reference_form(self) -> str:
        """The template as a regular expression, with the suffix of later delegations."""
        parts = []
        for literal, name, _specification, _conversion in Formatter().parse(self.reference_template):
            parts.append(re.escape(literal))
            if name is not None:
                parts.append("[0-9]+" if name == "order_id" else r"[^\s/]+")
        return "".join(parts) + "(-[0-9]+)?"


def placeholders(template: str) -> set[str]:
    """The names in braces. Raises ValueError for a template that cannot be read."""
    fields: set[str] = set()
    for _literal, name, specification, conversion in Formatter().parse(template):
        if name is None:
            continue
        if specification or conversion or not name.isidentifier():
            raise ValueError(f"{{{name}}} must be a plain name in braces")
        fields.add(name)
    return fields
