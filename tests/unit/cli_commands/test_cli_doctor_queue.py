"""`syncbridge doctor` and `syncbridge queue status`: is anything wrong, and what waits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import redis
from cli_story import ACCOUNT, Run, Story

from syncbridge import bootstrap
from syncbridge.cli import examination, running_checks
from syncbridge.cli.finding import Verdict
from syncbridge.cli.vendor_checks import vendors
from syncbridge.coordination.doorbell import CeleryDoorbell
from syncbridge.domain.errors import Busy, CallEvidence, Misconfigured, OutcomeUnknown
from syncbridge.ledger import feeds
from syncbridge.ledger.engine import Ledger
from syncbridge.ports.answers import Health


def verdicts(document: Any) -> dict[str, str]:
    """The worst verdict per check."""
    order = ["ok", "warning", "trouble"]
    worst: dict[str, str] = {}
    for one in document["findings"]:
        worst[one["check"]] = max(worst.get(one["check"], "ok"), one["verdict"], key=order.index)
    return worst


def test_the_doctor_names_everything_that_does_not_answer(run: Run, ledger: Ledger, configured: Path) -> None:
    answer = run("doctor", "--json")
    assert answer.code == 1
    found = verdicts(answer.json)
    assert found["packages"] == found["database"] == found["migrations"] == "ok"
    assert found["redis"] == found["scayle"] == found["scend"] == "trouble"
    for one in answer.json["findings"]:
        assert one["verdict"] != "trouble" or one["way_out"], one
    assert "redis-word" not in answer.out


def test_the_doctor_prints_a_line_per_check_with_the_way_out(run: Run, ledger: Ledger, configured: Path) -> None:
    answer = run("doctor")
    assert answer.code == 1
    assert "trouble  redis: redis://:***@127.0.0.1:1/0 does not answer" in answer.out
    assert "         -> Check REDIS_URL" in answer.out
    assert "Traceback" not in answer.out + answer.err


def test_the_doctor_goes_on_without_a_configuration_and_without_a_database(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path / 'none.sqlite3'}")
    answer = run("doctor", "--json")
    assert answer.code == 1
    found = verdicts(answer.json)
    assert found["configuration"] == found["database"] == found["redis"] == "trouble"


@pytest.fixture
def no_vendors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the vendors out, where they are not what the test is about."""
    monkeypatch.setattr(examination, "vendors", lambda _context: iter(()))
    monkeypatch.setattr(running_checks, "ASK_WORKERS_SECONDS", 0.1)


