"""Customers, their contacts and addresses, and CRM records, as public clients read them (contract 2.4, 6.1)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from aiohttp import web

from syncbridge.sandbox.orderwise.decimal_json import answer
from syncbridge.sandbox.orderwise.gate import DATA
from syncbridge.sandbox.orderwise.local_time import local_text, read_local
from syncbridge.sandbox.orderwise.refusals import Refusal
from syncbridge.sandbox.orderwise.world import DataSet, compared

_ADDRESS = (
    "Name",
    "Address1",
    "Address2",
    "Address3",
    "Town",
    "Postcode",
    "County",
    "Country",
    "Email",
    "Website",
    "Telephone",
    "Fax",
    "CountryCode",
)
_DEFAULTS: dict[str, Any] = {
    "vatNumber": None,
    "defaultTaxCodeId": 1,
    "overrideVariantTax": False,
    "nominalCodeId": 1,
    "departmentCodeId": 1,
    "costCentreId": None,
    "currencyId": 1,
    "defaultDeliveryMethodId": 18,
    "defaultDeliveryGroupId": None,
    "usePriceList": False,
    "priceListId": None,
    "priceListDiscountPercent": Decimal("0.0"),
    "multisaverDiscountGroupId": None,
    "discountStructureId": None,
    "defaultStockLocationId": 3,
    "accountCustomer": False,
    "onHold": False,
    "manualOnHold": False,
    "overCreditTerms": False,
    "creditLimit": Decimal("0.0"),
    "openOrdersValue": Decimal("0.0"),
    "availableToSpend": Decimal("0.0"),
    "balance": Decimal("0.0"),
}
LISTED = ("contacts", "deliveryAddresses", "activities")


def put_customer(data: DataSet, entry: Mapping[str, Any]) -> None:
    """Add or change a customer with the members of contract 6.1; {id, accountNumber, statementName, ...}."""
    number = int(entry.get("id") or data.number("customer"))
    name = str(entry.get("statementName") or f"Customer {number}")
    record = data.customers.get(number)
    if record is None:
        record = {"id": number, "accountNumber": f"C{number}"}
        record |= {f"statement{part}": None for part in _ADDRESS} | {"statementName": name}
        record |= {f"invoice{part}": None for part in _ADDRESS} | _DEFAULTS
    record |= {member: value for member, value in entry.items() if member not in LISTED}
    record["id"] = number
    record["lastAmendedDateTime"] = local_text(data.stamp())
    data.customers[number] = record
    data.customers_by_account[compared(str(record["accountNumber"]))] = record
    contact = {
        "name": name.strip(),
        "email": record["statementEmail"],
        "telephone": record["statementTelephone"],
    }
    data.contacts[number] = [
        {"id": number * 10 + index, "mobile": None, "fax": None, **one}
        for index, one in enumerate(entry.get("contacts") or [contact], 1)
    ]
    data.addresses[number] = [
        {"id": number * 10 + index, **one}
        for index, one in enumerate(
            entry.get("deliveryAddresses") or [{"name": name.strip(), "countryCode": "GB"}], 1
        )
    ]
    data.activities[number] = [
        {"id": number * 10 + index, "customerId": number, "completed": False, **one}
        for index, one in enumerate(entry.get("activities") or [{"description": "First call"}], 1)
    ]


def whole(request: web.Request, name: str, default: int) -> int:
    """Read a whole number of the query; raise Refusal 400."""
    text = request.query.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdecimal():
        raise Refusal(
            400, f"{name} is a whole number", [{"field": name, "message": "must be a whole number"}]
        )
    return int(text)


def page(request: web.Request, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Cut a page by `limit` and `last_id`: rows with a greater id, by id."""
    after, limit = whole(request, "last_id", 0), whole(request, "limit", 1_000_000)
    return sorted((row for row in rows if row["id"] > after), key=lambda row: row["id"])[:limit]


async def list_customers(request: web.Request) -> web.Response:
    """List customers, keyset-paged; `lastAmendedDateTime` chooses those changed since."""
    rows = list(request[DATA].customers.values())
    text = request.query.get("lastAmendedDateTime")
    if text is not None:
        try:
            since = read_local(text)
        except ValueError as error:
            field = {"field": "lastAmendedDateTime", "message": str(error)}
            raise Refusal(400, str(error), [field]) from error
        rows = [row for row in rows if read_local(row["lastAmendedDateTime"]) >= since]
    return answer(page(request, rows))


def _number(request: web.Request) -> int:
    number = int(request.match_info["customerId"])
    if number not in request[DATA].customers:
        raise Refusal(404, "Customer not found")
    return number


async def get_customer(request: web.Request) -> web.Response:
    """Show one customer."""
    return answer(request[DATA].customers[_number(request)])


async def list_contacts(request: web.Request) -> web.Response:
    """List a customer's contacts, paged, or the one that `contact_id` names."""
    rows = request[DATA].contacts[_number(request)]
    wanted = whole(request, "contact_id", 0)
    return answer(page(request, [row for row in rows if wanted in (0, row["id"])]))


async def list_addresses(request: web.Request) -> web.Response:
    """List a customer's delivery addresses."""
    return answer(request[DATA].addresses[_number(request)])


async def get_crm(request: web.Request) -> web.Response:
    """Show a CRM record; here every customer has one under its own id."""
    number = _number(request)
    data = request[DATA]
    contact = data.contacts[number][0]
    record = {
        "id": number,
        "customerId": number,
        "contactId": contact["id"],
        "name": data.customers[number]["statementName"],
    }
    return answer(record)


async def list_activities(request: web.Request) -> web.Response:
    """List the activities of a CRM record; completed ones and their analysis where they are asked for."""
    rows = request[DATA].activities[_number(request)]
    completed = request.query.get("include_completed", "").casefold() in ("true", "1")
    analysis = request.query.get("include_analysis", "").casefold() in ("true", "1")
    return answer(
        [
            {**row, **({"analysis": {"c_1": None}} if analysis else {})}
            for row in rows
            if completed or not row["completed"]
        ]
    )
