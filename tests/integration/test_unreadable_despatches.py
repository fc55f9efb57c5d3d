"""A despatch that cannot be read is set aside, told, and read again; everybody else's parcels are told of meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from flow_world import DEFAULT_PASSWORD, DEFAULT_TOKEN, DEFAULT_USER, World, erp_line, line, world
from order_story import TEE, calm, exceptions_of, shipments, statuses
from split_story import both_delegated, both_worlds, erp_leaves, go_round, scend_leaves

from syncbridge.flows import despatch_pull, reread, shipment_push
from syncbridge.flows.feed import follow, read_again, unread_since
from syncbridge.ports.answers import FeedPage, Unread

EVERYTHING = [{"name": "@amended_since", "value": "2000-01-01T00:00:00"}, {"name": "@limit", "value": 5000}]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with both_worlds(tmp_path_factory.mktemp("unreadable")) as made:
        yield made


@pytest.fixture
def one(whole: World) -> Iterator[World]:
    yield whole
    calm(whole)


@dataclass(frozen=True)
class Told:
    """The subject of a despatch's exception, and how to have the feed bring it once in a form that nobody can read."""

    subject: str
    spoil: Callable[[], None]


def leaves_orderwise(one: World, order_id: int) -> Told:
    made = erp_leaves(one, order_id, f"OW{order_id}")
    base = f"{one.orderwise}/owapi"

    def spoil() -> None:
        token = requests.get(f"{base}/token/gettoken", auth=(DEFAULT_USER, DEFAULT_PASSWORD), timeout=10).json()
        path, headers = "/system/export-definition/202", {"Authorization": f"Bearer {token}"}
        rows = requests.post(base + path, headers=headers, json=EVERYTHING, timeout=10).json()
        mine = {"quantity": "a few"}
        body = [{**row, **(mine if row["despatchId"] == made["despatchId"] else {})} for row in rows]
        one.fault(one.orderwise, "POST", path, "http", status=200, body=body)

    return Told(f"despatches:orderwise:acme:{made['despatchId']}", spoil)


def leaves_scend(one: World, order_id: int) -> Told:
    scend_leaves(one, order_id)
    path, headers = "/v1/despatches", {"Authorization": f"Bearer {DEFAULT_TOKEN}", "X-Scend-Account": "ACME-UK"}

    def shown() -> Any:
        return requests.get(one.scend + path, headers=headers, params={"limit": 200}, timeout=10).json()

    (mine,) = (row for row in shown()["data"] if row["clientReference"].endswith(str(order_id)))

    def spoil() -> None:
        body = shown()
        for row in body["data"]:
            if row["despatchId"] == mine["despatchId"]:
                row["parcels"][0]["lines"][0]["quantity"] = "a few"
        one.fault(one.scend, "GET", "/despatches", "http", status=200, body=body)

    return Told(f"despatches:scend:ACME-UK:{mine['despatchId']}", spoil)


@pytest.mark.parametrize(("sold", "leaves"), [(erp_line, leaves_orderwise), (line, leaves_scend)], ids=["orderwise", "scend"])
def test_one_that_cannot_be_read_keeps_nobody_elses_from_the_shop(one: World, sold: Any, leaves: Any) -> None:
    odd, even = (both_delegated(one, one.place(sold(TEE, 2)), merchants=1) for _ in range(2))
    go_round(one)
    told = leaves(one, odd)
    leaves(one, even)
    told.spoil()
    despatch_pull.run(one.context)
    shipment_push.run(one.context)
    assert (statuses(one, even), statuses(one, odd)) == ({"delivered": 2}, {"available": 2})
    (trouble,) = exceptions_of(one, "defect", told.subject)
    assert trouble.state == "open"
    assert trouble.evidence["fields"], "a person is told what cannot be read"
    assert trouble.order_id == odd, "and the order's own page tells it"
    assert exceptions_of(one, "feed_failing") == []

    # The feed went on and does not bring it again by itself; the nightly re-reading does, as soon as it can be read.
    one.advance(hours=30)
    despatch_pull.run(one.context)
    assert statuses(one, odd) == {"available": 2}
    reread.run(one.context)
    shipment_push.run(one.context)
    assert statuses(one, odd) == {"delivered": 2}
    assert [len(shipments(one, order_id)) for order_id in (odd, even)] == [1, 1]
    assert [row.state for row in exceptions_of(one, "defect", told.subject)] == ["resolved"]


def test_what_no_database_takes_is_told_all_the_same(postgres_ledger_url: str, tmp_path: Path) -> None:
    unread = (Unread("dsp\0 1", "SCY\0-NB-1", ("parcels[\0]",)),)
    with world(postgres_ledger_url, tmp_path) as made:
        read_again(
            made.context, "despatches:scend:ACME-UK", lambda *_: iter([FeedPage((), "c", last=True, unread=unread)]),
            lambda *_: None, None,
        )  # fmt: skip
        (told,) = exceptions_of(made, "defect")
    assert (told.order_id, told.evidence["reference"]) == (None, "SCY\N{REPLACEMENT CHARACTER}-NB-1")


def test_one_that_was_spoilt_from_the_beginning_is_read_again_too(one: World) -> None:
    name = "despatches:scend:NEW"
    unread = (Unread("dsp_first", "SCY-NB-0", ("parcels",)),)

    def read(*_: object) -> Iterator[FeedPage[Any]]:
        return iter([FeedPage((), "c", last=True, unread=unread)])

    follow(one.context, "despatch_pull", name, read, lambda *_: None, timedelta(minutes=5))
    for since in (None, one.context.now(), None):
        with one.context.ledger.reading() as connection:
            assert unread_since(connection, name) is not None
        read_again(one.context, name, read, lambda *_: None, since)
