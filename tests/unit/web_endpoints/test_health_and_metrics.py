from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from syncbridge.ledger import feeds


def tick(site: Any, ago: timedelta = timedelta(0)) -> None:
    with site.context.ledger.work() as work:
        feeds.claim_slot(work.connection, "sweep", 1, at=site.context.now() - ago)
        work.commit()


def make_overdue(site: Any, by: timedelta) -> None:
    due = (site.context.now() - by).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    with site.context.ledger.work() as work:
        work.connection.exec_driver_sql("UPDATE transmissions SET due_at = ?", (due,))
        work.commit()


def test_alive_needs_nothing(site: Any) -> None:
    site.lose_the_database()
    site.redis_answers = False
    assert site.client.get("/healthz").status_code == 200


def test_a_deployment_that_ticks_and_owes_nothing_is_moving(site: Any) -> None:
    tick(site)
    answer = site.client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json == {"status": "moving", "reasons": [], "redis": "reachable"}


def test_no_redis_is_told_but_is_no_reason(site: Any) -> None:
    tick(site)
    site.redis_answers = False
    answer = site.client.get("/readyz")
    assert (answer.status_code, answer.json["redis"]) == (200, "unreachable")


def test_a_scheduler_that_never_ticked_is_a_reason(site: Any) -> None:
    answer = site.client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json["reasons"] == ["the scheduler has never ticked"]


def test_a_scheduler_that_stopped_is_a_reason(site: Any) -> None:
    tick(site, timedelta(minutes=7))
    assert site.client.get("/readyz").json["reasons"] == ["the scheduler has not ticked for 7 minutes"]


def test_work_that_is_due_for_long_is_a_reason(site: Any, delegation: dict[str, Any]) -> None:
    tick(site)
    site.post("/scayle/scend/orders", delegation)
    assert site.client.get("/readyz").status_code == 200
    make_overdue(site, timedelta(minutes=31))
    assert site.client.get("/readyz").json["reasons"] == ["the oldest due write has waited for 31 minutes"]


def test_a_database_without_migrations_is_a_reason(site: Any) -> None:
    with site.context.ledger.work() as work:
        work.connection.exec_driver_sql("DELETE FROM alembic_version")
        work.commit()
    answer = site.client.get("/readyz")
    assert answer.status_code == 503
    assert "db upgrade" in answer.json["reasons"][0]


def test_a_database_newer_than_this_code_is_fine(site: Any) -> None:
    tick(site)
    with site.context.ledger.work() as work:
        work.connection.exec_driver_sql("UPDATE alembic_version SET version_num = 'from-the-future'")
        work.commit()
    assert site.client.get("/readyz").status_code == 200


def test_a_database_that_is_gone_is_a_reason_and_no_error(site: Any) -> None:
    site.lose_the_database()
    answer = site.client.get("/readyz")
    assert answer.status_code == 503
    assert "ledger" in answer.json["reasons"][0]


def metric(site: Any, name: str) -> list[str]:
    text = site.client.get("/metrics", headers={"Authorization": AUTHORIZATION}).text
    return [line for line in text.splitlines() if line.startswith(name)]


AUTHORIZATION = "Basic aW5ib3VuZC11c2VyOmluYm91bmQtd8O2cmQ="


def test_metrics_need_credentials(site: Any) -> None:
    assert site.client.get("/metrics").status_code == 401


def test_requests_are_counted_by_route_and_status_and_strangers_apart(
    site: Any, delegation: dict[str, Any]
) -> None:
    def count(line: str) -> float:
        return sum(float(found.rsplit(" ", 1)[1]) for found in metric(site, line))

    taken = 'syncbridge_http_requests_total{route="/scayle/<merchant>/orders",status="201"}'
    strangers = 'syncbridge_inbound_auth_failures_total{route="/scayle/<merchant>/orders"}'
    before = count(taken), count(strangers)
    site.post("/scayle/scend/orders", delegation)
    site.post("/scayle/scend/orders", delegation, Authorization="")
    assert (count(taken), count(strangers)) == (before[0] + 1, before[1] + 1)


def test_the_ledger_shows_in_the_metrics(site: Any, delegation: dict[str, Any]) -> None:
    site.post("/scayle/scend/orders", delegation)
    site.post("/scayle/nobody/orders", delegation)
    make_overdue(site, timedelta(minutes=10))
    assert metric(site, "syncbridge_ledger_up") == ["syncbridge_ledger_up 1.0"]
    (scheduled,) = metric(site, "syncbridge_writes_scheduled{")
    assert 'kind="order"' in scheduled
    assert 'state="pending"' in scheduled
    assert scheduled.endswith(" 1.0")
    (due,) = metric(site, "syncbridge_writes_due_seconds{")
    assert 600 <= float(due.rsplit(" ", 1)[1]) < 660
    assert any('kind="unknown_merchant"' in line for line in metric(site, "syncbridge_exceptions_open{"))


def test_metrics_outlive_the_database(site: Any) -> None:
    site.lose_the_database()
    assert metric(site, "syncbridge_ledger_up") == ["syncbridge_ledger_up 0.0"]


def test_paths_that_lead_nowhere_share_one_name(site: Any) -> None:
    for number in range(5):
        answer = site.client.get(f"/wp-admin/{number}")
        assert answer.status_code == 404
        assert answer.json["errorKey"] == "NOT_FOUND"
    assert len(metric(site, 'syncbridge_http_requests_total{route="unknown",status="404"}')) == 1


@pytest.mark.parametrize(
    ("given", "kept"), [("rq-9d1", True), ("a b", False), ("x" * 65, False), ("<script>", False), ("", False)]
)
def test_every_answer_has_a_request_id_and_keeps_a_plain_one(site: Any, given: str, kept: bool) -> None:
    answer = site.client.get("/healthz", headers={"X-Request-Id": given})
    assert (answer.headers["X-Request-Id"] == given) is kept
    assert answer.headers["X-Request-Id"]
    assert site.client.get("/no/such/page").headers["X-Request-Id"]


def test_the_wrong_method_names_the_right_one(site: Any) -> None:
    answer = site.client.get("/scayle/scend/orders")
    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]
    assert answer.json["errorKey"] == "METHOD_NOT_ALLOWED"


def test_a_body_is_never_logged(site: Any, delegation: dict[str, Any]) -> None:
    with capture_logs() as logs:
        site.post("/scayle/scend/orders", delegation)
        site.post("/scayle/nobody/orders", delegation)
        site.post("/scayle/scend/orders", b'{"email": "priya.okafor@example.com"')
    assert logs
    assert "okafor" not in str(logs).lower()
