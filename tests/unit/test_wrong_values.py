"""Values that a person may well write into the configuration by mistake, and what they are told."""

from __future__ import annotations

import re
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from syncbridge.config import Configuration, ConfigurationFaults, describe, load, masked_url

EXAMPLE = Path(__file__).resolve().parents[2] / "deploy" / "syncbridge.example.toml"
SECRETS = {
    "SCAYLE_ACCESS_TOKEN": "scayle-access-key",
    "SCAYLE_INBOUND_USERNAME": "inbound-user",
    "SCAYLE_INBOUND_PASSWORD": "inbound-word",
    "SCEND_API_TOKEN": "scend-bearer",
    "ORDERWISE_USERNAME": "ow-user",
    "ORDERWISE_PASSWORD": "ow-word",
}


def faults_with(tmp_path: Path, *changes: tuple[str, str], **environment: str) -> list[str]:
    """Load the example with texts of it replaced, and return its faults; none where it is right."""
    text = EXAMPLE.read_text(encoding="utf-8")
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    file = tmp_path / "syncbridge.toml"
    file.write_text(text, encoding="utf-8")
    try:
        load({**SECRETS, **environment}, path=file)
    except ConfigurationFaults as error:
        return list(error.faults)
    return []


@pytest.mark.parametrize(
    ("old", "new", "name"),
    [
        ("# sweep_seconds = 10 ", "sweep_seconds = true ", "schedule.sweep_seconds"),
        ("session_id = 12", "session_id = true", "orderwise.session_id"),
        ("delivery_method = { STANDARD = 18,", "delivery_method = { STANDARD = false,", "orderwise.maps.delivery_method.STANDARD"),
        ("sale_locations = { MAIN = [3, 5] }", "sale_locations = { MAIN = [3, true] }", "orderwise.maps.sale_locations.MAIN[1]"),
        ('# skus = { "22633" = 3 } ', 'skus = { "22633" = true } ', "merchants[0].buffers.skus.22633"),
        ("# zeroed_share = 0.2 ", "zeroed_share = true ", "stock.zeroed_share"),
    ],
)
def test_true_is_no_number(tmp_path: Path, old: str, new: str, name: str) -> None:
    assert faults_with(tmp_path, (old, new)) == [f"{name}: must be a number, not true or false"]


def test_one_wrong_word_in_a_map_is_one_fault(tmp_path: Path) -> None:
    """What else is in the section still counts: no false complaint about maps that are right."""
    change = ("payment_method = { creditcard = 7,", 'payment_method = { creditcard = "seven",')
    (fault,) = faults_with(tmp_path, change)
    assert fault.startswith("orderwise.maps.payment_method.creditcard: ")
    found = faults_with(tmp_path, change, ("session_id = 12", "session_id = 0"))
    assert [one.partition(": ")[0] for one in found] == ["orderwise.session_id", "orderwise.maps.payment_method.creditcard"]


def test_a_switch_is_true_or_false_and_no_number(tmp_path: Path) -> None:
    (fault,) = faults_with(tmp_path, ("# order_reading = true", "order_reading = 1"))
    assert fault == "scayle.order_reading: must be true or false"


@pytest.mark.parametrize("value", ["inf", "nan", "1e30"])
@pytest.mark.parametrize(
    ("shown", "name"),
    [
        ("# webhook_tolerance_seconds = 300", "scend.webhook_tolerance_seconds"),
        ("# poll_grace_seconds = 180", "scayle.poll_grace_seconds"),
        ("# tombstone_days = 7", "scayle.tombstone_days"),
        ("# rate_per_second = 2", "scend.rate_per_second"),
    ],
)
def test_a_time_without_end_is_a_fault_and_no_crash_later(tmp_path: Path, shown: str, name: str, value: str) -> None:
    change = f"{name.rpartition('.')[2]} = {value}"
    assert [fault.partition(": ")[0] for fault in faults_with(tmp_path, (shown, change))] == [name]


def test_days_beyond_any_calendar_are_a_fault(tmp_path: Path) -> None:
    (fault,) = faults_with(tmp_path, ("# overdue_days = 30", "overdue_days = 99999999"))
    assert fault == "returns.overdue_days: input should be less than or equal to 36500"


def test_the_description_has_every_section(tmp_path: Path) -> None:
    configuration = load(SECRETS, path=EXAMPLE)
    text = describe(configuration)
    sections = [one.name for one in fields(Configuration) if isinstance(getattr(configuration, one.name), BaseModel)]
    assert "stock" in sections
    assert not [name for name in sections if name != "environment" and f"\n{name}." not in text]


