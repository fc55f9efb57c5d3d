"""Fakes of the ports that connectors stand on, and one documented SCAYLE order."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from syncbridge.config.orderwise import OrderWiseSettings
from syncbridge.config.scend import ScendSettings
from syncbridge.config.shops import ScayleSettings
from syncbridge.domain.errors import Busy
from syncbridge.ports.quota import Lane, QuotaReading


@dataclass
class RecordingQuota:
    """Lets everything through and remembers it."""

    taken: list[tuple[str, str, Lane]] = field(default_factory=list)
    learnt: list[tuple[str, str, QuotaReading]] = field(default_factory=list)
    empty: bool = False

    def take(self, system: str, scope: str, lane: Lane, wait: timedelta) -> None:
        if self.empty:
            raise Busy("no quota left", after=timedelta(seconds=1))
        self.taken.append((system, scope, lane))

    def learn(self, system: str, scope: str, reading: QuotaReading) -> None:
        self.learnt.append((system, scope, reading))

    def scarce(self, system: str, scope: str) -> bool:
        return False


@dataclass
class RecordingBreaker:
    """Never opens and remembers every verdict."""

    verdicts: list[str] = field(default_factory=list)
    open: bool = False

    def check(self, system: str) -> None:
        if self.open:
            raise Busy("the circuit is open", after=timedelta(seconds=5))

    def succeeded(self, system: str) -> None:
        self.verdicts.append("succeeded")

    def failed(self, system: str, *, refused: bool = False) -> None:
        self.verdicts.append("refused" if refused else "failed")


@pytest.fixture
def quota() -> RecordingQuota:
    return RecordingQuota()


@pytest.fixture
def breaker() -> RecordingBreaker:
    return RecordingBreaker()


@pytest.fixture
def scayle_settings() -> ScayleSettings:
    return ScayleSettings.model_validate(
        {
            "base_url": "https://acme-live.example/api/admin/v1",
            "company_id": 7,
            "shops": [
                {"key": "nb", "country": "GB", "currencies": ["GBP"], "default": True},
                {"key": "nb", "country": "DE", "currencies": ["EUR"]},
            ],
        }
    )


@pytest.fixture
def scend_settings() -> ScendSettings:
    return ScendSettings.model_validate({"base_url": "https://scend.example/v1", "account_code": "ACME-UK"})


ORDERWISE: dict[str, Any] = {
    "base_url": "https://orderwise.example/owapi",
    "name": "ACME-UK",
    "session_id": 12,
    "customer": {"id": 4021},
    "capabilities": {"cancel": "api", "returns": "api"},
    "maps": {
        "delivery_method": {"STANDARD": 18},
        "payment_method": {"creditcard": 7, "gift_card": 8},
        "stock_location": {"MAIN": 3},
        "sale_locations": {"MAIN": [3, 5]},
        "discount": {"promotion": "WEBDISCOUNT", "voucher": "WEBVOUCHER"},
        "surcharge": {"payment": "SMALLORDER"},
    },
}


@pytest.fixture
def orderwise_settings() -> OrderWiseSettings:
    return OrderWiseSettings.model_validate(ORDERWISE)


def _item(
    unit_id: int, sku: str, merchant: str, warehouse: int, package: int, price: int, net: int
) -> dict[str, Any]:
    return {
        "id": unit_id,
        "variant": {"id": 40881, "referenceKey": sku, "stock": {"supplierId": 3}},
        "product": {"id": 4088, "name": "Harbour Tee"},
        "merchant": {"id": 3, "referenceKey": merchant},
        "warehouseId": warehouse,
        "packageId": package,
        "status": "available",
        "currency": "GBP",
        "price": {
            "withTax": price,
            "withoutTax": net,
            "tax": {"vat": {"amount": price - net, "rate": 0.2}},
            "appliedReductions": [
                {
                    "id": f"r-{unit_id}",
                    "category": "sale",
                    "type": "relative",
                    "amount": {"absoluteWithTax": 480, "relative": 0.2},
                }
            ],
        },
        "delegatedAt": "2026-03-02T10:02:45+00:00",
    }


_ADDRESS = {
    "street": "Quay Street",
    "houseNumber": "19",
    "additional": "Flat 6",
    "zipCode": "M3 3JZ",
    "city": "Manchester",
    "countryCode": "GBR",
    "phone": "+441610000000",
    "recipient": {"firstName": "Priya", "lastName": "Okafor", "type": "personal"},
}

_ORDER = {
    "id": 7204418,
    "referenceKey": "NB-GB-7204418",
    "status": "payment_reserved",
    "detailedStatus": {"order": {"code": "order_delegated", "name": "Delegated"}},
    "createdAt": "2026-03-02T09:58:11+00:00",
    "confirmedAt": "2026-03-02T11:01:40+01:00",
    "updatedAt": "2026-03-02T10:02:45+00:00",
    "currencyCode": "GBP",
    "shopCountry": {"id": 10042, "shopKey": "NB", "countryCode": "GB"},
    "address": {"billing": _ADDRESS, "shipping": _ADDRESS},
    "customer": {"email": "priya.okafor@example.com", "company": []},
    "items": [
        _item(61000101, "NB-TEE-0042-M", "scend", 12, 1, 1920, 1600),
        _item(61000102, "NB-TEE-0042-M", "scend", 12, 1, 1920, 1600),
        _item(61000103, "NB-CAP-0007-OS", "orderwise", 15, 2, 1500, 1250),
    ],
    "packages": [
        {"id": 2, "carrierKey": "EVRI_GB"},
        {"id": 1, "carrierKey": "ROYALMAIL_GB", "deliveryStatus": "shipment_pending"},
    ],
    "cost": {
        "withTax": 5735,
        "withoutTax": 4779,
        "tax": {"vat": {"amount": 956}},
        "hasExternalPrices": False,
        "appliedFees": [
            {"category": "delivery", "key": "base", "amount": {"withTax": 395, "withoutTax": 329}},
            {"category": "payment", "key": "fee", "amount": {"withTax": 100}},
            {"category": "delivery", "key": "express", "amount": {"withTax": 5}},
        ],
    },
}

_DELEGATION = {
    "id": 15590,
    "orderId": 7204418,
    "orderReferenceKey": "NB-GB-7204418",
    "shopKey": "nb",
    "countryCode": "GB",
    "fulfillingMerchantKey": "scend",
    "carrier": {"key": "ROYALMAIL_GB"},
    "customer": {"email": "priya.okafor@example.com", "customData": []},
    "addresses": {
        "billing": None,
        "shipping": {
            "firstName": "Priya",
            "lastName": "Okafor",
            "street": "Quay Street",
            "houseNumber": "19",
            "additional": "Flat 6",
            "zipCode": "M3 3JZ",
            "city": "Manchester",
            "state": None,
            "countryCode": "GB",
            "phoneNumber": "+441610000000",
            "collectionPoint": None,
        },
    },
    "cost": {"withTax": 5735, "appliedFees": [{"category": "delivery", "amount": {"withTax": 395}}]},
    "items": [
        {
            "id": 28801 + number,
            "orderItemId": str(61000101 + number),
            "merchantKey": "scend",
            "merchantProductVariantReferenceKey": "NB-TEE-0042-M",
            "name": "Harbour Tee",
            "quantity": 1,
            "price": 1920,
            "priceWithoutTax": 1600,
            "tax": 20,
            "taxAmount": 320,
            "currencyCode": "GBP",
            "warehouseReferenceKey": "WH-SCEND-1",
            "customData": [],
        }
        for number in range(2)
    ],
}


@pytest.fixture
def order_document() -> dict[str, Any]:
    """An order of the Admin API, free to be changed by the test."""
    return copy.deepcopy(_ORDER)


@pytest.fixture
def delegation_document() -> dict[str, Any]:
    """A delegation of the same order to the merchant `scend`, free to be changed by the test."""
    return copy.deepcopy(_DELEGATION)
