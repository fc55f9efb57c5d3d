"""Returns by the console: announced and decided once, by whoever may, judged by the vendors' own records."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from console_story import OPERATOR, VIEWER, Browser, console_of, with_console
from flow_world import World, erp_line, line, world
from order_story import (
    JACKET,
    ORDERS,
    TEE,
    accepted,
    calm,
    exceptions_of,
    leave,
    packed,
    pull,
    reference,
    sqlite_world,
    stock,
    tell,
    unit_ids,
)
from return_story import (
    announced,
    blind,
    come_back,
    held_returns,
    in_scend,
    money_holds,
    of_rma,
    receipt_of,
    receive,
    refunded_units,
    shipped,
    states,
)
from sqlalchemy import event, select

from syncbridge import log
from syncbridge.flows import return_announce, return_expect, return_push
from syncbridge.ledger.tables import audit

NAME = "<script>alert('Zoë')</script>"


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with sqlite_world(tmp_path_factory.mktemp("console")) as made:
        yield made


@pytest.fixture(autouse=True)
def _calm(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "one" in request.fixturenames:
        calm(request.getfixturevalue("one"))


@pytest.fixture
def desk(one: World) -> Browser:
    """The console of an operator who is signed in."""
    browser = console_of(one)
    browser.sign_in()
    return browser


@pytest.fixture
def viewer(one: World) -> Browser:
    browser = console_of(one)
    browser.sign_in(VIEWER)
    return browser


def announce(browser: Browser, order_id: int, *units: int, reason: str = "too_small") -> Any:
    """Go the whole way from the order's page to the RMA number."""
    browser.get(f"/orders/{order_id}/announce")
    browser.send("/announce/check", {"units": list(units), "reason": reason})
    return browser.send("/announce")


def shown_numbers(browser: Browser) -> list[str]:
    return re.findall(r'class="rma">(RMA-[0-9A-Z]{26})<', browser.text)


def audit_rows(one: World, order_id: int) -> list[Any]:
    with one.context.ledger.reading() as connection:
        return list(connection.execute(select(audit).where(audit.c.subject == f"order:{order_id}").order_by(audit.c.id)))


# ---- finding and looking


@pytest.mark.parametrize("name", ["id", "reference", "key", "blanks"])
def test_an_order_is_found_by_any_of_its_names(one: World, desk: Browser, name: str) -> None:
    order_id = shipped(one, line(TEE))
    names = {"id": order_id, "reference": reference(order_id), "blanks": f"  {order_id} "}
    with one.context.ledger.reading() as connection:
        keys = connection.exec_driver_sql(f"SELECT reference_keys FROM orders WHERE id = {order_id}").scalar_one()
    names["key"] = re.findall(r'"([^"]+)"', str(keys))[0]
    desk.get("/")
    desk.get("/returns")
    desk.send("/find", {"text": names[name]})
    assert desk.path == f"/console/orders/{order_id}"


def test_a_return_is_found_by_its_number(one: World, desk: Browser) -> None:
    made = announced(one, shipped(one, line(TEE)))
    there = of_rma(one, made.rma_number)
    return_announce.run(one.context)
    for text in (made.rma_number, made.rma_number.lower(), there["returnId"]):
        desk.get("/returns")
        desk.send("/find", {"text": text})
        assert desk.path == f"/console/returns/{made.rma_number}"


def test_an_orders_page_shows_its_whole_life_and_nobodys_name(one: World, desk: Browser) -> None:
    customer = {"firstName": NAME, "lastName": "Łódzka", "email": "zoe.nwosu@example.com"}
    order_id = shipped(one, line(TEE, 2), line(JACKET, price=7900), customer=customer)
    made = announced(one, order_id, *unit_ids(one, order_id, TEE)[:1])
    desk.get(f"/orders/{order_id}")
    for text in (reference(order_id), "scend:ACME-UK", TEE, JACKET, "despatched", "ROYAL_MAIL", made.rma_number,
                 "order confirmed in the shop", "126.95 GBP"):  # fmt: skip
        assert text in desk.text, text
    for private in ("Nwosu", "zoe.nwosu", "Mill Lane", "LS1", "alert(", "Łódzka"):
        assert private not in desk.text, private


