"""What Scend would refuse, hold or quarantine, found before anything is sent (Scend contract 2.7, assumed).

Codes are Scend's own where it has one. Fields are named as a person finds them in SCAYLE. Values never hold personal
data. Whether a SKU is in Scend's catalogue and whether a service serves a country cannot be known here.
"""

from __future__ import annotations

import re

from connectors.checking import ASK_IT, CORRECT_ADDRESS, NEVER_SPLIT, SHORTEN, Faults
from connectors.scend.order_body import (
    ADDRESS_LINES,
    HOME_COUNTRY,
    REFUSED_CHARACTERS,
    channel,
    decimal_text,
    street_lines,
)
from syncbridge.config.countries import ALPHA_2
from syncbridge.config.scend import ScendSettings
from syncbridge.domain.orders import Address, Fault, FulfilmentRequest, Line

# How the address fields are called for people, and by which name the settings know them.
_LABELS = {
    "recipient_name": "recipient name",
    "line1": "street",
    "city": "city",
    "region": "state",
    "postcode": "postcode",
    "phone": "phone",
    "email": "email",
}


def faults_of(request: FulfilmentRequest, settings: ScendSettings) -> tuple[Fault, ...]:
    """Return every fault of the request at once, in the order in which a person would read it."""
    checks = _Checks(request, settings)
    checks.order()
    checks.lines()
    checks.delivery()
    checks.billing()
    return tuple(checks.found)


