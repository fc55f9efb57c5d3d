"""What OrderWise would refuse, or book wrongly, found before anything is sent (OrderWise contract 12.2, partly assumed).

Fields are named as a person finds them in SCAYLE. Values never hold personal data.
"""

from __future__ import annotations

import re

from connectors.checking import ASK_IT, CORRECT_ADDRESS, NEVER_SPLIT, SHORTEN, Faults
from connectors.orderwise.amounts import amounts_of
from connectors.orderwise.order_body import ADDRESS_LINES, address_lines, customer_of, payment_method
from syncbridge.config.countries import ALPHA_2
from syncbridge.config.orderwise import OrderWiseSettings
from syncbridge.domain.money import exponent
from syncbridge.domain.orders import Fault, FulfilmentRequest, Line

_REFUSED = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffd]")
"""Control characters, and the replacement character that stands where a text was damaged: neither belongs on a label."""


def faults_of(request: FulfilmentRequest, settings: OrderWiseSettings) -> tuple[Fault, ...]:
    """Return every fault of the request at once, in the order in which a person would read it."""
    checks = _Checks(request, settings)
    checks.order()
    checks.lines()
    checks.delivery()
    checks.money()
    return tuple(checks.found)


class _Checks(Faults):
    def __init__(self, request: FulfilmentRequest, settings: OrderWiseSettings) -> None:
        super().__init__()
        self._request = request
        self._settings = settings

    def order(self) -> None:
        request, settings = self._request, self._settings
        self._text("reference", request.reference, settings.limits.reference, f"{ASK_IT} See reference_template.")
        if not customer_of(request.shop, settings):
            self.add(
                "CUSTOMER_UNMAPPED",
                "shop key",
                "has no customer in OrderWise",
                "Add the shop to orderwise.customer.accounts, then retry the order.",
                request.shop,
            )
        self._mapped("delivery_method", "carrier", request.service, request.service in settings.maps.delivery_method)
        self._mapped(
            "stock_location", "warehouse", request.warehouse_code, request.warehouse_code in settings.maps.stock_location
        )
        self._mapped("currency", "currency", request.currency, request.currency in settings.maps.currency)

    def _mapped(self, name: str, field: str, value: str, known: bool) -> None:
        if not known:
            self.add(
                f"{name.upper()}_UNMAPPED",
                field,
                f"{value or 'nothing'} is not translated to OrderWise",
                f"Add it to orderwise.maps.{name}, then retry the order.",
                value,
            )

    def lines(self) -> None:
        request, settings = self._request, self._settings
        if not request.lines:
            self.add("REQUIRED", "items", "there is nothing to send", "Check the order in SCAYLE.")
        if len(request.lines) > settings.lines_per_order:
            self.add(
                "TOO_MANY_ITEMS",
                "items",
                f"make {len(request.lines)} lines; {settings.lines_per_order} are allowed",
                NEVER_SPLIT,
                len(request.lines),
            )
        for line in request.lines:
            self._line(line)

    def _line(self, line: Line) -> None:
        settings = self._settings
        name = f"items[sku={line.shop_sku}]"
        if not line.sku.strip() or len(line.sku) > settings.limits.variant_code or _REFUSED.search(line.sku):
            self.add(
                "SKU_FORMAT",
                f"{name}.sku",
                f"is no code that OrderWise takes: at most {settings.limits.variant_code} characters",
                "Add it to sku_map of the merchant with OrderWise's own code, or cancel the unit.",
                line.shop_sku,
            )
        if line.tax_rate is not None and line.tax_rate not in settings.tax_rate_ids:
            self._mapped("tax_rate", f"{name}.tax", f"{line.tax_rate}", False)

    def delivery(self) -> None:
        request, settings = self._request, self._settings
        address, limits = request.delivery, settings.limits
        if address.collection_point is not None:
            self.add(
                "COLLECTION_POINT_UNSUPPORTED",
                "delivery address: collection point",
                "is a parcel shop, which OrderWise has no member for",
                "Agree a home address with the shopper, or cancel the order.",
            )
        for label, value in (
            ("recipient name", address.recipient or address.company),
            ("street", address.street),
            ("city", address.city),
        ):
            if not value.strip():
                self.add("ADDRESS_INCOMPLETE", f"delivery address: {label}", "is missing", CORRECT_ADDRESS)
        if address.country == "GB" and not address.postcode.strip():
            self.add("ADDRESS_INCOMPLETE", "delivery address: postcode", "is missing", CORRECT_ADDRESS)
        for label, value, limit in (
            ("recipient name", address.recipient, limits.name),
            ("company", address.company, limits.name),
            ("city", address.city, limits.town),
            ("state", address.region, limits.county),
            ("postcode", address.postcode, limits.postcode),
            ("phone", address.phone, limits.telephone),
        ):
            self._text(f"delivery address: {label}", value, limit, SHORTEN)
        self._text("customer: email", request.email, limits.email, SHORTEN)
        self._street()
        if not address.country or address.country not in ALPHA_2:
            self.add("INVALID_FORMAT", "delivery address: country", "is missing or no country code", CORRECT_ADDRESS)
        elif address.country not in settings.maps.country:
            self._mapped("country", "delivery address: country", address.country, False)

    def _street(self) -> None:
        address, width = self._request.delivery, self._settings.limits.address_line
        lines = address_lines(address, width)
        if len(lines) > ADDRESS_LINES or any(len(line) > width for line in lines):
            self.add(
                "FIELD_TOO_LONG",
                "delivery address: street" + (" and additional" if address.additional else ""),
                f"does not fit {ADDRESS_LINES} lines of {width} characters",
                SHORTEN,
            )
        for label, value in (("street", f"{address.street}{address.house_number}"), ("additional", address.additional)):
            self._characters(f"delivery address: {label}", value)

    def money(self) -> None:
        request, settings = self._request, self._settings
        if exponent(request.currency) > 2:
            self.add("INVALID_FORMAT", "currency", "needs more than two decimal places", ASK_IT, request.currency)
        _amounts, faults = amounts_of(request, settings)
        self.found += faults
        for fee in request.fees:
            if fee.gross_minor and fee.tax_rate is not None and fee.tax_rate not in settings.tax_rate_ids:
                self._mapped("tax_rate", f"cost: fee {fee.category}: tax", f"{fee.tax_rate}", False)
        if not settings.send_payments:
            return
        for payment in request.payments:
            method = payment_method(payment)
            self._mapped("payment_method", "payment", method, method in settings.maps.payment_method)
            self._text("payment: reference", payment.reference, settings.limits.payment_reference, ASK_IT)

    def _text(self, field: str, value: str, limit: int, way_out: str) -> None:
        if len(value) > limit:
            self.add(
                "FIELD_TOO_LONG", field, f"is longer than the {limit} characters allowed", way_out, f"{len(value)} characters"
            )
        self._characters(field, value)

    def _characters(self, field: str, value: str) -> None:
        self.add_characters(field, value, _REFUSED, "does not belong on a label")
