"""Signing in to the console: who gets in, for how long, and what is told to whom."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from console_story import OPERATOR, PASSWORD, VIEWER, Browser, entries, with_console
from structlog.testing import capture_logs

from syncbridge.config import Configuration
from syncbridge.flows.context import Context
from syncbridge.web.app import create_app
from syncbridge.web.console import people
from syncbridge.web.console.people import signing_key
from syncbridge.web.parts import Parts

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
Open = Callable[..., Browser]


@pytest.fixture
def console(settings: Configuration, context: Context) -> Open:
    def opened(users: str | None = None, **changes: Any) -> Browser:
        used = with_console(settings, users, **changes)
        return Browser(create_app(Parts(lambda: context, lambda: used, lambda: False)).test_client())

    return opened


def is_inside(browser: Browser) -> bool:
    return browser.get("/returns").status_code == 200 and browser.path == "/console/returns"


# ---- getting in


def test_a_stranger_is_led_to_the_sign_in_page_and_back_to_where_they_wanted(console: Open) -> None:
    browser = console()
    browser.get("/returns?state=closed")
    assert browser.path.startswith("/console/sign-in?next=")
    browser.send("/sign-in", {"name": OPERATOR, "password": PASSWORD})
    assert browser.path == "/console/returns?state=closed"
    assert OPERATOR in browser.text


@pytest.mark.parametrize("name", [OPERATOR.upper(), f"  {OPERATOR} ", VIEWER])
def test_names_are_told_apart_without_regard_to_case(console: Open, name: str) -> None:
    browser = console()
    browser.sign_in(name)
    assert is_inside(browser)


@pytest.mark.parametrize(("name", "password"), [(OPERATOR, "wrong"), ("nobody", PASSWORD), ("nobody", "wrong")])
def test_a_wrong_name_and_a_wrong_password_get_the_same_answer(console: Open, name: str, password: str) -> None:
    browser = console()
    answer = browser.sign_in(name, password)
    assert answer.status_code == 401
    expected = console()
    expected.sign_in(OPERATOR, "also wrong")
    assert without_what_differs(browser.text, name) == without_what_differs(expected.text, OPERATOR)
    assert not is_inside(browser)


def without_what_differs(text: str, name: str) -> str:
    return re.sub(r'name="csrf_token"[^>]*>', "", text).replace(name, "NAME")


def test_a_strangers_password_is_compared_too_so_that_time_tells_nothing(
    console: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared = []
    monkeypatch.setattr(people, "check_password_hash", lambda known, _given: compared.append(known) or False)
    console().sign_in("nobody", PASSWORD)
    assert len(compared) == 1


def test_the_right_password_of_somebody_else_does_not_let_a_stranger_in(console: Open) -> None:
    browser = console()
    assert browser.sign_in("nobody").status_code == 401
    assert not is_inside(browser)


@pytest.mark.parametrize("fields", [{"name": "", "password": PASSWORD}, {"name": OPERATOR, "password": ""}])
def test_an_empty_field_is_named(console: Open, fields: dict[str, str]) -> None:
    browser = console()
    browser.get("/sign-in")
    assert browser.send("/sign-in", fields).status_code == 400
    assert "Give your" in browser.text


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example/console/",
        "/\\evil.example",
        "/console/\\evil.example",
        "/console//../../evil",
        "/console/../healthz",
        "javascript:alert(1)",
        "/healthz",
        "/consolevil/",
        "http:///console/",
        "\thttps://evil.example",
        "/console/\r\nSet-Cookie: a=b",
        "https://[",
    ],
)
def test_nobody_is_sent_elsewhere_after_signing_in(console: Open, target: str) -> None:
    browser = console()
    browser.get("/sign-in")
    answer = browser.send(
        "/sign-in", {"name": OPERATOR, "password": PASSWORD, "next": target}, follow_redirects=False
    )
    assert (answer.status_code, answer.headers["Location"]) == (303, "/console/")


def test_whoever_is_signed_in_needs_no_sign_in_page(console: Open) -> None:
    browser = console()
    browser.sign_in()
    browser.get("/sign-in")
    assert browser.path == "/console/"


def test_no_page_but_signing_in_is_open_to_strangers(console: Open) -> None:
    browser = console()
    rules = [
        ("GET", "/"),
        ("GET", "/returns"),
        ("GET", "/returns/RMA-1"),
        ("GET", "/orders/1"),
        ("GET", "/orders/1/announce"),
        ("GET", "/nothing-here"),
    ]
    for method, path in rules:
        answer = browser.client.open(f"/console{path}", method=method)
        assert (answer.status_code, answer.headers["Location"].partition("?")[0]) == (303, "/console/sign-in"), path


# ---- too many attempts


def test_after_five_wrong_attempts_even_the_right_password_waits(console: Open) -> None:
    browser = console()
    with time_machine.travel(NOON, tick=False) as clock:
        assert [browser.sign_in(OPERATOR, f"wrong {n}").status_code for n in range(5)] == [401] * 5
        answer = browser.sign_in()
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "300")
        assert "Too many attempts" in browser.text
        clock.shift(timedelta(minutes=5, seconds=1))
        assert browser.sign_in().status_code == 200
        assert is_inside(browser)


def test_a_right_password_takes_its_attempts_back(console: Open) -> None:
    browser = console()
    with time_machine.travel(NOON, tick=False):
        for _day in range(3):
            assert [browser.sign_in(OPERATOR, "wrong").status_code for _ in range(4)] == [401] * 4
            assert browser.sign_in().status_code == 200
            browser.send("/sign-out")


def test_somebody_elses_guesses_do_not_lock_a_person_out(console: Open) -> None:
    browser = console()
    with time_machine.travel(NOON, tick=False):
        for _ in range(6):
            browser.sign_in(OPERATOR, "wrong")
        browser.get("/sign-in")
        fields = {"name": OPERATOR, "password": PASSWORD}
        there = browser.send("/sign-in", fields, environ_overrides={"REMOTE_ADDR": "192.0.2.7"})
        assert there.status_code == 200


def test_one_address_may_not_try_many_names(console: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people, "check_password_hash", lambda _known, _given: False)
    browser = console()
    with time_machine.travel(NOON, tick=False):
        answers = [browser.sign_in(f"name-{n}", "wrong").status_code for n in range(101)]
    assert answers == [401] * 100 + [429]


def test_attempts_are_counted_in_redis_for_all_processes_and_name_nobody(console: Open, redis_url: str) -> None:
    from redis import Redis

    first, second = console(redis_url=redis_url), console(redis_url=redis_url)
    with time_machine.travel(datetime.now(UTC), tick=False):
        assert [first.sign_in(OPERATOR, "wrong").status_code for _ in range(5)] == [401] * 5
        assert second.sign_in().status_code == 429
    client = Redis.from_url(redis_url)
    keys = [key.decode() for key in client.keys("*")]
    assert keys
    assert all(key.startswith("syncbridge:sign-in") for key in keys)
    assert not [key for key in keys if OPERATOR.casefold() in key.casefold() or "127.0.0.1" in key]
    assert all(0 < client.ttl(key) <= 300 for key in keys)
    client.close()


def test_more_passwords_than_turns_are_refused_and_not_queued_for_ever(
    console: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(people, "AT_ONCE", 0)
    monkeypatch.setattr(people, "PATIENCE_SECONDS", 0.01)
    answer = console().sign_in()
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")


# ---- staying in


def test_eight_hours_without_use_sign_out(console: Open) -> None:
    browser = console()
    with time_machine.travel(NOON, tick=False) as clock:
        browser.sign_in()
        clock.shift(timedelta(hours=7, minutes=59))
        assert is_inside(browser)
        clock.shift(timedelta(hours=3, minutes=59))
        assert is_inside(browser)
    with time_machine.travel(NOON, tick=False) as clock:
        browser = console()
        browser.sign_in()
        clock.shift(timedelta(hours=8, seconds=1))
        assert not is_inside(browser)
        assert "You were signed out" in browser.text


def test_twelve_hours_sign_out_whoever_was_busy_all_the_time(console: Open) -> None:
    browser = console()
    with time_machine.travel(NOON, tick=False) as clock:
        browser.sign_in()
        for _hour in range(11):
            clock.shift(timedelta(hours=1))
            assert is_inside(browser)
        clock.shift(timedelta(hours=1, seconds=1))
        assert not is_inside(browser)


def test_signing_out_is_a_post_and_ends_the_session(console: Open) -> None:
    browser = console()
    browser.sign_in()
    assert browser.client.get("/console/sign-out").status_code in (404, 405)
    assert is_inside(browser)
    browser.send("/sign-out")
    assert "You are signed out." in browser.text
    assert not is_inside(browser)


def test_a_changed_password_signs_everybody_out(console: Open) -> None:
    before = console()
    before.sign_in()
    cookie = before.client.get_cookie("syncbridge_console", path="/console")
    assert cookie is not None
    after = console(entries(carla="viewer"))
    after.client.set_cookie("syncbridge_console", cookie.value, path="/console")
    assert not is_inside(after)


def test_all_processes_have_the_same_key_and_it_tells_nothing_of_the_text(console: Open) -> None:
    text = entries()
    assert signing_key(text) == signing_key(text)
    assert signing_key(text) != signing_key(text + " ")
    assert len(signing_key(text)) == 32


def test_a_session_of_somebody_who_was_removed_is_worth_nothing(console: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = console()
    browser.sign_in()
    monkeypatch.setattr(people.People, "find", lambda _self, _name: None)
    assert not is_inside(browser)


def test_a_forged_cookie_is_worth_nothing(console: Open) -> None:
    from flask import Flask
    from flask.sessions import SecureCookieSessionInterface

    forger = Flask("forger")
    forger.secret_key = b"guessed"
    signer = SecureCookieSessionInterface().get_signing_serializer(forger)
    assert signer is not None
    browser = console()
    forged = signer.dumps({"_user_id": OPERATOR, "began": 9e9, "seen": 9e9})
    browser.client.set_cookie("syncbridge_console", forged, path="/console")
    assert not is_inside(browser)


# ---- forms and headers


def test_a_form_without_its_token_is_refused(console: Open) -> None:
    browser = console()
    with capture_logs() as lines:
        answer = browser.post("/sign-in", {"name": OPERATOR, "password": PASSWORD})
    assert answer.status_code == 400
    assert "no longer valid" in answer.text
    assert [line["event"] for line in lines if line["log_level"] == "warning"] == ["console_form_refused"]
    browser.sign_in()
    for path in ("/sign-out", "/find", "/returns", "/orders/1/announce", "/returns/RMA-1/receipts/1"):
        assert browser.post(path, {"csrf_token": "made-up"}).status_code == 400
    assert is_inside(browser)


def test_a_token_of_another_session_is_refused(console: Open) -> None:
    first, second = console(), console()
    first.sign_in()
    second.sign_in(VIEWER)
    first.get("/returns")
    assert second.post("/sign-out", {"csrf_token": first.token}).status_code == 400


def test_pages_keep_everything_from_elsewhere_out(console: Open) -> None:
    browser = console()
    browser.sign_in()
    for answer in (browser.get("/"), browser.get("/orders/1"), console().get("/sign-in")):
        headers = answer.headers
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert "script-src" not in headers["Content-Security-Policy"]
        assert (headers["X-Frame-Options"], headers["X-Content-Type-Options"]) == ("DENY", "nosniff")
        assert headers["Cache-Control"] == "no-store"
        assert headers["Referrer-Policy"] == "same-origin"
    for page in (browser.text, console().get("/sign-in").text):
        assert "<script" not in page
        assert " style=" not in page
        assert not re.findall(r'(?:src|href|action)="(?!/console/)[^"]*"', page)


def test_the_stylesheet_may_be_kept_and_sets_no_cookie(console: Open) -> None:
    browser = console()
    address = re.findall(r'href="([^"]+console\.css[^"]*)"', browser.get("/sign-in").text)[0]
    with console().client.get(address) as answer:
        assert answer.status_code == 200
        assert answer.content_type.startswith("text/css")
        assert "max-age" in answer.headers["Cache-Control"]
        assert "Set-Cookie" not in answer.headers


def test_the_cookie_is_the_consoles_alone(console: Open) -> None:
    answer = console().client.get("/console/sign-in")
    (cookie,) = answer.headers.getlist("Set-Cookie")
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Path=/console" in cookie
    assert "Secure" not in cookie


def test_the_cookie_is_secure_where_the_request_is(console: Open) -> None:
    (cookie,) = console().client.get("/console/sign-in", base_url="https://bridge.example").headers.getlist("Set-Cookie")
    assert "; Secure" in cookie


@pytest.mark.parametrize(("proxies", "secure"), [(0, False), (1, True)])
def test_a_proxys_word_counts_only_as_configured(console: Open, proxies: int, secure: bool) -> None:
    browser = console(proxies=proxies)
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.7"}
    (cookie,) = browser.client.get("/console/sign-in", headers=headers).headers.getlist("Set-Cookie")
    assert ("; Secure" in cookie) is secure


def test_behind_a_proxy_each_address_has_its_own_attempts(console: Open) -> None:
    browser = console(proxies=1)
    with time_machine.travel(NOON, tick=False):
        for number, expected in ((1, 429), (2, 200)):
            for _ in range(5 if number == 1 else 0):
                browser.get("/sign-in")
                browser.send("/sign-in", {"name": OPERATOR, "password": "wrong"}, headers={"X-Forwarded-For": "192.0.2.1"})
            browser.get("/sign-in")
            fields = {"name": OPERATOR, "password": PASSWORD}
            answer = browser.send("/sign-in", fields, headers={"X-Forwarded-For": f"192.0.2.{number}"})
            assert answer.status_code == expected


# ---- what is written down


def test_the_log_names_users_and_never_what_was_typed(console: Open) -> None:
    browser = console()
    with capture_logs() as lines:
        browser.sign_in(OPERATOR, "a secret guess")
        browser.sign_in("hunter2 in the wrong field", "x")
        browser.sign_in()
        browser.send("/sign-out")
    ours = [(line["event"], line["user"]) for line in lines if line["event"].startswith("console_")]
    assert ours == [
        ("console_sign_in_failed", OPERATOR),
        ("console_sign_in_failed", "unknown"),
        ("console_signed_in", OPERATOR),
        ("console_signed_out", OPERATOR),
    ]
    text = repr(lines)
    assert "guess" not in text
    assert "hunter2" not in text
    assert PASSWORD not in text
    assert {line["route"] for line in lines if line["event"] == "request"} >= {"/console/sign-in", "/console/sign-out"}


# ---- vendors and switching it on


def test_vendor_endpoints_know_nothing_of_cookies_and_forms(site: Any, delegation: dict[str, Any]) -> None:
    answer = site.post("/scayle/scend/orders", delegation)
    assert answer.status_code == 201
    for one in (answer, site.client.get("/nothing-here"), site.client.get("/healthz")):
        assert "Set-Cookie" not in one.headers
        assert "Content-Security-Policy" not in one.headers
        assert one.content_type == "application/json"


def test_without_users_every_page_says_how_to_switch_it_on(console: Open) -> None:
    browser = console("")
    for path in ("/", "/sign-in", "/returns", "/nothing-here"):
        answer = browser.client.get(f"/console{path}")
        assert answer.status_code == 503
        assert "syncbridge console user" in answer.text
        assert "CONSOLE_USERS" in answer.text
        assert "Set-Cookie" not in answer.headers
    assert browser.client.post("/console/sign-in", data={"name": "x"}).status_code == 503
    with browser.client.get("/console/static/console.css") as style:
        assert style.status_code == 200


def test_the_address_without_its_slash_leads_in(console: Open) -> None:
    browser = console()
    answer = browser.client.get("/console", follow_redirects=True)
    assert answer.status_code == 200
    assert "Sign in" in answer.text


# ---- when something is not there


def test_what_is_not_found_is_said_in_the_consoles_look(console: Open) -> None:
    browser = console()
    browser.sign_in()
    for path in ("/nothing-here", "/orders/1", "/returns/RMA-1", "/orders/99999999999999999999999", "/orders/1/announce"):
        assert browser.get(path).status_code == 404, path
        assert "<html" in browser.text
        assert "Sign out" in browser.text
    assert browser.get("/orders/1").text.count("No order 1 is known here") == 1


def test_what_was_searched_for_stands_in_no_address(console: Open) -> None:
    browser = console()
    browser.sign_in()
    browser.get("/returns")
    answer = browser.send("/find", {"text": "zoe.nwosu@example.com"})
    assert answer.status_code == 404
    assert "zoe.nwosu" not in browser.path


def test_a_script_in_what_was_typed_stays_text(console: Open) -> None:
    browser = console()
    browser.sign_in()
    browser.get("/returns")
    browser.send("/find", {"text": "<script>alert(1)</script>"})
    assert "<script" not in browser.text
    assert "&lt;script&gt;" in browser.text


def test_a_database_that_is_gone_is_said_kindly(console: Open, site: Any) -> None:
    browser = console()
    browser.sign_in()
    site.lose_the_database()
    answer = browser.get("/returns")
    assert answer.status_code == 503
    assert "The database does not answer" in answer.text
    assert "sqlite" not in answer.text.casefold()


def test_a_fault_of_ours_shows_nothing_of_itself(console: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    from syncbridge.reports import return_desk

    def broken(*_: object) -> object:
        raise RuntimeError("secret detail")

    browser = console()
    browser.sign_in()
    monkeypatch.setattr(return_desk, "open_counts", broken)
    with capture_logs() as lines:
        answer = browser.get("/")
    assert answer.status_code == 500
    assert "secret detail" not in answer.text
    assert "secret detail" not in repr(lines)
    assert [line["error"] for line in lines if line["event"] == "request_failed"] == ["RuntimeError"]


def test_a_form_that_is_far_too_large_is_refused_unread(console: Open) -> None:
    class Unread(io.BytesIO):
        def read(self, *_: Any) -> bytes:
            raise AssertionError("the body was read")

    answer = console().client.post(
        "/console/sign-in",
        environ_overrides={"wsgi.input": Unread(), "CONTENT_LENGTH": "300000"},
        content_type="application/x-www-form-urlencoded",
    )
    assert answer.status_code == 413
    assert "larger than any order" in answer.text


def test_a_sender_who_takes_too_long_does_not_keep_a_thread(console: Open) -> None:
    class Slow(io.BytesIO):
        def read(self, *_: Any) -> bytes:
            raise TimeoutError

    answer = console().client.post(
        "/console/sign-in",
        environ_overrides={"wsgi.input": Slow(), "CONTENT_LENGTH": "100"},
        content_type="application/x-www-form-urlencoded",
    )
    assert answer.status_code in (400, 408)
    assert "Nothing was changed" in answer.text


def test_a_form_without_a_length_is_refused(console: Open) -> None:
    answer = console().client.post("/console/sign-in", headers={"Transfer-Encoding": "chunked"})
    assert answer.status_code in (400, 411)