def test_a_script_in_a_vendors_text_stays_text(one: World, desk: Browser) -> None:
    order_id = accepted(one, line(TEE), referenceKey="<script>alert(1)</script>")
    with one.context.ledger.work() as work:
        work.connection.exec_driver_sql(
            f"""UPDATE orders SET reference_keys = '["<script>alert(1)</script>"]' WHERE id = {order_id}"""
        )
        work.commit()
    desk.get(f"/orders/{order_id}")
    assert "&lt;script&gt;alert(1)" in desk.text
    assert "<script" not in desk.text


def test_times_are_in_the_zone_that_the_page_names(one: World) -> None:
    order_id = shipped(one, line(TEE))
    pages = {}
    for zone in ("UTC", "Pacific/Kiritimati"):
        browser = console_of(one, with_console(one.context.configuration, timezone=zone))
        browser.sign_in()
        pages[zone] = browser.get(f"/orders/{order_id}").get_data(as_text=True)
        assert f"Times are in {zone}" in pages[zone]
    pattern = r'<time datetime="([^"]+)" title="[^"]+">([^<]+)</time>'
    utc, far = (re.findall(pattern, pages[zone]) for zone in pages)
    assert [exact for exact, _shown in utc] == [exact for exact, _shown in far]
    assert all(ours != theirs for (_, ours), (_, theirs) in zip(utc, far, strict=True))


# ---- announcing


def test_an_announced_return_is_in_the_warehouse_under_the_number_that_is_shown(one: World, desk: Browser) -> None:
    order_id = shipped(one, line(TEE, 2), line(JACKET, price=7900))
    (unit, *_rest) = unit_ids(one, order_id, TEE)
    desk.get(f"/orders/{order_id}")
    desk.get(f"/orders/{order_id}/announce")
    desk.send("/announce/check", {"units": [unit], "reason": "too_small"})
    for text in ("1 unit", "scend:ACME-UK", f"1 × {TEE}", "too small"):
        assert text in desk.text
    assert not held_returns(one, order_id), "the check announces nothing"
    one.bell.rings.clear()
    desk.send("/announce")
    (number,) = shown_numbers(desk)
    assert ("return_announce",) in one.bell.rings
    return_announce.run(one.context, order_id=order_id)
    (held,) = in_scend(one, order_id)
    assert (held["rmaNumber"], held["status"]) == (number, "ANNOUNCED")
    assert [(row["orderLineNumber"], row["quantityAnnounced"], row["reasonCode"]) for row in held["lines"]] == [
        (1, 1, "TOO_SMALL")
    ]
    (row,) = audit_rows(one, order_id)
    assert (row.actor, row.action, row.after) == (f"console:{OPERATOR}", "returns announce", {"rma": [number]})
    desk.get(f"/returns/{number}")
    assert str(unit) in desk.text
    receive(one, number, (TEE, 1))
    come_back(one, order_id)
    assert refunded_units(one, order_id) == [unit]
    money_holds(one, order_id)


def test_a_second_click_and_a_reload_make_no_second_number(one: World, desk: Browser) -> None:
    order_id = shipped(one, line(TEE, 2))
    units = unit_ids(one, order_id)
    desk.get(f"/orders/{order_id}/announce")
    desk.send("/announce/check", {"units": units, "reason": "other"})
    form = desk.form("/announce")
    first = desk.client.post(form.action, data=form.data({}))
    again = desk.client.post(form.action, data=form.data({}))
    assert (first.status_code, again.status_code) == (303, 303)
    (row,) = held_returns(one, order_id)
    for answer, words in ((first, "Announced"), (again, "Was announced before")):
        for _reload in range(2):
            desk.get(answer.headers["Location"])
            assert shown_numbers(desk) == [row.rma_number]
            assert words in desk.text
    assert len(held_returns(one, order_id)) == 1
    assert len(audit_rows(one, order_id)) == 1


