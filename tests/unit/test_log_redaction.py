"""No secret and no personal data reaches a log line, by whatever name or depth, ours or a library's."""

from __future__ import annotations

import io
import json
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from syncbridge import log
from syncbridge.redaction import REDACTED, Redactor, is_private

NEEDLE = "Zweihänder7Qx"
"""A value that occurs nowhere else, and looks like nothing in particular."""

PRIVATE_NAMES = [
    "email", "customerEmail", "phone", "phoneNumber", "delivery_phone", "street", "streetHouseNumber", "firstName", "last_name",
    "recipientName", "postcode", "zipCode", "deliveryAddress", "billing_address", "line1", "city", "company", "recipient",
    "password", "SCAYLE_INBOUND_PASSWORD", "X-Access-Token", "scend_api_token", "Authorization", "webhook_secret", "api-key",
    "Set-Cookie", "FLOWER_BASIC_AUTH", "DATABASE_URL", "webhook-signature", "body", "raw_body", "payload", "headers",
]  # fmt: skip
HARMLESS_NAMES = [
    "order", "order_id", "merchant", "transmission", "vendor_request_id", "sku", "flow", "status", "attempt", "reference",
    "carrier", "seconds", "tokens", "count", "warehouse", "company_id", "name",
]  # fmt: skip