class _Checks(Faults):
    def __init__(self, request: FulfilmentRequest, settings: ScendSettings) -> None:
        super().__init__()
        self._request = request
        self._settings = settings

    def order(self) -> None:
        request, settings = self._request, self._settings
        if not settings.accepts_reference(request.reference):
            self.add(
                "INVALID_FORMAT",
                "reference",
                f"{request.reference!r} is not a reference that Scend takes",
                f"{ASK_IT} See reference_template of the merchant.",
                request.reference,
            )
        if len(request.warehouse_code) > settings.order_limits.warehouse_code:
            self.add(
                "FIELD_TOO_LONG", "warehouse", self._longer(settings.order_limits.warehouse_code), ASK_IT
            )
        name = channel(request, settings)
        if len(name) > settings.order_limits.channel or REFUSED_CHARACTERS.search(name):
            self.add(
                "FIELD_TOO_LONG", "shop key", "makes a channel name that Scend does not take", ASK_IT, name
            )
        if not request.service:
            self.add(
                "SERVICE_UNKNOWN",
                "carrier",
                "is not translated to a service of Scend",
                "Add the carrier to service_map of the merchant, then retry the order.",
            )
        elif len(request.service) > settings.order_limits.service:
            self.add(
                "FIELD_TOO_LONG",
                "carrier",
                self._longer(settings.order_limits.service),
                ASK_IT,
                request.service,
            )
        if not re.fullmatch(r"[A-Z]{3}", request.currency):
            self.add(
                "INVALID_FORMAT",
                "currency",
                "is missing or no ISO 4217 code",
                "Check the shop's currency in SCAYLE.",
                request.currency,
            )
        self._totals()

    def _totals(self) -> None:
        totals, currency = self._request.totals, self._request.currency
        if totals is None:
            return
        for name, minor in (
            ("cost: goods", totals.goods_minor),
            ("cost: fees", totals.fees_minor),
            ("cost: tax", totals.tax_minor),
        ):
            self._amount(name, minor, currency)

    def _amount(self, field: str, minor: int, currency: str) -> None:
        if minor < 0:
            self.add("OUT_OF_RANGE", field, "is negative", "Check the order's prices in SCAYLE.", minor)
            return
        try:
            decimal_text(minor, currency)
        except ValueError:
            self.add(
                "INVALID_FORMAT", field, f"needs more than two decimal places in {currency}", ASK_IT, minor
            )

    def lines(self) -> None:
        request, limits = self._request, self._settings.order_limits
        if not request.lines:
            self.add("REQUIRED", "items", "there is nothing to send", "Check the order in SCAYLE.")
        if len(request.lines) > limits.lines:
            self.add(
                "TOO_MANY_ITEMS",
                "items",
                f"make {len(request.lines)} lines; Scend takes {limits.lines}",
                NEVER_SPLIT,
                len(request.lines),
            )
        for line in request.lines:
            self._line(line)

    def _line(self, line: Line) -> None:
        request, settings = self._request, self._settings
        name = f"items[sku={line.shop_sku}]"
        if not settings.accepts_sku(line.sku):
            mapped = "" if line.sku == line.shop_sku else f" (sent as {line.sku!r})"
            self.add(
                "SKU_FORMAT",
                f"{name}.sku",
                f"{line.shop_sku!r}{mapped} is not a SKU that Scend takes: capital letters, digits, hyphen and "
                f"underscore, at most {settings.sku_max_length}",
                "Add it to sku_map of the merchant with Scend's own SKU, or cancel the unit.",
                line.shop_sku,
            )
        if not 1 <= line.quantity <= settings.order_limits.quantity_per_line:
            self.add(
                "OUT_OF_RANGE",
                f"{name}.quantity",
                f"is {line.quantity}; Scend takes 1 to {settings.order_limits.quantity_per_line} on a line",
                NEVER_SPLIT,
                line.quantity,
            )
        if line.price_minor is not None:
            self._amount(f"{name}.price", line.price_minor, request.currency)
        elif request.delivery.country != HOME_COUNTRY:
            self.add(
                "REQUIRED",
                f"{name}.price",
                "is missing; customs needs it outside GB",
                "Check the order's prices in SCAYLE, then retry the order.",
                line.shop_sku,
            )

    def delivery(self) -> None:
        request, settings = self._request, self._settings
        address = request.delivery
        if address.collection_point is not None:
            self.add(
                "COLLECTION_POINT_UNSUPPORTED",
                "delivery address: collection point",
                "is a parcel shop, which Scend cannot deliver to",
                "Agree a home address with the shopper, or cancel the order.",
            )
        for name in settings.content_required.required_in(address.country):
            value = {
                "recipient_name": address.recipient,
                "line1": address.street,
                "city": address.city,
                "region": address.region,
                "postcode": address.postcode,
                "phone": address.phone,
                "email": request.email,
            }.get(name, "")
            if not value.strip():
                self.add(
                    "ADDRESS_INCOMPLETE",
                    f"delivery address: {_LABELS.get(name, name)}",
                    "is missing",
                    CORRECT_ADDRESS,
                )
        self._address("delivery address", address)
        self._text("customer: email", request.email, settings.address_limits.email)
        if address.country == HOME_COUNTRY:
            postcode = address.postcode.strip()
            if postcode and not re.fullmatch(settings.gb_postcode_pattern, postcode, re.IGNORECASE):
                self.add(
                    "POSTCODE_INVALID",
                    "delivery address: postcode",
                    "is no British postcode",
                    CORRECT_ADDRESS,
                )
        elif address.country in ALPHA_2 and settings.customs is None:
            self.add(
                "CUSTOMS_DATA",
                "delivery address: country",
                f"is {address.country}, and no customs data is configured",
                "Set incoterm, IOSS and EORI number in the section scend.customs, then retry the order.",
                address.country,
            )

    def billing(self) -> None:
        address = self._request.billing
        if address is not None and address != self._request.delivery:
            self._address("billing address", address)

    def _address(self, label: str, address: Address) -> None:
        """Check length, characters and form; whether a field has to be there at all is the caller's question."""
        limits = self._settings.address_limits
        if not address.country:
            self.add("REQUIRED", f"{label}: country", "is missing", CORRECT_ADDRESS)
        elif address.country not in ALPHA_2:
            self.add(
                "INVALID_FORMAT", f"{label}: country", "is no country code of ISO 3166", CORRECT_ADDRESS
            )
        self._text(f"{label}: recipient name", address.recipient, limits.recipient_name)
        self._text(f"{label}: company", address.company, limits.company)
        self._text(f"{label}: city", address.city, limits.city)
        self._text(f"{label}: state", address.region, limits.region)
        self._text(f"{label}: postcode", address.postcode, limits.postcode)
        self._characters(f"{label}: street", f"{address.street} {address.house_number}")
        self._characters(f"{label}: additional", address.additional)
        lines = street_lines(address, limits.line)
        if len(lines) > ADDRESS_LINES or any(len(line) > limits.line for line in lines):
            self.add(
                "FIELD_TOO_LONG",
                f"{label}: street" + (" and additional" if address.additional else ""),
                f"do not fit {ADDRESS_LINES} lines of {limits.line} characters"
                if address.additional
                else f"does not fit {ADDRESS_LINES} lines of {limits.line} characters",
                SHORTEN,
            )
        phone = address.phone
        if phone and (len(phone) > limits.phone or not re.fullmatch(self._settings.phone_pattern, phone)):
            self.add(
                "INVALID_FORMAT",
                f"{label}: phone",
                "is not a number that Scend takes: 6 to 20 digits, blanks, brackets and hyphens, with or without a +",
                "Correct the number with the shopper, then retry the order.",
            )

    def _text(self, field: str, value: str, limit: int) -> None:
        if len(value) > limit:
            self.add("FIELD_TOO_LONG", field, self._longer(limit), SHORTEN, f"{len(value)} characters")
        self._characters(field, value)

    def _characters(self, field: str, value: str) -> None:
        self.add_characters(field, value, REFUSED_CHARACTERS, "Scend does not take")

    @staticmethod
    def _longer(limit: int) -> str:
        return f"is longer than the {limit} characters that Scend takes"