def test_units_that_are_expected_already_cannot_be_ticked_and_are_left_out(one: World, desk: Browser) -> None:
    order_id = shipped(one, line(TEE, 2))
    first, second = unit_ids(one, order_id)
    made = announced(one, order_id, first)
    desk.get(f"/orders/{order_id}/announce")
    assert re.search(rf'value="{first}"[^>]*disabled', desk.text)
    assert made.rma_number in desk.text
    desk.send("/announce/check", {"units": [first, second], "reason": "other"})
    assert "already" in desk.text
    desk.send("/announce")
    numbers = shown_numbers(desk)
    assert len(numbers) == 2
    assert made.rma_number in numbers
    assert sorted(tuple(row.units) for row in held_returns(one, order_id)) == [(first,), (second,)]


def test_what_has_not_left_waits_and_the_page_says_so(one: World, desk: Browser) -> None:
    order_id = packed(one, line(TEE, 2))
    desk.get(f"/orders/{order_id}/announce")
    desk.send("/announce/check", {"units": unit_ids(one, order_id), "reason": "changed_mind"})
    assert "have not left the warehouse" in desk.text
    desk.send("/announce")
    assert "once the goods have left" in desk.text
    return_announce.run(one.context)
    assert not in_scend(one, order_id)
    leave(one, order_id)
    pull(one)
    tell(one, order_id)
    return_expect.release(one.context)
    return_announce.run(one.context)
    (held,) = in_scend(one, order_id)
    assert [held["rmaNumber"]] == [row.rma_number for row in held_returns(one, order_id)]


def test_a_choice_can_be_changed_before_it_is_carried_out(one: World, desk: Browser) -> None:
    order_id = shipped(one, line(TEE, 2))
    unit = unit_ids(one, order_id)[0]
    desk.get(f"/orders/{order_id}/announce")
    desk.send("/announce/check", {"units": [unit], "reason": "faulty"})
    desk.send("/announce", press="change")
    form = desk.form("/announce/check")
    assert (form.fields["units"], form.fields["reason"]) == ([str(unit)], ["faulty"])
    assert not held_returns(one, order_id)


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"reason": "other"}, "Choose at least one unit."),
        ({"units": ["x"], "reason": "other"}, "Invalid"),
        ({"units": ["0"], "reason": "other"}, "Invalid"),
        ({"units": [str(2**70)], "reason": "other"}, "Invalid"),
        ({"units": ["UNIT"], "reason": ""}, "Choose the reason."),
        ({"units": ["UNIT"], "reason": "because"}, "Not a valid choice"),
        ({"units": ["UNIT"], "reason": "too_late_to_cancel"}, "Not a valid choice"),
    ],
)
def test_a_form_that_says_too_little_is_sent_back(
    one: World, desk: Browser, fields: dict[str, Any], complaint: str
) -> None:
    order_id = shipped(one, line(TEE))
    (unit,) = unit_ids(one, order_id)
    given = {name: [str(unit)] if value == ["UNIT"] else value for name, value in fields.items()}
    for action in ("/announce/check", "/announce"):
        desk.get(f"/orders/{order_id}/announce")
        token = desk.token
        answer = desk.client.post(f"/console/orders/{order_id}{action}", data={"csrf_token": token, **given})
        assert answer.status_code == 400
        assert complaint in answer.text
    assert not held_returns(one, order_id)


def test_what_cannot_come_back_is_refused_with_the_flows_own_words(one: World, desk: Browser) -> None:
    order_id, other = shipped(one, line(TEE)), shipped(one, line(TEE))
    (foreign,) = unit_ids(one, other)
    for unit, words in ((999_999_999, "is not known"), (foreign, f"none of order {order_id}")):
        desk.get(f"/orders/{order_id}/announce")
        answer = desk.send("/announce/check", {"units": [unit], "reason": "other"})
        assert answer.status_code == 409
        assert "Nothing was announced" in desk.text
        assert words in desk.text
    assert not held_returns(one, order_id)
    assert not held_returns(one, other)


