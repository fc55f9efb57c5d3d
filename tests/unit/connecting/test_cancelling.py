"""Cancelling in the vendors' words: SCAYLE's question and its answer, Scend's body, states and cut-off."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connectors.scayle import cancellation_call
from connectors.scend import cancelling, mapping
from connectors.scend.payloads import OrderDocument
from syncbridge.config.scend import ScendSettings
from syncbridge.domain.backend import CancelLine, CancelState, CancelWish
from syncbridge.domain.errors import UnreadableMessage

SETTINGS = ScendSettings.model_validate({"base_url": "https://scend.example/v1", "account_code": "ACME"})


def order(status: str, **cancellation: Any) -> OrderDocument:
    return OrderDocument.model_validate(
        {
            "orderId": "ord_1",
            "clientReference": "SCY-1",
            "status": status,
            "version": 2,
            "lines": [],
            "cancellation": {"allowed": "IMMEDIATE", "state": "NONE", **cancellation},
        }
    )


# ---- SCAYLE asks


def test_a_call_names_an_order_and_warehouses() -> None:
    raw = b'{"orderReferenceKey": "NB-GB-7", "fulfillingMerchantKey": "m", "merchantKey": "m", "warehouseIds": ["12", 3, 12]}'
    assert cancellation_call.parse(raw, "m") == ("NB-GB-7", (3, 12))


@pytest.mark.parametrize(
    "more", ['"warehouseIds": []', '"warehouseIds": null', '"companyId": 1', '"warehouseIds": {}']
)
def test_no_warehouse_means_all_of_the_merchants(more: str) -> None:
    assert cancellation_call.parse(f'{{"orderReferenceKey": 7, {more}}}'.encode(), "m") == ("7", ())


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ("{}", "orderReferenceKey"),
        ('{"orderReferenceKey": "  "}', "orderReferenceKey"),
        ('{"orderReferenceKey": ["NB"]}', "orderReferenceKey"),
        ('{"orderReferenceKey": true}', "orderReferenceKey"),
        ('{"orderReferenceKey": "NB", "fulfillingMerchantKey": "other"}', "fulfillingMerchantKey"),
        ('{"orderReferenceKey": "NB", "warehouseIds": [0]}', "warehouseIds"),
        ('{"orderReferenceKey": "NB", "warehouseIds": ["a"]}', "warehouseIds"),
        ('"NB"', "body"),
        ("", "body"),
    ],
)
def test_what_is_not_certain_is_not_guessed(document: str, field: str) -> None:
    with pytest.raises(UnreadableMessage) as refused:
        cancellation_call.parse(document.encode(), "m")
    assert refused.value.field == field


def test_the_answer_echoes_the_key_letter_by_letter() -> None:
    assert cancellation_call.answer("nb-É 7", "successful") == {
        "orderReferenceKey": "nb-É 7",
        "cancellationResult": "successful",
    }


# ---- Scend


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("cancelled in SCAYLE", "CUSTOMER_REQUEST"),
        ("Fraud check failed", "FRAUD"),
        ("payment was refused", "PAYMENT_FAILED"),
        ("a copy of ord_2", "DUPLICATE"),
        ("withdrawn before", "OTHER"),
    ],
)
def test_a_reason_finds_its_code(reason: str, code: str) -> None:
    body = json.loads(cancelling.compose(CancelWish("SCY-1", "ord_1", reason)))
    assert (body["orderId"], body["body"]["reasonCode"], body["body"]["note"]) == ("ord_1", code, reason)


def test_a_note_fits_and_holds_nothing_that_scend_refuses() -> None:
    body = json.loads(cancelling.compose(CancelWish("SCY-1", "ord_1", "a\x00b😀" + "x" * 500)))["body"]
    assert len(body["note"]) <= 200
    assert body["note"].startswith("a b x")


def test_the_same_wish_gives_the_same_bytes() -> None:
    wish = CancelWish("SCY-1", "ord_1", "customer called")
    assert cancelling.compose(wish) == cancelling.compose(wish)


def test_lines_are_no_wish_for_scend() -> None:
    with pytest.raises(ValueError, match="whole orders"):
        cancelling.compose(CancelWish("SCY-1", "ord_1", "x", (CancelLine(1, "TEE", 1),), whole=False))


@pytest.mark.parametrize(
    ("status", "state", "meaning"),
    [
        ("PICKING", "REQUESTED", CancelState.REQUESTED),
        ("PICKING", "DECLINED", CancelState.REFUSED),
        ("CANCELLED", "ACCEPTED", CancelState.CANCELLED),
        # A short close is "accepted" too, and the rest was sent.
        ("DESPATCHED", "ACCEPTED", None),
        ("ALLOCATED", "NONE", None),
        ("ALLOCATED", "SOMETHING_NEW", None),
    ],
)
def test_what_scend_says_of_a_wish(status: str, state: str, meaning: CancelState | None) -> None:
    assert mapping.to_order(order(status, state=state), SETTINGS).cancellation is meaning


@pytest.mark.parametrize(
    ("cutoff", "status", "allowed", "cancellable"),
    [
        ("PICKED", "ALLOCATED", "IMMEDIATE", True),
        ("PICKED", "PICKING", "ON_REQUEST", True),
        ("PICKED", "PICKED", "NO", False),
        ("PICKED", "PICKED", None, False),
        ("PICKED", "PICKING", "NO", False),
        ("PICKING", "PICKING", "ON_REQUEST", False),
        ("PICKING", "ALLOCATED", "IMMEDIATE", True),
        ("PICKED", "VAS_BOOTH", "ON_REQUEST", True),
        ("PICKED", "VAS_BOOTH", "NO", False),
        ("PICKED", "CANCELLED", "NO", True),
    ],
)
def test_the_cut_off_is_scends_or_an_earlier_one_of_ours(
    cutoff: str, status: str, allowed: str | None, cancellable: bool
) -> None:
    settings = SETTINGS.model_copy(update={"cancel_cutoff_status": cutoff})
    assert mapping.to_order(order(status, allowed=allowed), settings).cancellable is cancellable
