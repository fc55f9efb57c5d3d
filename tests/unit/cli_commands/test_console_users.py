"""CONSOLE_USERS: read at the start, with faults that name the entry and never what is in it; made by `syncbridge console user`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from console_story import PASSWORD, entries, password_hash
from typer.testing import CliRunner
from werkzeug.security import check_password_hash

from syncbridge import config
from syncbridge.bootstrap import _secrets
from syncbridge.cli.root import app
from syncbridge.config import ConfigurationFaults, load
from syncbridge.config.console import ConsoleSettings
from syncbridge.domain.console_users import Role, read_users
from syncbridge.redaction import Redactor

EXAMPLE = Path(__file__).resolve().parents[3] / "deploy" / "syncbridge.example.toml"


def run(*arguments: str, given: str = "") -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["console", "user", *arguments], input=given)
    return done.exit_code, done.stdout, done.stderr


# ---- reading


@pytest.mark.parametrize("between", [" ", "\n", ",", ", ", "\r\n\t"])
def test_entries_are_separated_by_blanks_line_ends_or_commas(between: str) -> None:
    users = read_users(between.join([f"zoe:operator:{password_hash()}", f"Łódź-desk:viewer:{password_hash()}"]))
    assert [(user.name, user.role) for user in users] == [("zoe", Role.OPERATOR), ("Łódź-desk", Role.VIEWER)]
    assert password_hash() not in repr(users)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("hunter2hunter2", "entry 1 is not name:role:hash"),
        ("zoe:hunter2hunter2", "entry 1 is not name:role:hash"),
        ("zoe:operator:", "entry 1 is not name:role:hash"),
        ("zo/e:operator:{hash}", "entry 1 is not name:role:hash"),
        ("-zoe:operator:{hash}", "entry 1 is not name:role:hash"),
        ("zoe:admin:{hash}", "entry 1 (zoe): the role must be viewer or operator"),
        ("zoe:operator:hunter2hunter2", "entry 1 (zoe): what follows the role is no scrypt hash"),
        ("zoe:operator:scrypt:32768:8:1", "entry 1 (zoe): what follows the role is no scrypt hash"),
        ("zoe:operator:scrypt:1024:8:1$saltsaltsalt$" + "0" * 128, "entry 1 (zoe): what follows the role is no scrypt"),
        ("zoe:operator:scrypt:32768:99:1$saltsaltsalt$" + "0" * 128, "entry 1 (zoe): what follows the role is no scrypt"),
        ("zoe:operator:scrypt:20000:8:1$saltsaltsalt$" + "0" * 128, "entry 1 (zoe): what follows the role is no scrypt"),
        ("zoe:operator:{hash} ZOE:viewer:{hash}", "entry 2 (ZOE): entry 1 has the same name"),
    ],
)
def test_a_faulty_entry_is_named_and_never_quoted(text: str, fault: str) -> None:
    with pytest.raises(ValueError, match=re.escape(fault)) as caught:
        read_users(text.replace("{hash}", password_hash()))
    assert "hunter2" not in str(caught.value)
    assert password_hash() not in str(caught.value)


def test_every_faulty_entry_is_named_at_once() -> None:
    with pytest.raises(ValueError, match=r"entry 1 .*entry 3 ") as caught:
        read_users(f"one zoe:operator:{password_hash()} three:boss:{password_hash()}")
    assert "entry 2" not in str(caught.value)


def test_a_broken_entry_stops_the_start_with_the_way_out() -> None:
    faults: list[str] = []
    assert config.read_environment({"CONSOLE_USERS": "zoe:operator:plain-password"}, faults) is None
    assert len(faults) == 1
    assert faults[0].startswith("CONSOLE_USERS: entry 1 (zoe)")
    assert "syncbridge console user" in faults[0]
    assert "plain-password" not in faults[0]


def test_users_and_their_hashes_are_taken_out_of_every_log_line() -> None:
    environment = config.read_environment({"CONSOLE_USERS": entries()}, [])
    assert environment is not None
    text = Redactor(_secrets(environment)).text(f"it was {environment.users[0].password_hash} there")
    assert password_hash() not in text
    assert password_hash() not in repr(environment)


def test_without_users_the_configuration_says_that_the_console_is_off() -> None:
    needed = (
        *("SCAYLE_ACCESS_TOKEN", "SCAYLE_INBOUND_USERNAME", "SCAYLE_INBOUND_PASSWORD", "SCEND_API_TOKEN"),
        *("ORDERWISE_USERNAME", "ORDERWISE_PASSWORD"),
    )
    secrets = dict.fromkeys(needed, "secret-word")

    def said(**more: str) -> list[str]:
        found = load({**secrets, **more}, path=EXAMPLE).warnings
        return [text for text in found if "console" in text]

    assert said() == ["CONSOLE_USERS: not set: the console is off; syncbridge console user NAME makes an entry"]
    assert said(CONSOLE_USERS=entries()) == []


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../etc/passwd"])
def test_an_unknown_time_zone_is_a_fault(name: str) -> None:
    with pytest.raises(ValueError, match="is no time zone"):
        ConsoleSettings(timezone=name)


def test_a_broken_console_section_is_named(tmp_path: Path) -> None:
    file = tmp_path / "syncbridge.toml"
    file.write_text(EXAMPLE.read_text().replace("[console]", '[console]\ntimezone = "Nowhere"\nproxys = 1'))
    with pytest.raises(ConfigurationFaults) as caught:
        load({}, path=file)
    found = [fault for fault in caught.value.faults if fault.startswith("console.")]
    assert found == [
        "console.timezone: 'Nowhere' is no time zone; write one such as Europe/London",
        "console.proxys: unknown key; did you mean proxies?",
    ]


# ---- making


def test_an_entry_that_was_made_lets_its_user_in() -> None:
    code, out, err = run("zoe", "--role", "operator", "--password-stdin", given=f"{PASSWORD}\n")
    (user,) = read_users(out)
    assert (code, user.name, user.role) == (0, "zoe", Role.OPERATOR)
    assert check_password_hash(user.password_hash, PASSWORD)
    assert "CONSOLE_USERS" in err
    assert PASSWORD not in out + err


def test_without_a_role_somebody_may_look_only() -> None:
    assert read_users(run("zoe", "--password-stdin", given=PASSWORD)[1])[0].role is Role.VIEWER


def test_the_password_is_asked_for_twice() -> None:
    code, out, _err = run("zoe", given=f"{PASSWORD}\nanother one here\n{PASSWORD}\n{PASSWORD}\n")
    assert code == 0
    assert len(read_users(out)) == 1


@pytest.mark.parametrize("password", ["", "elevensigns", "x" * 401])
def test_a_password_that_is_too_short_or_too_long_is_refused(password: str) -> None:
    code, out, err = run("zoe", "--password-stdin", given=f"{password}\n")
    assert (code, out) == (2, "")
    assert "12 to 400" in err


@pytest.mark.parametrize("name", ["", "zo:e", "zo e", "-zoe", "x" * 41])
def test_a_name_that_would_break_the_entry_is_refused(name: str) -> None:
    code, out, _err = run("--password-stdin", "--", name, given=PASSWORD)
    assert (code, out) == (2, "")