def test_an_order_with_nothing_left_to_return_says_so(one: World, desk: Browser) -> None:
    order_id = shipped(one, line(TEE))
    made = announced(one, order_id)
    receive(one, made.rma_number, (TEE, 1))
    come_back(one, order_id)
    desk.get(f"/orders/{order_id}")
    assert "Announce a return" not in desk.text
    desk.get(f"/orders/{order_id}/announce")
    assert "Nothing of this order can come back" in desk.text


def test_two_people_at_once_make_one_number(database_url: str, tmp_path: Path) -> None:
    with world(database_url, tmp_path) as one:
        stock(one)
        order_id = shipped(one, line(TEE, 3))
        units = unit_ids(one, order_id)
        people = []
        for name in (OPERATOR, "anna", "ben", "carla"):
            settings = with_console(one.context.configuration, _four())
            browser = console_of(one, settings)
            browser.sign_in(name)
            browser.get(f"/orders/{order_id}/announce")
            browser.send("/announce/check", {"units": units, "reason": "other"})
            people.append(browser)
        with ThreadPoolExecutor(len(people)) as pool:
            answers = list(pool.map(lambda person: person.send("/announce"), people))
        assert {answer.status_code for answer in answers} == {200}
        (row,) = held_returns(one, order_id)
        assert [shown_numbers(person) for person in people] == [[row.rma_number]] * 4
        assert sum("Was announced before" in person.text for person in people) == 3
        return_announce.run(one.context, order_id=order_id)
        assert len(in_scend(one, order_id)) == 1


def _four() -> str:
    from console_story import entries

    return entries(anna="operator", ben="operator", carla="operator")


def test_an_order_over_two_warehouses_gets_a_number_for_each(sqlite_url: str, tmp_path: Path) -> None:
    with world(sqlite_url, tmp_path, both=True) as one:
        stock(one)
        order_id = accepted(one, line(TEE), erp_line("TEE-ORG-BLK-M"))
        browser = console_of(one)
        browser.sign_in()
        units = [unit["itemId"] for unit in one.units(order_id)]
        announce(browser, order_id, *units)
        assert len(shown_numbers(browser)) == 2
        accounts = {row.account for row in held_returns(one, order_id)}
        assert len(accounts) == 2
        assert all(account in browser.text for account in accounts)


# ---- the list and the page of a return


def test_returns_are_narrowed_by_state_source_and_order(one: World, desk: Browser) -> None:
    order_id = shipped(one, line(TEE, 2))
    first, second = unit_ids(one, order_id)
    closed, open_one = announced(one, order_id, first), announced(one, order_id, second)
    receive(one, closed.rma_number, (TEE, 1))
    come_back(one, order_id)
    assert states(one, order_id) == ["closed", "expected"]

    def shows(**chosen: str) -> list[str]:
        desk.get("/returns")
        desk.send("/returns", {"order": reference(order_id), **chosen})
        assert f"order={order_id}" in desk.path
        found = re.findall(r'href="/console/returns/(RMA-[0-9A-Z]{26})"', desk.text)
        return [number for number in found if number in (closed.rma_number, open_one.rma_number)]

    assert shows() == [open_one.rma_number]
    assert shows(state="every") == [open_one.rma_number, closed.rma_number]
    assert shows(state="closed") == [closed.rma_number]
    assert shows(state="every", source="unannounced") == []
    assert "No return is like that" in desk.text
    assert shows(state="every", source="customer_service") == [open_one.rma_number, closed.rma_number]


@pytest.mark.parametrize("query", ["state=nonsense", "source=x", "order=x", "order=99999999999999999999", "before=nothing"])
def test_an_address_that_somebody_made_up_shows_a_list_all_the_same(desk: Browser, query: str) -> None:
    assert desk.get(f"/returns?{query}").status_code == 200


