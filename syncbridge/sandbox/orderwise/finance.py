"""Financial batches: all or nothing, each once (contract 12.11, assumed)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from aiohttp import web

from syncbridge.sandbox.journal import EFFECT
from syncbridge.sandbox.orderwise.decimal_json import answer
from syncbridge.sandbox.orderwise.fields import Members
from syncbridge.sandbox.orderwise.gate import DATA, json_body
from syncbridge.sandbox.orderwise.order_content import CURRENCIES, MONEY_PLACES, PAYMENT_METHODS, TAX_RATES
from syncbridge.sandbox.orderwise.refusals import Problems, Refusal
from syncbridge.sandbox.orderwise.stock import ZERO
from syncbridge.sandbox.orderwise.world import DataSet

TYPES = ("SalesInvoice", "SalesCredit", "SalesReceipt", "SalesRefund")
_SIGNS = {"SalesInvoice": 1, "SalesCredit": -1}
"""How a type counts in the control totals; receipts and refunds count as transactions only."""


@dataclass(frozen=True)
class Amounts:
    """The sums of a transaction, positive."""

    type: str
    net: Decimal
    tax: Decimal
    gross: Decimal


class TransactionProblems(Problems):
    """Faults of one transaction, which name it by its reference as well."""

    def __init__(self, shared: Problems, reference: Any) -> None:
        super().__init__()
        self.found = shared.found
        self._reference = reference if isinstance(reference, str) else None

    def add(self, field: str, message: str, **more: Any) -> None:
        """Note a fault of one field of this transaction."""
        super().add(field, message, transactionRef=self._reference, **more)


def _listed_names(data: DataSet, list_id: int) -> set[str]:
    return {str(one["name"]) for one in data.lists.values.get(list_id, {}).values()}


def _transaction(
    data: DataSet, raw: Any, path: str, shared: Problems
) -> tuple[Amounts | None, datetime | None]:
    reference = raw.get("transactionRef") if isinstance(raw, dict) else None
    given = Members(raw, path, TransactionProblems(shared, reference))
    given.text("transactionRef", required=True, most=50)
    kind = given.text("type", required=True)
    if kind is not None and kind not in TYPES:
        given.fault("type", f"is one of {', '.join(TYPES)}")
    date = given.moment("date", required=True)
    account = given.text("accountNumber", required=True)
    if account is not None and data.customer_of_account(account) is None:
        given.fault("accountNumber", f"there is no account {account!r}")
    is_sale = kind in _SIGNS
    for member, known, required in (
        ("nominalCode", data.lists.nominals, True),
        ("departmentCode", data.lists.departments, False),
        ("costCentre", data.lists.cost_centres, False),
        ("taxCode", _listed_names(data, TAX_RATES), is_sale),
    ):
        code = given.text(member, required=required)
        if code is not None and code not in known:
            given.fault(member, f"there is no {member} {code!r}")
    method = given.whole("paymentMethodId")
    if method is not None and data.lists.value(PAYMENT_METHODS, method) is None:
        given.fault("paymentMethodId", f"{method} is not in value list {PAYMENT_METHODS}")
    for member in ("customerOrderRef", "description"):
        given.text(member)
    net, tax, gross = (
        given.decimal(member, places=MONEY_PLACES, required=True, least=ZERO)
        for member in ("net", "tax", "gross")
    )
    if kind is None or net is None or tax is None or gross is None:
        return None, date
    if is_sale and net + tax != gross:
        given.fault("gross", f"net + tax is {net + tax}, gross is {gross}")
    return Amounts(kind, net, tax, gross), date


def _check_totals(given: Members | None, amounts: list[Amounts], count: int) -> None:
    if given is None:
        return
    stated = given.whole("count", required=True)
    if stated is not None and stated != count:
        given.fault("count", f"{stated} given, {count} transactions")
    for member in ("net", "tax", "gross"):
        total = given.decimal(member, places=MONEY_PLACES, required=True)
        computed = sum((_SIGNS.get(one.type, 0) * getattr(one, member) for one in amounts), ZERO)
        if total is not None and total != computed:
            given.fault(member, f"{total} given, {computed} computed")


def post(data: DataSet, body: Any) -> tuple[dict[str, Any], bool]:
    """Post a batch; return it and whether it is new. Raises Refusal 400 with every fault, 409 as the contract says."""
    problems = Problems()
    given = Members(body, "", problems)
    reference = given.text("batchRef", required=True, most=50)
    problems.raise_if_any("The batch is not valid.")
    known = data.batches.get(str(reference))
    if known is not None:
        if known["content"] != body:
            raise Refusal(409, f"Batch {reference} exists with different content", batchId=known["batchId"])
        return known, False
    dates = [given.moment("batchDate", required=True)]
    currency = given.text("currency", required=True)
    if currency is not None and currency not in _listed_names(data, CURRENCIES):
        given.fault("currency", f"there is no currency {currency!r}")
    entries = body.get("transactions")
    if not isinstance(entries, list) or not entries:
        given.fault("transactions", "must be an array, and not empty")
        entries = []
    amounts = []
    seen: set[Any] = set()
    for index, raw in enumerate(entries):
        path = f"transactions[{index}]"
        one, date = _transaction(data, raw, path, problems)
        dates.append(date)
        amounts += [one] if one else []
        name = raw.get("transactionRef") if isinstance(raw, dict) else None
        if isinstance(name, str) and name in seen:
            problems.add(f"{path}.transactionRef", f"{name} is there twice", transactionRef=name)
        seen.add(name if isinstance(name, str) else None)
    faulty = bool(problems.found)
    if not faulty:
        _check_totals(given.members("controlTotals", required=True), amounts, len(entries))
    problems.raise_if_any("Nothing was posted.")
    closed = data.lists.closed_periods
    if any(date is not None and f"{date:%Y-%m}" in closed for date in dates):
        raise Refusal(409, "Period closed")
    made = {
        "batchId": data.number("batch"),
        "batchRef": reference,
        "batchStatus": "Posted",
        "accepted": len(entries),
        "postedAt": data.world.now_text(),
        "content": body,
    }
    data.batches[str(reference)] = made
    data.fact(
        "batch_posted",
        batchId=made["batchId"],
        batchRef=reference,
        controlTotals=body["controlTotals"],
        transactions=[
            {
                name: one.get(name)
                for name in ("transactionRef", "type", "customerOrderRef", "net", "tax", "gross")
            }
            for one in entries
        ],
    )
    return made, True


def _shown(made: dict[str, Any]) -> dict[str, Any]:
    return {name: made[name] for name in ("batchId", "batchRef", "batchStatus", "accepted")}


async def post_batch(request: web.Request) -> web.Response:
    """Post a batch: 201, or 200 where the same one is posted."""
    made, is_new = post(request[DATA], await json_body(request))
    request[EFFECT] = is_new
    return answer(_shown(made), 201 if is_new else 200)


async def list_batches(request: web.Request) -> web.Response:
    """Read batches back by `batch_ref`; without it all."""
    wanted = request.query.get("batch_ref")
    rows = request[DATA].batches.values()
    return answer([_shown(one) for one in rows if wanted in (None, one["batchRef"])])
