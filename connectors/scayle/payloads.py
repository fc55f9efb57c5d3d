"""SCAYLE's objects as spelled on the wire (Admin API, models of the official SDK), reduced to what we read."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import Field
from pydantic_core import from_json

from connectors.wire import LENIENT, Wire

Text = Annotated[str | None, LENIENT]
Minor = Annotated[int | None, LENIENT]
Number = Annotated[Decimal | None, LENIENT]
Instant = Annotated[datetime | None, LENIENT]
Flag = Annotated[bool | None, LENIENT]


class Cursor(Wire):
    next: Text = None


class Key(Wire):
    """Anything that is named by a reference key: a variant (its SKU), a merchant, a warehouse."""

    id: Annotated[int | None, LENIENT] = None
    reference_key: Text = Field(None, alias="referenceKey")


class Named(Wire):
    name: Text = None


class Vat(Wire):
    amount: Number = None
    rate: Number = None


class Tax(Wire):
    vat: Annotated[Vat | None, LENIENT] = None


class Amount(Wire):
    """An amount; `with_tax` is in minor units."""

    with_tax: Minor = Field(None, alias="withTax")
    without_tax: Minor = Field(None, alias="withoutTax")


class ReductionAmount(Wire):
    absolute_with_tax: Number = Field(None, alias="absoluteWithTax")
    relative: Number = None


class Reduction(Wire):
    category: Text = None
    type: Text = None
    code: Text = None
    amount: Annotated[ReductionAmount | None, LENIENT] = None


class VoucherPrice(Wire):
    """What a unit costs after an absolute voucher; the spelling differs from other prices (contract 3.4, from SDK)."""

    with_tax: Minor = Field(None, alias="withTax")
    without_tax: Minor = Field(None, alias="withOutTax")
    tax: Annotated[Tax | None, LENIENT] = None


class Price(Amount):
    """A unit's price, already reduced. Tax is a fraction here (SCAYLE contract 1.5, from SDK)."""

    tax: Annotated[Tax | None, LENIENT] = None
    absolute_voucher: Annotated[VoucherPrice | None, LENIENT] = Field(None, alias="absoluteVoucherReducedPrice")
    reductions: Annotated[list[Reduction] | None, LENIENT] = Field(None, alias="appliedReductions")


class Item(Wire):
    """One unit: there are no quantities on an order item (SCAYLE contract 3.4, from SDK)."""

    id: int
    variant: Annotated[Key | None, LENIENT] = None
    product: Annotated[Named | None, LENIENT] = None
    merchant: Annotated[Key | None, LENIENT] = None
    warehouse_id: Annotated[int | None, LENIENT] = Field(None, alias="warehouseId")
    package_id: Annotated[int | None, LENIENT] = Field(None, alias="packageId")
    status: Text = None
    price: Annotated[Price | None, LENIENT] = None
    currency: Text = None
    delegated_at: Instant = Field(None, alias="delegatedAt")
    shipped_at: Instant = Field(None, alias="shippedAt")
    cancelled_at: Instant = Field(None, alias="cancelledAt")


class Tracking(Wire):
    id: Text = None


class Package(Wire):
    """A forecast before shipment, a real parcel afterwards (SCAYLE contract 3.5, from SDK)."""

    id: Annotated[int | None, LENIENT] = None
    carrier_key: Text = Field(None, alias="carrierKey")
    shipment_key: Text = Field(None, alias="shipmentKey")
    delivery_status: Text = Field(None, alias="deliveryStatus")
    tracking: Annotated[Tracking | None, LENIENT] = None


class Fee(Wire):
    category: Text = None
    amount: Annotated[Amount | None, LENIENT] = None
    tax: Annotated[Tax | None, LENIENT] = None


class Payment(Wire):
    """One of an order's payments; a gift card is one (SCAYLE contract 3.8, from SDK)."""

    key: Text = None
    amount: Minor = None
    transaction_key: Text = Field(None, alias="transactionKey")
    gift_card: Flag = Field(None, alias="isGiftCard")


class Cost(Amount):
    tax: Annotated[Tax | None, LENIENT] = None
    fees: Annotated[list[Fee] | None, LENIENT] = Field(None, alias="appliedFees")
    external_prices: Flag = Field(None, alias="hasExternalPrices")


class Recipient(Wire):
    first_name: Text = Field(None, alias="firstName")
    last_name: Text = Field(None, alias="lastName")


class CollectionPointDocument(Wire):
    key: Text = None
    type: Text = None
    description: Text = None
    customer_key: Text = Field(None, alias="customerKey")