def test_a_long_list_comes_in_pages(one: World, desk: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    from syncbridge.web.console import returns

    monkeypatch.setattr(returns, "PAGE", 2)
    order_id = shipped(one, line(TEE, 5))
    made = [announced(one, order_id, unit).rma_number for unit in unit_ids(one, order_id)]
    seen: list[str] = []
    desk.get(f"/returns?state=every&order={order_id}")
    for _page in range(3):
        seen += re.findall(r'href="/console/returns/(RMA-[0-9A-Z]{26})"', desk.text)
        older = re.findall(r'href="([^"]+)" rel="next"', desk.text)
        if older:
            desk.get(older[0].replace("&amp;", "&"))
    assert not older
    assert seen == made[::-1]


def test_the_start_page_counts_and_lists_what_waits(one: World, desk: Browser) -> None:
    order_id = shipped(one, line(TEE))
    made = announced(one, order_id)
    receive(one, made.rma_number, (TEE, 1), condition="WORN")
    come_back(one, order_id)
    desk.get("/")
    assert made.rma_number in desk.text
    desk.get(f"/returns/{made.rma_number}")
    (found,) = exceptions_of(one, "return_decision", f"receipt:scend:ACME-UK:{_line_of(one, made.rma_number)}")
    assert f"#{found.id}" in desk.text
    assert "customer service" in desk.text


def _line_of(one: World, rma: str) -> str:
    return str(of_rma(one, rma)["receipts"][-1]["lines"][-1]["receiptLineId"])


def test_the_pages_cost_what_is_open_and_not_the_history(one: World, desk: Browser) -> None:
    """Every look at returns and receipts goes by an index."""
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if " returns" in statement or " receipts" in statement:
            asked.append((statement, parameters))

    engine = one.context.ledger.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        for path in ("/", "/returns", f"/orders/{shipped(one, line(TEE))}"):
            asked.clear()
            desk.get(path)
            with one.context.ledger.reading() as connection:
                plans = [
                    str(row[3])
                    for statement, parameters in list(asked)
                    for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
                ]
            assert plans, path
            # These two hold what is open only; every other index that is walked from end to end holds the history.
            open_only = ("ix_returns_unfinished", "ix_receipts_undone")
            whole = [step for step in plans if step.startswith("SCAN re") and not step.endswith(open_only)]
            assert not whole, (path, plans)
    finally:
        event.remove(engine, "before_cursor_execute", note)


# ---- deciding


def worn(one: World, quantity: int = 1) -> tuple[int, str, int]:
    """Return an order, its RMA and its receipt, whose goods are worn so that a person decides."""
    order_id = shipped(one, line(TEE, quantity))
    made = announced(one, order_id)
    returned = receive(one, made.rma_number, (TEE, quantity), condition="WORN")
    come_back(one, order_id)
    assert refunded_units(one, order_id) == []
    return order_id, made.rma_number, receipt_of(one, returned).id


def test_a_person_refunds_worn_goods_once(one: World, desk: Browser) -> None:
    order_id, rma, receipt = worn(one)
    desk.get(f"/returns/{rma}/receipts/{receipt}")
    desk.send(f"/{receipt}/check", {"verdict": "refund", "reason": "worn, but our fault"})
    assert "will be returned in SCAYLE" in desk.text
    form = desk.form(f"/receipts/{receipt}")
    for _click in range(2):
        desk.client.post(form.action, data=form.data({}))
        return_push.run(one.context, order_id=order_id)
    assert refunded_units(one, order_id) == unit_ids(one, order_id)
    money_holds(one, order_id)
    decisions = [row for row in audit_rows(one, order_id) if row.action == "returns decide"]
    assert [(row.actor, row.reason) for row in decisions] == [(f"console:{OPERATOR}", "worn, but our fault")]
    desk.get(f"/returns/{rma}")
    assert "Decide</a>" not in desk.text


def test_a_person_refuses_and_no_money_moves(one: World, desk: Browser) -> None:
    order_id, rma, receipt = worn(one)
    desk.get(f"/returns/{rma}/receipts/{receipt}")
    desk.send(f"/{receipt}/check", {"verdict": "refuse", "reason": "worn by the customer"})
    assert "No money moves" in desk.text
    desk.send(f"/receipts/{receipt}")
    assert desk.path == f"/console/returns/{rma}"
    assert "is refused" in desk.text
    return_push.run(one.context, order_id=order_id)
    assert refunded_units(one, order_id) == []


def test_a_second_decision_changes_nothing_and_says_so(one: World, desk: Browser) -> None:
    order_id, rma, receipt = worn(one)
    desk.get(f"/returns/{rma}/receipts/{receipt}")
    desk.send(f"/{receipt}/check", {"verdict": "refuse", "reason": "no"})
    form = desk.form(f"/receipts/{receipt}")
    desk.client.post(form.action, data=form.data({}))
    answer = desk.client.post(form.action, data=form.data({}))
    assert answer.status_code == 409
    assert f"Nothing was decided: receipt {receipt} is decided already (refused)." in answer.text
    assert len(audit_rows(one, order_id)) == 2, "announced by the test, decided once"
    desk.get(f"/returns/{rma}/receipts/{receipt}")
    assert desk.path == f"/console/returns/{rma}"
    assert "decided already" in desk.text


def test_goods_of_no_order_are_refunded_once_a_person_names_order_and_unit(one: World, desk: Browser) -> None:
    order_id = shipped(one, line(TEE, 2))
    returned = blind(one, (TEE, 1), close=True)
    come_back(one)
    receipt = receipt_of(one, returned)
    with one.context.ledger.reading() as connection:
        rma = connection.exec_driver_sql(
            f"SELECT rma_number FROM returns WHERE id = {receipt.return_id}"
        ).scalar_one()
    desk.get("/")
    assert rma not in desk.text, "time may still cure it"
    one.advance(minutes=11)
    come_back(one)
    desk.get("/")
    assert rma in desk.text
    desk.get(f"/returns/{rma}/receipts/{receipt.id}")
    desk.send("/order", {"text": reference(order_id)})
    assert desk.path.endswith(f"?order={order_id}")
    answer = desk.send(f"/{receipt.id}/check", {"verdict": "refund", "reason": "wrong slip"})
    assert answer.status_code == 400
    assert "Choose the units that these goods are." in desk.text
    (unit, _other) = unit_ids(one, order_id)
    desk.send(f"/{receipt.id}/check", {"verdict": "refund", "units": [unit], "reason": "wrong slip"})
    desk.send(f"/receipts/{receipt.id}")
    assert "1 unit will be returned" in desk.text
    return_push.run(one.context, order_id=order_id)
    assert refunded_units(one, order_id) == [unit]
    money_holds(one, order_id)


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"reason": "why not"}, "Choose: refund or refuse."),
        ({"verdict": "refund"}, "Say why"),
        ({"verdict": "refund", "reason": "   "}, "Say why"),
        ({"verdict": "burn", "reason": "x"}, "Not a valid choice"),
    ],
)
def test_a_decision_needs_a_verdict_and_a_reason(
    one: World, desk: Browser, fields: dict[str, str], complaint: str
) -> None:
    order_id, rma, receipt = worn(one)
    desk.get(f"/returns/{rma}/receipts/{receipt}")
    token = desk.token
    answer = desk.client.post(
        f"/console/returns/{rma}/receipts/{receipt}", data={"csrf_token": token, **fields}
    )
    assert answer.status_code == 400
    assert complaint in answer.text
    return_push.run(one.context, order_id=order_id)
    assert refunded_units(one, order_id) == []


