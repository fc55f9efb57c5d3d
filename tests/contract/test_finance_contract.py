"""Financial batches over OrderWise's stand-in: posted whole and once, found after a lost answer, refused in its words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from connectors.orderwise.adapter import OrderWiseBackend
from connectors.orderwise.decimal_json import read_json
from syncbridge.config.orderwise import OrderWiseSettings
from syncbridge.domain.errors import AlreadyExists, Misconfigured, NeedsPerson, OutcomeUnknown
from syncbridge.domain.finance import Batch, Posting, PostingType
from syncbridge.ports.backend import Capability
from syncbridge.ports.finance import FinanceBackend

PATH = "/accounts/financial-batch"
AT = datetime(2026, 7, 2, 13, 5, 11, tzinfo=UTC)
INVOICE = Posting(
    "SCY-INV-1",
    PostingType.SALES_INVOICE,
    AT,
    "nb",
    "SCY-NB-1",
    "GBP",
    gross_minor=5995,
    net_minor=4996,
    tax_minor=999,
    tax_rate=Decimal("0.20"),
    description="Web order",
)
RECEIPT = Posting(
    "SCY-PAY-1", PostingType.SALES_RECEIPT, AT, "nb", "SCY-NB-1", "GBP", gross_minor=5995, payment_method="creditcard"
)
CREDIT = replace(INVOICE, reference="SCY-CRE-1", type=PostingType.SALES_CREDIT, gross_minor=1200, net_minor=1000, tax_minor=200)
REFUND = replace(RECEIPT, reference="SCY-REF-1", type=PostingType.SALES_REFUND, gross_minor=1200, payment_method="paypal")
BATCH = Batch("SCY-FIN-2026-07-02-GBP-1", date(2026, 7, 2), "GBP", (INVOICE, RECEIPT, CREDIT, REFUND))
FINANCE: dict[str, Any] = {
    "nominal": {"sales_invoice": "4000", "sales_credit": "4009", "sales_receipt": "1200", "sales_refund": "1200"},
    "payment_nominal": {"paypal": "1210"},
    "department": "WEB",
    "account_number": "SCAYLE-UK",
}

Make = Callable[..., FinanceBackend]


@pytest.fixture
def make(orderwise_server: str, orderwise_control: Any, open_quota: Any, closed_breaker: Any) -> Make:
    def made(*, financial: str = "api", **changes: Any) -> FinanceBackend:
        settings = OrderWiseSettings.model_validate(
            {
                "base_url": f"{orderwise_server}/OWAPI",
                "name": "ACME-UK",
                "session_id": 12,
                "customer": {"id": 4021},
                "capabilities": {"financial": financial},
                "maps": {"payment_method": {"creditcard": 7, "paypal": 8}},
                "finance": {**FINANCE, **changes},
            }
        )
        return OrderWiseBackend(
            settings,
            "syncbridge",
            "orderwise-sandbox",
            open_quota,
            closed_breaker,
        ).finance

    return made


@pytest.fixture
def ledger(make: Make) -> FinanceBackend:
    return make()


def test_a_batch_is_posted_whole_and_its_control_totals_are_invoices_less_credits(ledger: FinanceBackend) -> None:
    assert ledger.batch_faults(BATCH) == ()
    body = ledger.compose_batch(BATCH)
    assert '"controlTotals":{"count":4,"gross":47.95,"net":39.96,"tax":7.99}' in body
    assert '"net":0.00' in body
    sent = {one["transactionRef"]: one for one in read_json(body.encode())["transactions"]}
    assert sent["SCY-INV-1"]["date"] == "2026-07-02T14:05:11"
    assert (sent["SCY-INV-1"]["taxCode"], sent["SCY-INV-1"]["accountNumber"]) == ("T1", "SCAYLE-UK")
    assert (sent["SCY-REF-1"]["nominalCode"], sent["SCY-REF-1"]["paymentMethodId"]) == ("1210", 8)
    posted = ledger.send_batch(body)
    assert (posted.reference, posted.raw_status, posted.accepted) == (BATCH.reference, "Posted", 4)
    assert ledger.find_batch(BATCH.reference) == posted
    assert ledger.find_batch("SCY-FIN-2026-07-02-GBP-2") is None


def test_more_credits_than_invoices_are_posted_with_negative_totals(ledger: FinanceBackend) -> None:
    assert ledger.send_batch(ledger.compose_batch(replace(BATCH, postings=(CREDIT,)))).accepted == 1


def test_the_same_batch_again_is_the_same_batch(ledger: FinanceBackend) -> None:
    body = ledger.compose_batch(BATCH)
    assert body == ledger.compose_batch(BATCH)
    assert ledger.send_batch(body) == ledger.send_batch(body)


def test_a_reference_with_different_content_is_a_conflict(ledger: FinanceBackend) -> None:
    first = ledger.send_batch(ledger.compose_batch(BATCH))
    with pytest.raises(AlreadyExists):
        ledger.send_batch(ledger.compose_batch(replace(BATCH, postings=(INVOICE,))))
    assert ledger.find_batch(BATCH.reference) == first


def test_a_closed_period_is_a_persons_and_posts_once_it_is_open(ledger: FinanceBackend, orderwise_control: Any) -> None:
    orderwise_control("POST", "/periods/close", {"period": "2026-07"})
    body = ledger.compose_batch(BATCH)
    with pytest.raises(NeedsPerson, match="Period closed"):
        ledger.send_batch(body)
    assert ledger.find_batch(BATCH.reference) is None
    orderwise_control("POST", "/periods/open", {"period": "2026-07"})
    assert ledger.send_batch(body).accepted == 4


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"department": "NOWHERE"}, "departmentCode"),
        ({"nominal": {**FINANCE["nominal"], "sales_invoice": "9999"}}, "nominalCode"),
        ({"account_number": "NOBODY"}, "accountNumber"),
        ({"tax_code": {"0.2": "T9"}}, "taxCode"),
    ],
)
def test_an_unknown_code_names_the_posting_and_the_field_and_nothing_is_posted(
    make: Make, change: dict[str, Any], field: str
) -> None:
    ledger = make(**change)
    with pytest.raises(NeedsPerson) as refused:
        ledger.send_batch(ledger.compose_batch(BATCH))
    assert "SCY-INV-1" in str(refused.value)
    assert field in str(refused.value)
    assert ledger.find_batch(BATCH.reference) is None


def test_control_totals_that_were_altered_are_refused(ledger: FinanceBackend) -> None:
    body = ledger.compose_batch(BATCH).replace('"gross":47.95', '"gross":47.96')
    with pytest.raises(NeedsPerson, match="controlTotals"):
        ledger.send_batch(body)


def test_every_fault_is_found_before_anything_leaves(make: Make, orderwise_control: Any) -> None:
    ledger = make(types=["sales_invoice", "sales_receipt"], account_number="", accounts={"nb": "SCAYLE-UK"})
    wrong = replace(
        BATCH,
        reference="X" * 51,
        postings=(
            replace(INVOICE, tax_rate=Decimal("0.19"), gross_minor=6000),
            replace(RECEIPT, payment_method="barter", shop="de"),
            CREDIT,
        ),
    )
    faults = ledger.batch_faults(wrong)
    assert [(fault.code, fault.field) for fault in faults] == [
        ("AMOUNTS_DIFFER", "postings[SCY-INV-1].gross"),
        ("REFERENCE_FORMAT", "reference"),
        ("TAX_CODE_UNMAPPED", "postings[SCY-INV-1].tax_rate"),
        ("ACCOUNT_UNMAPPED", "postings[SCY-PAY-1].shop"),
        ("PAYMENT_METHOD_UNMAPPED", "postings[SCY-PAY-1].payment_method"),
        ("TYPE_NOT_POSTED", "postings[SCY-CRE-1].type"),
    ]
    assert all(fault.way_out for fault in faults)
    assert "orderwise.finance.tax_code" in faults[2].way_out
    with pytest.raises(ValueError, match=r"tax_rate.*payment_method"):
        ledger.compose_batch(wrong)


def test_what_has_no_nominal_or_currency_there_is_a_fault(make: Make) -> None:
    in_euro = tuple(replace(one, currency="EUR") for one in BATCH.postings)
    faults = make(nominal={"sales_invoice": "4000"}).batch_faults(replace(BATCH, currency="EUR", postings=in_euro))
    assert [fault.code for fault in faults] == ["CURRENCY_UNMAPPED", "NOMINAL_UNMAPPED", "NOMINAL_UNMAPPED"]


@pytest.mark.parametrize("fault", ["timeout_after", "truncated_json"])
def test_a_lost_answer_is_looked_up_and_found(make: Make, orderwise_control: Any, fault: str) -> None:
    ledger = make()
    body = ledger.compose_batch(BATCH)
    orderwise_control.fault("POST", PATH, fault)
    with pytest.raises(OutcomeUnknown):
        ledger.send_batch(body)
    found = ledger.find_batch(BATCH.reference)
    assert found is not None
    assert found == ledger.send_batch(body)


def test_a_lost_request_is_looked_up_not_found_and_sent_again(make: Make, orderwise_control: Any) -> None:
    ledger = make()
    body = ledger.compose_batch(BATCH)
    orderwise_control.fault("POST", PATH, "timeout_before")
    with pytest.raises(OutcomeUnknown):
        ledger.send_batch(body)
    assert ledger.find_batch(BATCH.reference) is None
    assert ledger.send_batch(body).accepted == 4


def test_an_installation_without_the_endpoint_is_told_from_a_batch_that_is_not_there(
    ledger: FinanceBackend, orderwise_control: Any
) -> None:
    orderwise_control("PUT", "/settings", {"absentEndpoints": ["financial"]})
    with pytest.raises(Misconfigured):
        ledger.find_batch(BATCH.reference)
    with pytest.raises(Misconfigured):
        ledger.send_batch(ledger.compose_batch(BATCH))


def test_where_a_person_posts_nothing_leaves_and_they_are_told_what_to_post(make: Make) -> None:
    ledger = make(financial="manual")
    assert ledger.capability is Capability.MANUAL
    with pytest.raises(NeedsPerson) as task:
        ledger.send_batch(ledger.compose_batch(BATCH))
    totals = BATCH.control_totals
    for said in (BATCH.reference, f"{totals.count} postings", f"{BATCH.currency} ", "by hand", "manual"):
        assert said in task.value.message
    assert make().find_batch(BATCH.reference) is None


def test_what_a_person_posted_is_found(make: Make) -> None:
    make().send_batch(make().compose_batch(BATCH))
    found = make(financial="manual").find_batch(BATCH.reference)
    assert found is not None
    assert found.reference == BATCH.reference


def test_where_nobody_posts_nothing_leaves(make: Make) -> None:
    ledger = make(financial="off")
    assert ledger.capability is Capability.OFF
    with pytest.raises(NeedsPerson, match="off"):
        ledger.send_batch(ledger.compose_batch(BATCH))
    assert make().find_batch(BATCH.reference) is None


def test_the_port_says_what_is_posted(make: Make) -> None:
    ledger = make(types=["sales_receipt", "sales_refund"])
    assert ledger.capability is Capability.API
    assert ledger.account == "orderwise:ACME-UK"
    assert ledger.posting_types == {PostingType.SALES_RECEIPT, PostingType.SALES_REFUND}