@pytest.mark.usefixtures("ledger", "configured", "no_vendors")
def test_with_redis_the_doctor_looks_at_eviction_persistence_and_workers(
    run: Run, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", redis_url)
    found = verdicts(run("doctor", "--json").json)
    assert found["redis"] == found["redis eviction"] == found["queues"] == "ok"
    assert found["redis persistence"] == "warning"
    assert found["workers"] == "trouble"


@pytest.mark.usefixtures("configured", "no_vendors")
def test_an_evicting_redis_is_trouble_once_it_has_a_limit(
    run: Run, ledger: Ledger, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", redis_url)
    with redis.Redis.from_url(redis_url) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        try:
            assert verdicts(run("doctor", "--json").json)["redis eviction"] == "warning"
            client.config_set("maxmemory", "200mb")
            assert verdicts(run("doctor", "--json").json)["redis eviction"] == "trouble"
        finally:
            client.config_set("maxmemory", "0")
            client.config_set("maxmemory-policy", "noeviction")


class Vendor:
    """Answers with a health, or fails as told."""

    def __init__(self, *answers: Health | Exception, carriers: frozenset[str] = frozenset({"ROYALMAIL_GB"})) -> None:
        self._answers = list(answers)
        self._carriers = carriers

    def health(self) -> Health:
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def carriers(self) -> frozenset[str]:
        return self._carriers


def examined(configuration: Any, shop: Vendor, backend: Vendor, name: str = "scend") -> dict[str, Any]:
    context: Any = SimpleNamespace(
        now=lambda: datetime.now(UTC), sleep=lambda _s: None, shop=shop, backends={name: backend},
        configuration=configuration,
    )  # fmt: skip
    return {finding.check: finding for finding in vendors(context)}


@pytest.fixture
def settings(configured: Path) -> Any:
    return bootstrap.configuration()


def test_a_clock_that_is_far_off_is_trouble(settings: Any) -> None:
    here = Health("fine", server_time=datetime.now(UTC) - timedelta(seconds=20))
    there = Health("fine", server_time=datetime.now(UTC) + timedelta(seconds=45))
    found = examined(settings, Vendor(here), Vendor(there))
    assert found["scayle clock"].verdict is Verdict.OK
    assert found["scend clock"].verdict is Verdict.TROUBLE
    assert "s behind it" in found["scend clock"].text


def test_refused_credentials_name_the_secret_and_a_silent_vendor_loses_nothing(settings: Any) -> None:
    refused = Misconfigured("not accepted", CallEvidence("scend", "ping", 401))
    silent = OutcomeUnknown("no answer", CallEvidence("scayle", "warehouses"))
    found = examined(settings, Vendor(silent), Vendor(refused))
    assert "SCEND_API_TOKEN" in found["scend"].way_out
    assert "Nothing is lost" in found["scayle"].way_out
    assert "carriers" not in found


def test_orderwise_is_examined_like_any_other_back_end(settings: Any) -> None:
    warned = Health("acme, session 12", warnings=("it has no stock location 5",))
    found = examined(settings, Vendor(Health("fine")), Vendor(warned), "orderwise")["orderwise"]
    assert (found.verdict, found.text) == (Verdict.WARNING, "it has no stock location 5")
    assert "orderwise.maps" in found.way_out
    refused = Misconfigured("not accepted", CallEvidence("orderwise", "get token", 401))
    found = examined(settings, Vendor(Health("fine")), Vendor(refused), "orderwise")["orderwise"]
    assert "ORDERWISE_USERNAME" in found.way_out and "orderwise.base_url" in found.way_out


def test_the_doctor_waits_for_its_turn_once(settings: Any) -> None:
    busy = Busy("the quota has nothing left", timedelta(seconds=1))
    found = examined(settings, Vendor(busy, Health("fine")), Vendor(busy, busy))
    assert found["scayle"].verdict is Verdict.OK
    assert found["scend"].verdict is Verdict.TROUBLE
    assert "queue status" in found["scend"].way_out


def test_carriers_that_scayle_lacks_are_named_with_their_key(settings: Any) -> None:
    found = examined(settings, Vendor(Health("fine"), carriers=frozenset({"DHL"})), Vendor(Health("fine")))
    assert found["carriers"].verdict is Verdict.TROUBLE
    assert "merchants[0].carrier_map.ROYAL_MAIL" in found["carriers"].text
    assert "service_map.ROYALMAIL_GB" in found["services"].text


def test_vendors_warnings_and_degraded_reading_are_shown(settings: Any) -> None:
    scayle = settings.scayle.model_copy(update={"order_reading": False})
    degraded = SimpleNamespace(scayle=scayle, merchants=settings.merchants)
    warned = Health("fine", warnings=("the token lacks orders:write",))
    found = examined(degraded, Vendor(Health("fine")), Vendor(warned))
    assert found["order reading"].verdict is Verdict.WARNING
    assert found["scend"].text == "the token lacks orders:write"


@pytest.mark.parametrize(("age", "verdict"), [(timedelta(seconds=5), "ok"), (timedelta(minutes=5), "trouble")])
@pytest.mark.usefixtures("configured", "no_vendors")
def test_a_scheduler_that_stopped_ticking_is_trouble(run: Run, ledger: Ledger, age: timedelta, verdict: str) -> None:
    with ledger.work() as work:
        feeds.claim_slot(work.connection, "sweep", 1, at=datetime.now(UTC) - age)
        work.commit()
    assert verdicts(run("doctor", "--json").json)["scheduler"] == verdict


@pytest.mark.usefixtures("configured")
def test_the_queue_status_shows_ledger_and_redis(
    run: Run, story: Story, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", redis_url)
    for order_id in (7, 8):
        story.order(order_id, at=datetime.now(UTC) - timedelta(minutes=3))
    story.invalid(8, at=datetime.now(UTC))
    CeleryDoorbell.to(redis_url, bootstrap.QUEUES).ring("order_push", ACCOUNT, 7)
    document = run("queue", "status", "--json").json
    assert document["queues"]["orders"] == 1
    (row,) = document["due"]
    assert (row["target"], row["kind"], row["due"], row["parked"]) == (ACCOUNT, "order", 1, 1)
    assert list(document) == ["redis", "queues", "taken", "due", "feeds", "quotas", "circuits"]
    out = run("queue", "status").out
    assert "3m 0" in out
    assert "(taken by workers)" in out


@pytest.mark.usefixtures("configured", "ledger")
def test_quotas_and_circuits_are_readable(run: Run, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", redis_url)
    context = bootstrap.context()
    context.quota.learn("scend", "account", bootstrap._known_quotas(context.configuration)["scend", "account"])
    from syncbridge.coordination.breaker import RedisBreaker
    from syncbridge.coordination.redis_connection import RedisConnection

    RedisBreaker(RedisConnection.to(redis_url)).failed("scend", refused=True)
    document = run("queue", "status", "--json").json
    (quota,) = document["quotas"]
    assert (quota["system"], quota["scope"]) == ("scend", "account")
    assert quota["burst"] == pytest.approx(117, abs=1)
    (circuit,) = document["circuits"]
    assert circuit["system"] == "scend"
    assert circuit["open_seconds"] > 20
    assert "open, probe in" in run("queue", "status").out


@pytest.mark.usefixtures("configured", "ledger")
def test_without_redis_the_queue_status_still_shows_the_ledger(run: Run) -> None:
    answer = run("queue", "status")
    assert answer.code == 1
    assert "nothing is unfinished" in answer.out
    assert "Redis does not answer" in answer.err