def test_while_scayle_does_not_answer_nothing_is_decided_and_the_page_says_so(one: World, desk: Browser) -> None:
    order_id, rma, receipt = worn(one)
    desk.get(f"/returns/{rma}/receipts/{receipt}")
    one.fault(one.scayle, "GET", f"{ORDERS}/{order_id}", "http", times=9, status=503)
    answer = desk.send(f"/{receipt}/check", {"verdict": "refund", "reason": "ours"})
    assert answer.status_code == 503
    assert "Nothing was changed" in desk.text
    assert [row.action for row in audit_rows(one, order_id)] == ["returns announce"]


def test_a_receipt_of_another_return_is_not_found(one: World, desk: Browser) -> None:
    (_first, rma, _receipt), (_second, _other, receipt) = worn(one), worn(one)
    assert desk.get(f"/returns/{rma}/receipts/{receipt}").status_code == 404


# ---- who may


def test_a_viewer_sees_everything_and_changes_nothing(one: World, desk: Browser, viewer: Browser) -> None:
    order_id, rma, receipt = worn(one, 2)
    again = shipped(one, line(TEE))
    for path in ("/", "/returns", f"/orders/{order_id}", f"/orders/{again}", f"/returns/{rma}"):
        assert viewer.get(path).status_code == 200
        assert "Announce a return" not in viewer.text
        assert ">Decide<" not in viewer.text
    viewer.get(f"/orders/{again}")
    token, (unit,) = viewer.token, unit_ids(one, again)
    forms = {
        f"/orders/{again}/announce": {"units": unit, "reason": "other"},
        f"/orders/{again}/announce/check": {"units": unit, "reason": "other"},
        f"/returns/{rma}/receipts/{receipt}": {"verdict": "refund", "reason": "x"},
        f"/returns/{rma}/receipts/{receipt}/check": {"verdict": "refund", "reason": "x"},
    }
    for path, fields in forms.items():
        answer = viewer.post(path, {"csrf_token": token, **fields})
        assert answer.status_code == 403
        assert "You are a viewer" in answer.text
    for path in (f"/orders/{again}/announce", f"/returns/{rma}/receipts/{receipt}"):
        assert viewer.get(path).status_code == 403
    assert not held_returns(one, again)
    return_push.run(one.context, order_id=order_id)
    assert refunded_units(one, order_id) == []


