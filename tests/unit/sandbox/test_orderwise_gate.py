"""OrderWise sandbox: tokens, permissions, limits, faults, the control plane (contract 2.2, 2.3, 13)."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from syncbridge.sandbox import orderwise as package
from syncbridge.sandbox.orderwise.__main__ import launch_of
from syncbridge.sandbox.threaded import ThreadedServer

ORDER = "/sales/order?session_id=12"


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Basic !!"}, {"Authorization": "Bearer x"}, {"Authorization": "Basic c3luY2JyaWRnZTp4"}],
)
def test_only_a_known_user_gets_a_token(orderwise: Any, headers: dict[str, str]) -> None:
    answer = requests.get(f"{orderwise.root}/owapi/token/gettoken", headers=headers, timeout=5)
    assert (answer.status_code, answer.content) == (401, b"")


@pytest.mark.parametrize("header", [None, "Bearer", "Bearer wrong", "Basic c3luY2JyaWRnZTpvcmRlcndpc2Utc2FuZGJveA=="])
def test_data_calls_need_a_bearer_token(orderwise: Any, header: str | None) -> None:
    answer = orderwise.call("GET", "/customers", headers={"Authorization": header})
    assert (answer.status_code, answer.content) == (401, b"")
    orderwise.settings(unauthorisedBody='""')
    assert orderwise.call("GET", "/customers", headers={"Authorization": header}).text == '""'


def test_tokens_expire_and_are_revoked(orderwise: Any) -> None:
    first = orderwise.token
    orderwise.mint()
    assert orderwise.token != first
    assert orderwise.call("GET", "/customers", headers={"Authorization": f"Bearer {first}"}).status_code == 200
    orderwise.wind(3601)
    assert orderwise.get("/customers").status_code == 401
    orderwise.mint()
    orderwise.control("POST", "/tokens/expire")
    assert orderwise.get("/customers").status_code == 401
    orderwise.mint()
    orderwise.fault(fault="token_revoked", match={"path": "/customers"})
    assert [orderwise.get("/customers").status_code for _ in range(2)] == [401, 401]
    orderwise.mint()
    assert orderwise.get("/customers").status_code == 200


def test_a_module_that_is_not_ticked_is_forbidden(orderwise: Any) -> None:
    orderwise.control("POST", "/seed", {"users": [{"username": "clerk", "password": "p", "modules": ["Stock"]}]})
    orderwise.mint("CLERK", "p")
    assert orderwise.get("/stock/variants").status_code == 200
    answer = orderwise.post("/system/export-definition/204", [{"name": "", "value": None}])
    assert (answer.status_code, "API Export Definitions" in answer.json()["message"]) == (403, True)


@pytest.mark.parametrize(("path", "status"), [("/owapi/nothing/here", 404), ("/other/customers", 404), ("/", 404)])
def test_unknown_paths_are_the_web_servers_page(orderwise: Any, path: str, status: int) -> None:
    answer = requests.get(orderwise.root + path, headers={"Authorization": f"Bearer {orderwise.token}"}, timeout=5)
    assert answer.status_code == status
    assert answer.headers["Content-Type"].startswith("text/html")
    assert orderwise.call("DELETE", "/customers").status_code == 405
    assert orderwise.get("/docs").headers["Content-Type"].startswith("text/html")


def test_an_installation_may_lack_what_is_only_assumed(orderwise: Any) -> None:
    order_id = orderwise.create()
    orderwise.settings(absentEndpoints=["cancel", "returns", "financial"])
    for path in (f"/Sales/Order/{order_id}/Cancel", "/returns/customer-return", "/accounts/financial-batch"):
        answer = orderwise.post(path, {})
        assert (answer.status_code, answer.headers["Content-Type"].split(";")[0]) == (404, "text/html")
    assert orderwise.get(f"/sales/order/{order_id}/status").status_code == 200
    orderwise.settings(absentEndpoints=[])
    assert orderwise.post(f"/sales/order/{order_id}/cancel", {}).status_code == 200


def test_calls_may_be_limited(orderwise: Any) -> None:
    orderwise.stop_clock()
    orderwise.settings(rateCapacity=2, ratePerSecond=0.5)
    answers = [orderwise.get("/customers", limit=1) for _ in range(3)]
    assert [one.status_code for one in answers] == [200, 200, 429]
    assert answers[2].headers["Retry-After"] == "2"
    orderwise.wind(2)
    assert orderwise.get("/customers", limit=1).status_code == 200


@pytest.mark.parametrize(
    ("fault", "status", "kind", "retry_after"),
    [
        ({"fault": "http", "status": 401}, 401, "application/json", None),
        ({"fault": "rate_limit", "retryAfter": 7}, 429, "application/json", "7"),
        ({"fault": "http", "status": 500}, 500, "application/json", None),
        ({"fault": "http", "status": 503, "retryAfter": 2}, 503, "text/html", "2"),
        ({"fault": "html_502"}, 502, "text/html", None),
    ],
)
def test_wrong_answers_without_effect(
    orderwise: Any, fault: dict[str, Any], status: int, kind: str, retry_after: str | None
) -> None:
    orderwise.fault(**fault, match={"method": "POST", "path": "/sales/order"})
    orderwise.application = "/OWAPI"
    answer = orderwise.send_order(orderwise.body())
    assert (answer.status_code, answer.headers["Content-Type"].split(";")[0]) == (status, kind)
    assert answer.headers.get("Retry-After") == retry_after
    assert orderwise.export(201, reference="SCY-1") == []
    assert orderwise.send_order(orderwise.body()).status_code == 201


@pytest.mark.parametrize(("kind", "orders"), [("timeout_before", 0), ("timeout_after", 1)])
def test_the_connection_may_drop_before_or_after_the_write(orderwise: Any, kind: str, orders: int) -> None:
    orderwise.fault(fault=kind, match={"path": "/sales/order"})
    with pytest.raises(requests.ConnectionError):
        orderwise.send_order(orderwise.body())
    assert len(orderwise.export(201, reference="SCY-1")) == orders
    entry = orderwise.control("GET", "/journal")["requests"][-2]
    assert (entry["status"], entry["fault"], entry["effect"]) == (None, kind, bool(orders))


def test_an_error_may_come_after_the_write(orderwise: Any) -> None:
    orderwise.fault(fault="http", status=500, effect=True, match={"path": "/sales/order"})
    assert orderwise.send_order(orderwise.body()).status_code == 500
    assert len(orderwise.export(201, reference="SCY-1")) == 1


def test_answers_may_be_cut_short_or_slow(orderwise: Any) -> None:
    orderwise.fault(fault="truncated_json", match={"path": "/system/export-definition/204"})
    answer = orderwise.post("/system/export-definition/204", [{"name": "", "value": None}])
    assert answer.status_code == 200
    assert answer.text.startswith("[")
    assert not answer.text.endswith("]")
    orderwise.fault(fault="slow", milliseconds=120, match={"path": "/customers"})
    assert orderwise.get("/customers").elapsed.total_seconds() >= 0.12
    assert orderwise.control("GET", "/faults")["faultsInjected"] == {"truncated_json": 1, "slow": 1}


def test_the_date_header_is_the_sandboxes_own(orderwise: Any) -> None:
    orderwise.stop_clock(now="2026-10-25T00:30:00Z")
    assert orderwise.mint().headers["Date"].startswith("Sun, 25 Oct 2026 00:30:00")
    assert orderwise.control("GET", "/summary")["localNow"].startswith("2026-10-25T01:30:0")


def test_seeding_in_bulk_and_reset(orderwise: Any) -> None:
    codes = [f"BULK-{number}" for number in range(3000)]
    seeded = {
        "variants": [{"variantCode": code, "rspIncVat": 12.5} for code in codes],
        "stock": [{"variantCode": code, "stockLocationId": 3, "physical": 7.5} for code in codes],
        "customers": [{"accountNumber": "NEW", "creditLimit": 10.25}],
    }
    taken = orderwise.control("POST", "/seed", seeded)["seeded"]
    assert (taken["variants"], taken["stock"], taken["customers"]) == (3000, 3000, 1)
    rows = orderwise.feed(203, limit=100)
    assert len(rows) >= 18
    bulk = [row for row in orderwise.export(204) if row["variantCode"].startswith("BULK")]
    assert len({row["lastCalculatedAt"] for row in bulk}) == 1
    orderwise.control("POST", "/seed", {"nonsense": []}, 400)
    orderwise.control("POST", "/seed", {"stock": [{"variantCode": "NO-SUCH", "physical": 1}]}, 400)
    orderwise.control("POST", "/seed", {"variants": [{}]}, 400)
    orderwise.control("POST", "/reset")
    orderwise.mint()
    assert len(orderwise.get("/stock/variants").json()) == 16


def test_state_is_read_by_section_and_page(orderwise: Any) -> None:
    for number in range(3):
        orderwise.create(f"SCY-{number}")
    page = orderwise.control("GET", "/state?section=orders,facts&after=1&limit=1")
    assert [row["clientReference"] for row in page["orders"]] == ["SCY-1"]
    assert [row["n"] for row in page["facts"]] == [2]
    whole = orderwise.control("GET", "/state")
    assert {"orders", "despatches", "stock", "returns", "batches", "imports", "facts", "settings"} <= set(whole)
    orderwise.control("GET", "/state?section=nonsense", expect=400)
    orderwise.control("GET", "/state?account=other", expect=404)


@pytest.mark.parametrize(
    "change",
    [
        {"duplicatePolicy": "maybe"},
        {"importMode": "later"},
        {"absentEndpoints": ["orders"]},
        {"deferredStatus": 201},
        {"lenientAuth": 1},
        {"recalculationSeconds": -1},
        {"ratePerSecond": 0},
        {"statusTexts": {"9": "x"}},
        {"autoProgress": {"speed": 0}},
        {"autoProgress": {"partialShare": 2}},
        {"autoProgress": {"partialShare": "often"}},
        {"autoProgress": {"speed": "fast"}},
        {"autoProgress": {"pickSeconds": None}},
        {"nonsense": 1},
    ],
)
def test_an_impossible_switch_is_refused(orderwise: Any, change: dict[str, Any]) -> None:
    before = orderwise.control("GET", "/settings")
    orderwise.control("PUT", "/settings", change, 400)
    assert orderwise.control("GET", "/settings") == before


def test_the_control_plane_may_ask_for_a_token_and_the_command_line_is_read() -> None:
    launch, host, port = launch_of(
        [
            *("--port", "0", "--username", "u", "--password", "p", "--application", "erp=live", "--lenient-auth"),
            *("--control-token", "key", "--settings", '{"tokenSeconds": 5}'),
        ]
    )
    assert (host, port, launch.settings) == ("127.0.0.1", 0, {"lenientAuth": True, "tokenSeconds": 5})
    with ThreadedServer(package.build_app(launch)) as root:
        assert requests.get(f"{root}/_sandbox/state", timeout=5).status_code == 403
        headers = {"X-Sandbox-Token": "key"}
        assert requests.get(f"{root}/_sandbox/state", headers=headers, timeout=5).status_code == 200
        assert requests.get(f"{root}/ERP/token/gettoken", auth=("u", "p"), timeout=5).status_code == 200
        assert requests.get(f"{root}/owapi/token/gettoken", auth=("u", "p"), timeout=5).status_code == 404