def test_every_key_stands_in_its_own_section_of_the_example() -> None:
    shown = re.sub(r"(?m)^# (?=[a-z_]+ = |\[)", "", EXAMPLE.read_text(encoding="utf-8"))
    document = tomllib.loads(shown)
    configuration = load(SECRETS, path=EXAMPLE)
    missing: list[str] = []

    def compare(model: BaseModel, table: Any, name: str) -> None:
        for key in type(model).model_fields:
            value = getattr(model, key)
            if key not in table:
                missing.append(f"{name}.{key}")
            elif isinstance(value, BaseModel):
                compare(value, table[key], f"{name}.{key}")

    for one in fields(Configuration):
        section = getattr(configuration, one.name)
        if isinstance(section, BaseModel) and one.name != "environment":
            compare(section, document[one.name], one.name)
    # One of several ways to name the customer is shown.
    assert [name for name in missing if not name.startswith("orderwise.customer.")] == []


@pytest.mark.parametrize(
    ("name", "url", "fault"),
    [
        ("DATABASE_URL", "postgresql://u:w@h:abc/d", "its port is no number from 1 to 65535"),
        ("DATABASE_URL", "postgresql://u:w@h:99999/d", "its port is no number from 1 to 65535"),
        ("REDIS_URL", "redis://:w@h:abc/0", "its port is no number from 1 to 65535"),
        ("REDIS_URL", "redis://:w@h:99999/0", "its port is no number from 1 to 65535"),
        ("REDIS_URL", "redis://:w@h:6379/x", "names no database: its path is a number, such as /0"),
        ("DATABASE_URL", "postgresql://u:pa/ss@h/d", "write @ / ? # [ ] in the password as %40 %2F %3F %23 %5B %5D"),
        (
            "DATABASE_URL",
            "postgresql://h/d?user=u&password=s3cr@t",
            "write @ / ? # [ ] in the password as %40 %2F %3F %23 %5B %5D",
        ),
        ("REDIS_URL", "redis://:pa#ss@h:6379/0", "write @ / ? # [ ] in the password as %40 %2F %3F %23 %5B %5D"),
    ],
)
def test_an_address_that_cannot_work_is_named(tmp_path: Path, name: str, url: str, fault: str) -> None:
    (found,) = faults_with(tmp_path, **{name: url})
    assert found == f"{name}: {fault}"
    assert "pa" not in found.partition(": ")[2].replace("path", "").replace("password", "")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://u:pa/geheim@h/d",
        "postgresql+psycopg://u:ge?heim@h/d",
        "postgresql+psycopg://u:geheim@x@h/d",
        "redis://:ge#heim@h:6379/0",
        "redis://[::1",
        "redis://:geheim@h:abc/0",
    ],
)
def test_no_password_shows_however_odd_the_address(url: str) -> None:
    assert "heim" not in masked_url(url)


@pytest.mark.parametrize("name", ["SCAYLE_ACCESS_TOKEN", "SCEND_API_TOKEN"])
@pytest.mark.parametrize("value", ["two\nlines", "a\x00b", "tok\u20acn"])
def test_a_token_that_no_request_can_carry_is_named_and_not_shown(tmp_path: Path, name: str, value: str) -> None:
    (fault,) = faults_with(tmp_path, **{name: value})
    assert fault == f"{name}: holds a line break or another sign that no request can carry; copy it again"


@pytest.mark.parametrize("value", ["nocolon", "user:", ":word", "a:b,c"])
def test_what_flower_would_refuse_is_said_before_it_starts(tmp_path: Path, value: str) -> None:
    assert faults_with(tmp_path, FLOWER_BASIC_AUTH=value) == ["FLOWER_BASIC_AUTH: must be user:password, several separated by commas"]


def test_a_service_may_be_as_long_as_its_limit_says(tmp_path: Path) -> None:
    longer = ('default_service = "STD48"', 'default_service = "A-SERVICE-OF-28-CHARACTERS-X"')
    assert faults_with(tmp_path, longer) == [
        "merchants[0].default_service: 'A-SERVICE-OF-28-CHARACTERS-X' is longer than Scend's 20 characters"
    ]
    assert not faults_with(tmp_path, longer, ("# lines = 200", "service = 28"), ("# [scend.order_limits]", "[scend.order_limits]"))
