"""The web application over a real SQLite ledger and the real flows; only Redis is absent, and rings are written down."""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from syncbridge import bootstrap
from syncbridge.config import Configuration, load
from syncbridge.flows.context import Context
from syncbridge.ledger.engine import Ledger
from syncbridge.web.app import create_app
from syncbridge.web.parts import Parts

FILE = """
[scayle]
base_url = "https://acme-live.admin.api.scayle.cloud/api/admin/v1"
shops = [{ key = "NB", country = "GB", currencies = ["GBP"] }]
max_body_bytes = 65536
[[merchants]]
key = "scend"
backend = "scend"
warehouses = [{ key = "WH-1", code = "MID1" }]
default_service = "STD48"
carrier_map = { ROYAL_MAIL = "royal_mail_gb" }
[scend]
base_url = "https://api.scend.example/v1"
account_code = "ACME-UK"
"""
ENVIRONMENT = {
    "SCAYLE_ACCESS_TOKEN": "scayle-access-key",
    "SCAYLE_INBOUND_USERNAME": "inbound-user",
    "SCAYLE_INBOUND_PASSWORD": "inbound-wörd",
    "SCEND_API_TOKEN": "scend-bearer",
    "SCEND_WEBHOOK_SECRET": "whsec_c3luY2JyaWRnZS1zYW5kYm94LXNpZ25pbmcta2V5LTAx",
    "REDIS_URL": "redis://127.0.0.1:1/0",
}


@dataclass
class Rings:
    """A doorbell that remembers."""

    heard: list[tuple[str, ...]] = field(default_factory=list)

    def ring(self, flow: str, *arguments: str | int) -> None:
        self.heard.append((flow, *map(str, arguments)))


def basic(username: str = "inbound-user", password: str = "inbound-wörd") -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()}


@pytest.fixture
def settings(tmp_path: Path, sqlite_ledger_url: str) -> Configuration:
    file = tmp_path / "syncbridge.toml"
    file.write_text(FILE)
    return load({**ENVIRONMENT, "DATABASE_URL": sqlite_ledger_url, "SYNCBRIDGE_STATE_DIR": str(tmp_path)}, path=file)


@pytest.fixture
def rings() -> Rings:
    return Rings()


@pytest.fixture
def context(settings: Configuration, rings: Rings) -> Iterator[Context]:
    context = dataclasses.replace(bootstrap.build(settings), doorbell=rings)
    yield context
    context.ledger.close()


@dataclass
class Site:
    """The application, its client, and what it stands on."""

    client: FlaskClient
    context: Context
    redis_answers: bool = True

    def post(self, path: str, body: bytes | dict[str, Any], **headers: str) -> Any:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        given = {"Content-Type": "application/json", **basic(), **headers}
        return self.client.post(path, data=raw, headers=given)

    def rows(self, table: str, *columns: str) -> list[tuple[Any, ...]]:
        with self.context.ledger.reading() as connection:
            statement = f"SELECT {', '.join(columns)} FROM {table} ORDER BY id"
            return [tuple(row) for row in connection.exec_driver_sql(statement)]

    def lose_the_database(self) -> None:
        object.__setattr__(self.context, "ledger", Ledger("sqlite:////nonexistent-folder/ledger.sqlite3"))


@pytest.fixture
def site(settings: Configuration, context: Context) -> Site:
    site: Site
    app = create_app(Parts(lambda: context, lambda: settings, lambda: site.redis_answers))
    site = Site(app.test_client(), context)
    return site


@pytest.fixture
def delegation() -> dict[str, Any]:
    """A call as SCAYLE makes it, shortened to what the intake reads."""
    unit = {
        "id": 28801,
        "merchantKey": "scend",
        "merchantProductVariantReferenceKey": "NB-TEE-0042-M",
        "quantity": 1,
        "price": 1920,
        "priceWithoutTax": 1600,
        "tax": 20,
        "taxAmount": 320,
        "currencyCode": "GBP",
        "warehouseReferenceKey": "WH-1",
        "shippingWarehouseReferenceKey": "WH-1",
        "customData": {},
    }
    return {
        "id": 15590,
        "orderId": 7204418,
        "orderReferenceKey": "NB-GB-7204418",
        "shopKey": "NB",
        "countryCode": "GB",
        "fulfillingMerchantKey": "scend",
        "carrier": {"key": "royal_mail_gb"},
        "customer": {"email": "priya.okafor@example.com"},
        "addresses": {},
        "cost": {"withTax": 3840, "withoutTax": 3200, "tax": {"vat": {"amount": 640}}},
        "items": [{**unit, "orderItemId": "61000101"}, {**unit, "orderItemId": "61000102"}],
    }