class AddressDocument(Wire):
    """Serves both spellings: the Admin API nests the recipient, a delegation does not."""

    recipient: Annotated[Recipient | None, LENIENT] = None
    first_name: Text = Field(None, alias="firstName")
    last_name: Text = Field(None, alias="lastName")
    street: Text = None
    house_number: Text = Field(None, alias="houseNumber")
    street_house_number: Text = Field(None, alias="streetHouseNumber")
    additional: Text = None
    zip_code: Text = Field(None, alias="zipCode")
    city: Text = None
    state: Text = None
    country_code: Text = Field(None, alias="countryCode")
    phone: Text = None
    phone_number: Text = Field(None, alias="phoneNumber")
    collection_point: Annotated[CollectionPointDocument | None, LENIENT] = Field(
        None, alias="collectionPoint"
    )


class Addresses(Wire):
    billing: Annotated[AddressDocument | None, LENIENT] = None
    shipping: Annotated[AddressDocument | None, LENIENT] = None


class Customer(Wire):
    email: Text = None
    company: Annotated[Named | None, LENIENT] = None


class ShopCountry(Wire):
    shop_key: Text = Field(None, alias="shopKey")
    country_code: Text = Field(None, alias="countryCode")


class Code(Wire):
    code: Text = None


class DetailedStatus(Wire):
    order: Annotated[Code | None, LENIENT] = None
    billing: Annotated[Code | None, LENIENT] = None


class OrderDocument(Wire):
    """An order of the Admin API (SCAYLE contract 3.1)."""

    id: int
    reference_key: Text = Field(None, alias="referenceKey")
    status: Text = None
    detailed_status: Annotated[DetailedStatus | None, LENIENT] = Field(None, alias="detailedStatus")
    confirmed_at: Instant = Field(None, alias="confirmedAt")
    created_at: Instant = Field(None, alias="createdAt")
    updated_at: Instant = Field(None, alias="updatedAt")
    currency_code: Text = Field(None, alias="currencyCode")
    address: Annotated[Addresses | None, LENIENT] = None
    customer: Annotated[Customer | None, LENIENT] = None
    items: list[Item]
    packages: Annotated[list[Package] | None, LENIENT] = None
    cost: Annotated[Cost | None, LENIENT] = None
    payment: Annotated[list[Payment] | None, LENIENT] = None
    shop_country: Annotated[ShopCountry | None, LENIENT] = Field(None, alias="shopCountry")


class OrderList(Wire):
    entities: list[OrderDocument]
    cursor: Annotated[Cursor | None, LENIENT] = None


class KeyList(Wire):
    """A collection of warehouses."""

    entities: list[Key]
    cursor: Annotated[Cursor | None, LENIENT] = None


class Carrier(Wire):
    key: Text = None


class CarrierList(Wire):
    entities: list[Carrier]
    cursor: Annotated[Cursor | None, LENIENT] = None


class ErrorEntry(Wire):
    error_key: Text = Field(None, alias="errorKey")
    context: Annotated[dict[str, Any] | None, LENIENT] = None


class ErrorDocument(Wire):
    errors: list[ErrorEntry]


class DelegationCustomer(Wire):
    email: Text = None


class DelegationDocument(Wire):
    """The parts of a delegation beside its items (SCAYLE contract 5.1)."""

    addresses: Annotated[Addresses | None, LENIENT] = None
    customer: Annotated[DelegationCustomer | None, LENIENT] = None
    carrier: Annotated[Carrier | None, LENIENT] = None
    cost: Annotated[Cost | None, LENIENT] = None


def parse_message(raw: bytes) -> Any:
    """Parse the JSON of a message that SCAYLE sent us.

    Raises ValueError for what is no JSON, nests too deeply, or is no UTF-8. Half a surrogate pair (an emoji that was
    cut in two) is repaired to U+FFFD, the replacement character, since one broken letter must not lose an order.
    """
    body = raw.removeprefix(b"\xef\xbb\xbf")
    try:
        return from_json(body)
    except ValueError:
        if rb"\u" not in body:
            raise
    try:
        return _mend(json.loads(body.decode("utf-8")))
    except RecursionError as error:
        raise ValueError("nests too deeply") from error


def _mend(value: Any) -> Any:
    if isinstance(value, str):
        return (
            value.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
            if not value.isascii()
            else value
        )
    if isinstance(value, list):
        return [_mend(one) for one in value]
    if isinstance(value, dict):
        return {_mend(name): _mend(one) for name, one in value.items()}
    return value


def compact_json(document: Any) -> str:
    """Write JSON whose bytes depend on its content only: sorted keys, no spaces."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