def test_a_write_without_its_token_changes_nothing(one: World, desk: Browser) -> None:
    order_id = shipped(one, line(TEE))
    (unit,) = unit_ids(one, order_id)
    answer = desk.post(f"/orders/{order_id}/announce", {"units": unit, "reason": "other"})
    assert answer.status_code == 400
    assert not held_returns(one, order_id)


# ---- what is written down


@contextmanager
def logged() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    log.configure("json", "DEBUG", stream=stream)
    try:
        yield stream
    finally:
        log.configure("console", "INFO")


def test_logs_say_who_did_what_and_nothing_of_the_customer(one: World) -> None:
    with logged() as stream:
        browser = console_of(one)
        browser.sign_in()
        order_id, rma, receipt = worn(one)
        browser.get(f"/orders/{order_id}")
        browser.send("/find", {"text": "zoe.nwosu@example.com"})
        browser.get(f"/returns/{rma}/receipts/{receipt}")
        browser.send(f"/{receipt}/check", {"verdict": "refuse", "reason": "Mrs Nwosu of Mill Lane wore it"})
        browser.send(f"/receipts/{receipt}")
        again = shipped(one, line(TEE))
        announce(browser, again, *unit_ids(one, again))
    text = stream.getvalue()
    lines = [json.loads(row) for row in text.splitlines()]
    done = {(row["event"], row.get("user")) for row in lines if row["event"].startswith("console_")}
    assert done == {
        (event, OPERATOR) for event in ("console_signed_in", "console_return_announced", "console_receipt_decided")
    }
    for private in ("zoe.nwosu", "Nwosu", "Mill Lane", "LS1"):
        assert private not in text, private
