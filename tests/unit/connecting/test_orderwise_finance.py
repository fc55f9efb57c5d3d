"""Answers about financial batches that OrderWise's stand-in never gives, canned."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import responses

from connectors.orderwise.adapter import OrderWiseBackend
from syncbridge.config.orderwise import OrderWiseSettings
from syncbridge.domain.errors import (
    AlreadyExists,
    Misconfigured,
    NeedsPerson,
    OutcomeUnknown,
    RetryLater,
    VendorError,
)
from syncbridge.ports.finance import FinanceBackend
from syncbridge.ports.quota import Lane

BASE = "https://orderwise.example/owapi"
PATH = f"{BASE}/accounts/financial-batch"
BODY = '{"batchRef":"SCY-FIN-1","transactions":[{"transactionRef":"SCY-INV-1"},{"transactionRef":"SCY-INV-2"}]}'
POSTED = {"batchId": 318, "batchRef": "SCY-FIN-1", "batchStatus": "Posted", "accepted": 2}


@pytest.fixture
def vendor() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock.get(f"{BASE}/token/gettoken", json="tok-1")
        yield mock


@pytest.fixture
def ledger(orderwise_settings: OrderWiseSettings, quota: Any, breaker: Any) -> FinanceBackend:
    changed = {**orderwise_settings.model_dump(), "base_url": BASE, "capabilities": {"financial": "api"}}
    return OrderWiseBackend(OrderWiseSettings.model_validate(changed), "user", "s3cret", quota, breaker).finance


def test_a_body_leaves_as_it_was_frozen_and_in_nobodys_way(vendor: Any, ledger: FinanceBackend, quota: Any) -> None:
    vendor.post(PATH, json=POSTED, status=201)
    posted = ledger.send_batch(BODY)
    assert (posted.batch_id, posted.accepted) == ("318", 2)
    assert vendor.calls[-1].request.body == BODY.encode()
    assert {lane for _system, _scope, lane in quota.taken} == {Lane.BULK}


@pytest.mark.parametrize(
    ("status", "body", "kind", "error"),
    [
        (201, '{"batchId": 318, "batchRef": "SCY-FIN-2", "accepted": 2}', "application/json", OutcomeUnknown),
        (201, '{"batchId": 318, "batchRef": "SCY-FIN-1", "accepted": 1}', "application/json", OutcomeUnknown),
        (201, "", "application/json", OutcomeUnknown),
        (200, "<html>Sign in</html>", "text/html", OutcomeUnknown),
        (500, '{"message": "SQL"}', "application/json", OutcomeUnknown),
        (409, "<html>Conflict</html>", "text/html", OutcomeUnknown),
        (409, '{"message": "Batch SCY-FIN-1 exists"}', "application/json", AlreadyExists),
        (409, "", "", AlreadyExists),
        (409, '{"Message": "The period is closed"}', "application/json", NeedsPerson),
        (409, '"Period closed"', "application/json", NeedsPerson),
        (409, "Period closed", "text/plain", NeedsPerson),
        (404, "", "", Misconfigured),
        (404, "<html>Not found</html>", "text/html", Misconfigured),
        (429, "", "", RetryLater),
    ],
)
def test_every_answer_to_a_batch_is_sorted_by_what_happens_next(
    vendor: Any, ledger: FinanceBackend, status: int, body: str, kind: str, error: type[VendorError]
) -> None:
    vendor.post(PATH, body=body, status=status, content_type=kind)
    with pytest.raises(error):
        ledger.send_batch(BODY)


def test_a_refusal_names_every_posting_and_field(vendor: Any, ledger: FinanceBackend) -> None:
    errors = [
        {"transactionRef": "SCY-INV-1", "field": "nominalCode", "message": "unknown"},
        {"TransactionRef": "SCY-INV-2", "Field": "taxCode"},
        {"field": "controlTotals.net"},
    ]
    vendor.post(PATH, json={"message": "Nothing was posted", "errors": errors}, status=400)
    with pytest.raises(NeedsPerson) as refused:
        ledger.send_batch(BODY)
    assert refused.value.evidence.excerpt == "SCY-INV-1:nominalCode; SCY-INV-2:taxCode; controlTotals.net"
    assert "Nothing was posted" in refused.value.message


@pytest.mark.parametrize("body", ["[]", "", '[{"batchId": 9, "batchRef": "SCY-FIN-10"}]'])
def test_a_batch_that_is_not_there_is_none(vendor: Any, ledger: FinanceBackend, body: str) -> None:
    vendor.get(PATH, body=body, content_type="application/json")
    assert ledger.find_batch("SCY-FIN-1") is None


def test_a_reference_that_is_there_twice_is_a_persons(vendor: Any, ledger: FinanceBackend) -> None:
    vendor.get(PATH, json=[{**POSTED, "batchRef": " scy-fin-1"}, {**POSTED, "batchId": 319}])
    with pytest.raises(NeedsPerson, match="318, 319"):
        ledger.find_batch("SCY-FIN-1")


def test_a_look_up_that_fails_does_not_say_that_there_is_nothing(vendor: Any, ledger: FinanceBackend) -> None:
    vendor.get(PATH, status=404, body="")
    with pytest.raises(Misconfigured):
        ledger.find_batch("SCY-FIN-1")
    vendor.replace(responses.GET, PATH, status=500)
    with pytest.raises(RetryLater):
        ledger.find_batch("SCY-FIN-1")
