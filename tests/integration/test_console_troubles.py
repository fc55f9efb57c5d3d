"""What an order's page in the console tells of its open exceptions: whoever has no terminal must find everything there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

import pytest
from console_story import Browser, console_of
from flow_world import World, line
from order_story import TEE, accepted, sqlite_world

from syncbridge.ledger.exceptions import open_exception


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with sqlite_world(tmp_path_factory.mktemp("troubles")) as made:
        yield made


@pytest.fixture
def desk(one: World) -> Browser:
    browser = console_of(one)
    browser.sign_in()
    return browser


def words(browser: Browser) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", browser.text)))


def test_what_the_steps_call_listed_is_listed(one: World, desk: Browser) -> None:
    order_id = accepted(one, line(TEE))
    with one.context.ledger.work() as work:
        number = open_exception(
            work.connection, "tracking_late", f"test:{order_id}", at=one.context.now(), cause="left a second time",
            evidence={"tracking": "JD0002<b>", "units": [*range(100, 140)], "empty": None,
                      "faults": [{"code": "X", "field": "a field", "problem": "is odd", "way_out": "Mend it: syncbridge orders cancel ORDER."}]},
            order_id=order_id,
        )  # fmt: skip
        work.commit()
    desk.get(f"/orders/{order_id}")
    page = words(desk)
    assert "tracking JD0002<b>" in page
    assert "100 to 139 (40 in all)" in page
    assert f"a field : is odd. Mend it: syncbridge orders cancel {order_id}." in page
    assert "empty" not in page
    assert f"syncbridge exceptions resolve {number} --reason TEXT" in page


def test_the_start_page_speaks_of_goods_only(desk: Browser) -> None:
    """Exceptions may be open all the same: nobody may read there that nothing waits for a person."""
    desk.get("/")
    assert "No goods wait for a decision." in words(desk)
    assert "Nothing waits for a person" not in words(desk)