private_names = st.sampled_from(PRIVATE_NAMES).flatmap(
    lambda name: st.sampled_from([name, name.upper(), name.lower(), name.replace("_", "-"), f"old_{name}"])
)
names = st.one_of(st.sampled_from(HARMLESS_NAMES), st.text(min_size=1, max_size=12))
leaves = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=20))
documents = st.recursive(
    leaves, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(names, inner, max_size=3)), max_leaves=8
)
secret_values = st.one_of(
    st.just(NEEDLE),
    st.lists(st.just(NEEDLE), min_size=1, max_size=2),
    st.dictionaries(st.sampled_from(["name", "x"]), st.just(NEEDLE), min_size=1),
)


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Lines of the real pipeline; what was configured before comes back."""
    root, before = logging.getLogger(), [*logging.getLogger().handlers]
    level, configured = root.level, structlog.get_config()
    written = io.StringIO()
    log.configure("json", "DEBUG", stream=written, secrets=["hunter2-hunter2"])
    yield written
    root.handlers[:] = before
    root.setLevel(level)
    structlog.configure(**configured)
    log.forget_context()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


@given(private_names, secret_values, documents, st.lists(st.one_of(names, st.integers(0, 2)), max_size=6))
def test_a_private_name_hides_its_value_at_any_depth(
    name: str, secret: Any, beside: Any, path: list[str | int]
) -> None:
    document: Any = {name: secret, "beside": beside}
    for step in path:
        document = {step: document, "x": 1} if isinstance(step, str) else [*[beside] * step, document]
    shown = json.dumps(Redactor().value(document), ensure_ascii=False, default=str)
    assert NEEDLE not in shown
    assert REDACTED in shown


@given(documents)
def test_what_is_not_private_stays_as_it_is(document: Any) -> None:
    """Names from the harmless list only: numbers, ids and words are still there."""

    def named_harmlessly(value: Any) -> Any:
        if isinstance(value, dict):
            return {HARMLESS_NAMES[place]: named_harmlessly(entry) for place, entry in enumerate(value.values())}
        if isinstance(value, list):
            return [named_harmlessly(entry) for entry in value]
        return "word" if isinstance(value, str) else value

    plain = named_harmlessly(document)
    assert Redactor().value(plain) == plain


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=60), st.text(max_size=40))
def test_redaction_never_fails_on_any_text_and_can_be_repeated(before: str, after: str) -> None:
    redactor = Redactor(["hunter2-hunter2"])
    once = redactor.text(f"{before} hunter2-hunter2 {after}")
    assert "hunter2-hunter2" not in once
    assert redactor.text(redactor.text(once)) == redactor.text(once)


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: Bearer {'a1B2' * 8}{NEEDLE[-3:]}",
        f"GET https://inbound:{NEEDLE}@bridge.example/scayle/x failed",
        f"redis://:{NEEDLE}@127.0.0.1:6379/0",
        f"postgresql+psycopg://bridge:{NEEDLE}@db/bridge",
        "Basic dXNlcjpaN1F4",
        f"retry with access_token={NEEDLE}&page=2",
        f'{{"api_key": "{NEEDLE}", "sku": "A"}}',
        f"{{'firstName': '{NEEDLE}', 'sku': 'A'}}",
        f'{{"deliveryAddress": {{"name": "{NEEDLE}"}}}}',
        f'... "lastName": "{NEEDLE} the answer was cut he',
        "write to zweihander7Qx@example.com now",
        "GET /customers?filters[email]=zweihander7Qx%40example.com",
        f"(psycopg.errors.UniqueViolation) DETAIL:  Key (email)=({NEEDLE}) already exists.",
        f"[SQL: INSERT INTO orders VALUES (?)] [parameters: ('{NEEDLE}',)]",
        "signed with whsec_WndlaWjDpG5kZXI3UXg=",
    ],
)
def test_what_looks_like_a_secret_or_a_person_is_taken_out_of_texts(text: str) -> None:
    shown = Redactor().text(text) if not text.startswith('{"d') else Redactor().value(text)
    assert REDACTED in str(shown)
    for hidden in (NEEDLE, "zweihander7Qx", "dXNlcjpaN1F4", "a1B2a1B2", "WndlaW"):
        assert hidden not in str(shown)


@pytest.mark.parametrize("name", HARMLESS_NAMES)
def test_ids_and_counts_are_not_private(name: str) -> None:
    assert not is_private(name)


def test_a_step_of_the_ledger_is_shown_and_a_county_is_not() -> None:
    assert Redactor().named("state", "acknowledged") == "acknowledged"
    assert Redactor().named("state", "Norfolk") == REDACTED


def test_objects_are_reduced_to_their_type() -> None:
    @dataclass(frozen=True)
    class Shopper:
        nickname: str

    assert Redactor().value({"who": Shopper(NEEDLE)}) == {"who": "<Shopper>"}
    assert Redactor().value(NEEDLE.encode()) == f"<{len(NEEDLE.encode())} bytes>"


def test_containers_that_contain_themselves_end() -> None:
    ring: list[Any] = []
    ring.append({"again": ring})
    assert Redactor().value(ring) == [{"again": REDACTED}]


def test_an_excerpt_of_an_answer_keeps_codes_and_hides_people() -> None:
    answer = {"error": {"code": "FIELD_TOO_LONG", "field": "deliveryAddress.line1"}, "recipientName": NEEDLE}
    shown = Redactor().excerpt(json.dumps(answer).encode())
    assert "FIELD_TOO_LONG" in shown
    assert NEEDLE not in shown
    assert len(Redactor().excerpt("x" * 10_000, longest=80)) == 80


@pytest.mark.parametrize("unit", ["x", "password", '"', "a@", "'a': ", "https://", "%40", " ", "secret="])
def test_a_long_text_costs_little_time(unit: str) -> None:
    began = time.thread_time()
    assert len(Redactor().text(unit * 100_000)) < 60_000
    assert time.thread_time() - began < 2


def test_our_own_lines_are_redacted_and_carry_the_context(stream: io.StringIO) -> None:
    logger = structlog.get_logger("syncbridge.test")
    with log.context(order=7041983, merchant="scend", transmission=None):
        logger.info("order pushed", recipient_name=NEEDLE, nested=[{"email": NEEDLE, "sku": "A"}], note="hunter2-hunter2")
    logger.info("afterwards")
    pushed, after = lines(stream)
    assert NEEDLE not in stream.getvalue()
    assert "hunter2" not in stream.getvalue()
    assert (pushed["order"], pushed["merchant"], pushed["event"]) == (7041983, "scend", "order pushed")
    assert pushed["nested"] == [{"email": REDACTED, "sku": "A"}]
    assert "transmission" not in pushed
    assert "order" not in after


@pytest.mark.parametrize("name", ["celery.app.trace", "gunicorn.error", "sqlalchemy.engine", "some.library"])
def test_lines_of_libraries_go_through_the_same_pipeline(stream: io.StringIO, name: str) -> None:
    with log.context(order=5):
        logging.getLogger(name).warning("refused %s at https://u:%s@host", "Bearer abcdefgh", NEEDLE)
    (line,) = lines(stream)
    assert line["logger"] == name
    assert line["level"] == "warning"
    assert line["order"] == 5
    assert NEEDLE not in line["event"]
    assert "abcdefgh" not in line["event"]


def test_the_text_of_an_exception_is_redacted_too(stream: io.StringIO) -> None:
    class Address(BaseModel):
        line1: int

    try:
        Address.model_validate({"line1": NEEDLE})
    except ValidationError as error:
        structlog.get_logger("syncbridge.test").exception("mapping failed", error=error)
        logging.getLogger("celery").exception("task failed")
    ours, theirs = lines(stream)
    assert "Traceback" in ours["exception"]
    assert "Traceback" in theirs["exception"]
    shown = json.dumps([ours, theirs], ensure_ascii=False)
    assert f"'{NEEDLE}'" not in shown
    assert "line1" in shown


def test_strange_characters_stay_one_line(stream: io.StringIO) -> None:
    structlog.get_logger("x").info("received", text="a\nb\x00c\u2028d\ud800")
    assert len(stream.getvalue().split("\n")) == 2
    assert lines(stream)[0]["text"] == "a\nb\x00c\u2028d\ud800"


def test_a_terminal_gets_words_and_the_same_redaction() -> None:
    written = io.StringIO()
    before = [*logging.getLogger().handlers]
    try:
        log.configure("console", "INFO", stream=written)
        structlog.get_logger("x").info("order pushed", email=NEEDLE, order=5)
        structlog.get_logger("x").debug("not shown")
    finally:
        logging.getLogger().handlers[:] = before
        structlog.reset_defaults()
    assert "order pushed" in written.getvalue()
    assert NEEDLE not in written.getvalue()
    assert "not shown" not in written.getvalue()


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(ValueError, match="LOUD"):
        log.configure("json", "LOUD")
