"""Customer service at work: a real browser on the real web process, and the warehouse's own record of what came of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from installation import PATIENCE_SECONDS, Installation, installation, wait_until
from real_browser import real_browser

from syncbridge.sandbox.demo.addresses import SHOP_KEY

pytestmark = [pytest.mark.slow, pytest.mark.processes, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installation(tmp_path_factory.mktemp("c")) as running:
        yield running


def returns_in_scend(place: Installation, order_id: int) -> list[dict[str, Any]]:
    held = place.vendors.scend.call("GET", "/state", section="returns")["returns"]
    return [one for one in held if one["clientReference"] == f"SCY-{SHOP_KEY.upper()}-{order_id}"]


def test_customer_service_announces_a_return_and_the_warehouse_has_it(place: Installation) -> None:
    with real_browser() as page:
        (order_id,) = place.place(1)
        place.await_on_scend([order_id])
        place.await_settled()
        seen: list[str] = []
        page.on("request", lambda request: seen.append(request.url))
        page.on("console", lambda message: seen.append(f"the browser says: {message.text}"))

        page.goto(place.addresses.console)
        page.get_by_label("Name").fill(place.addresses.console_user)
        page.get_by_label("Password").fill(place.addresses.console_password)
        page.get_by_role("main").get_by_role("button", name="Sign in").click()

        page.get_by_role("banner").get_by_role("searchbox").fill(str(order_id))
        page.get_by_role("banner").get_by_role("button", name="Find").click()
        assert page.get_by_role("heading", level=1).inner_text() == f"Order {order_id}"
        page.get_by_role("link", name="Announce a return").click()
        page.get_by_role("checkbox").first.check()
        page.get_by_label("Why?").select_option("too_small")
        page.get_by_role("button", name="Check").click()
        assert not returns_in_scend(place, order_id)
        page.get_by_role("button", name="Announce").click()
        number = page.locator(".rma").inner_text()
        assert re.fullmatch(r"RMA-[0-9A-Z]{26}", number)
        page.reload()
        assert page.locator(".rma").all_inner_texts() == [number]

        wait_until(lambda: returns_in_scend(place, order_id), PATIENCE_SECONDS)
        (held,) = returns_in_scend(place, order_id)
        assert held["rmaNumber"] == number
        assert [line["quantityAnnounced"] for line in held["lines"]] == [1]

        page.get_by_role("link", name="Follow this return").click()
        assert page.get_by_role("heading", level=1).inner_text() == number
        page.get_by_role("button", name="Sign out").click()
        page.go_back()
        page.reload()
        assert page.get_by_role("heading", level=1).inner_text() == "Sign in"

    assert all(url.startswith(place.addresses.web) for url in seen), "nothing from elsewhere, and no complaint"
    personal_data = {text for order in place.placed.values() for text in order.personal_data}
    text = place.log_text()
    assert '"event": "console_return_announced"' in text
    assert not [one for one in personal_data if one in text]
    assert place.addresses.console_password not in text


def test_nothing_is_wider_than_a_telephone(place: Installation) -> None:
    """Tables scroll by themselves; the page does not."""
    with real_browser(390, 800) as page:
        page.goto(place.addresses.console)
        page.get_by_label("Name").fill(place.addresses.console_user)
        page.get_by_label("Password").fill(place.addresses.console_password)
        page.get_by_role("main").get_by_role("button", name="Sign in").click()
        order_id = next(iter(place.placed), None) or place.place(1)[0]
        wait_until(lambda: place.on_scend([order_id])[order_id], PATIENCE_SECONDS)
        for path in ("", "returns?state=every", f"orders/{order_id}", f"orders/{order_id}/announce", "orders/1"):
            page.goto(f"{place.addresses.console}{path}")
            picture = page.screenshot(full_page=True)
            # A PNG's header has its width: the page's own, however wide its widest child is.
            assert int.from_bytes(picture[16:20], "big") == 390, path
