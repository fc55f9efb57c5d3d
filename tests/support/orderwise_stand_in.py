"""Speaking to the stand-in OrderWise in tests: as a client, and as the warehouse."""

from __future__ import annotations

import copy
import json
from decimal import Decimal
from typing import Any

import requests

ADDRESS = {
    "deliveryName": "Ines Okafor",
    "contactName": "Ines Okafor",
    "address1": "Flat 4, Tannery House",
    "address2": "18 Mill Lane",
    "town": "Norwich",
    "county": "Norfolk",
    "country": "United Kingdom",
    "countryCode": "GB",
    "postcode": "NR3 1QX",
    "telephone": "+447700900123",
    "email": "ines.okafor@example.com",
    "deliveryMethodId": 18,
}

BODY: dict[str, Any] = {
    "customer": {"id": 4021},
    "orderHeader": {
        "systemOrderType": 1,
        "eCommerceOrderNumber": "SCY-1",
        "customerOrderRef": "SCY-1",
        "orderDate": "2026-03-02T14:05:11",
        "requiredDate": "2026-03-04T00:00:00",
        "deliveryMethodId": 18,
        "currencyId": 1,
        "pricesAsNet": False,
        "deliveryGross": 4.95,
        "deliveryNet": 4.13,
        "deliveryTax": 0.82,
        "deliveryTaxRateId": 1,
        "orderGross": 59.95,
        "orderNet": 49.96,
        "orderTax": 9.99,
        "specialInstructions": "Leave with porter",
    },
    "customerDeliveryAddress": ADDRESS,
    "orderLines": [
        {
            "itemNumber": 1,
            "eCommerceItemId": "SCY-1-1",
            "variantCode": "TEE-NAVY-M",
            "quantity": 2,
            "itemGross": 30.00,
            "itemNet": 25.00,
            "taxRateId": 1,
            "stockLocationId": 3,
        }
    ],
    "dissurs": [
        {"description": "WEBDISCOUNT", "discount": True, "grossDiscount": True, "price": 5.00, "taxRateId": 1}
    ],
    "payments": [{"paymentMethodId": 7, "amount": 59.95, "reference": "psp-7f31"}],
}
"""The contract's example, 12.2: 2 x 30.00 + 4.95 - 5.00 = 59.95."""


class OrderWiseClient:
    """`get`, `post` and `put` as a client with a token; `control` and `floor` as the warehouse."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.session = requests.Session()
        self.application = "/owapi"
        self.token = ""

    def mint(self, user: str = "syncbridge", password: str = "orderwise-sandbox") -> requests.Response:
        url = f"{self.root}{self.application}/token/gettoken"
        answer = self.session.get(url, auth=(user, password), timeout=10)
        if answer.ok:
            self.token = answer.text.strip('"')
        return answer

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.token}", **options.pop("headers", {})}
        headers = {name: value for name, value in headers.items() if value is not None}
        url = f"{self.root}{self.application}{path}"
        return self.session.request(method, url, headers=headers, timeout=10, **options)

    def get(self, path: str, **query: Any) -> requests.Response:
        return self.call("GET", path, params=query)

    def post(self, path: str, body: Any) -> requests.Response:
        return self.call("POST", path, json=body)

    def send_order(self, body: Any, session: Any = 12) -> requests.Response:
        return self.post(f"/sales/order?session_id={session}", body)

    def body(self, reference: str = "SCY-1", *, lines: Any = None, **header: Any) -> dict[str, Any]:
        """Give the example's body; other lines come without totals, unless the header is given them."""
        body = copy.deepcopy(BODY)
        body["orderHeader"] |= {"eCommerceOrderNumber": reference, "customerOrderRef": reference}
        if lines is not None:
            body["orderLines"] = [
                {"itemNumber": number, "variantCode": code, "quantity": quantity, "itemGross": 10, "taxRateId": 1}
                for number, (code, quantity) in enumerate(lines, 1)
            ]
            for name in ("orderGross", "orderNet", "orderTax"):
                body["orderHeader"].pop(name)
        body["orderHeader"] |= header
        return body

    def create(self, reference: str = "SCY-1", **options: Any) -> int:
        answer = self.send_order(self.body(reference, **options))
        assert answer.status_code == 201, answer.text
        return int(answer.json()["orderId"])

    def export(self, number: int, expect: int = 200, **parameters: Any) -> Any:
        listed = [{"name": f"@{name}", "value": value} for name, value in parameters.items()]
        answer = self.post(f"/system/export-definition/{number}", listed or [{"name": "", "value": None}])
        assert answer.status_code == expect, answer.text
        return exact(answer) if expect == 200 else answer

    def feed(self, number: int, since: str = "2000-01-01T00:00:00", limit: int = 500) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.export(number, amended_since=since, limit=limit)
        return rows

    def status(self, order_id: int) -> Any:
        return exact(self.get(f"/sales/order/{order_id}/status", include_lines="true", include_delivery="true"))

    def control(self, method: str, path: str, body: Any = None, expect: int | None = None) -> Any:
        answer = self.session.request(method, f"{self.root}/_sandbox{path}", json=body, timeout=10)
        if expect is None:
            assert answer.ok, answer.text
        else:
            assert answer.status_code == expect, answer.text
        return answer.json()

    def settings(self, **changes: Any) -> None:
        self.control("PUT", "/settings", changes)

    def fault(self, **fault: Any) -> None:
        self.control("POST", "/faults", fault)

    def wind(self, seconds: float) -> None:
        self.control("POST", "/clock", {"advanceSeconds": seconds})

    def stop_clock(self, **at: str) -> None:
        """Let the clock move only when it is wound; `now` says from where. A reset lets it run again."""
        self.control("POST", "/clock", {"stopped": True, **at})

    def floor(self, reference: str, verb: str, body: Any = None, expect: int | None = None) -> Any:
        return self.control("POST", f"/orders/by-reference/{reference}/{verb}", body or {}, expect)

    def order(self, reference: str = "SCY-1") -> Any:
        return self.control("GET", f"/orders/by-reference/{reference}")

    def shelf(self, code: str = "TEE-NAVY-M", location: int = 3) -> dict[str, Any]:
        rows = self.control("GET", "/state?section=stock")["stock"]
        return next(row for row in rows if (row["variantCode"], row["stockLocationId"]) == (code, location))

    def facts(self, kind: str) -> list[dict[str, Any]]:
        return [fact for fact in self.control("GET", "/state?section=facts")["facts"] if fact["fact"] == kind]


def exact(answer: requests.Response) -> Any:
    """Read an answer with fractions as Decimal, as they stand on the wire."""
    return json.loads(answer.text, parse_float=Decimal)
