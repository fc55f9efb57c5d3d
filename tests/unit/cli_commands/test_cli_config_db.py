"""`syncbridge config` and `syncbridge db`: what a deployment runs first."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_story import Run

from syncbridge.ledger.engine import Ledger


def test_a_right_configuration_is_printed_with_its_secrets_masked(run: Run, configured: Path) -> None:
    answer = run("config", "check")
    assert answer.code == 0
    assert f"# {configured}" in answer.out
    assert "scend.rate_per_second = 2" in answer.out
    assert "SCEND_API_TOKEN = set" in answer.out
    assert "warning: SCEND_WEBHOOK_SECRET: not set" in answer.err
    for secret in ("scend-bearer", "scayle-access-key", "inbound-word", "redis-word"):
        assert secret not in answer.out + answer.err


def test_the_json_of_a_right_configuration(run: Run, configured: Path) -> None:
    document = run("config", "check", "--json").json
    assert list(document) == ["ok", "source", "faults", "warnings", "values"]
    assert (document["ok"], document["faults"]) == (True, [])
    assert document["values"]["merchants[0].key"] == "scend"
    assert document["values"]["REDIS_URL"] == "redis://:***@127.0.0.1:1/0"


def test_every_fault_is_named_at_once_and_is_exit_2(run: Run, configured: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configured.write_text(configured.read_text().replace('shops = [{ key = "nb"', 'shop = [{ key = "toolong"'))
    monkeypatch.delenv("SCEND_API_TOKEN")
    answer = run("config", "check")
    assert answer.code == 2
    assert "scayle.shop: unknown key; did you mean shops?" in answer.err
    assert "SCEND_API_TOKEN: missing" in answer.err
    document = run("config", "check", "--json").json
    assert document["ok"] is False
    assert len(document["faults"]) >= 2


def test_another_file_can_be_checked(run: Run, configured: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    assert run("config", "check", "--file", str(other)).code == 2
    other.write_text(configured.read_text())
    assert run("config", "check", "--file", str(other)).code == 0


def test_upgrade_makes_the_database_once_and_a_dry_run_does_not(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "new" / "folder" / "ledger.sqlite3"
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{file}")
    dry = run("db", "upgrade", "--dry-run")
    assert (dry.code, file.exists()) == (0, False)
    assert "would run:\n  0001" in dry.out
    assert run("db", "status").code == 1
    assert not file.exists()
    assert " ran:\n  0001" in run("db", "upgrade").out
    assert "is up to date" in run("db", "upgrade").out
    document = run("db", "upgrade", "--json").json
    assert list(document) == ["database", "dry_run", "before", "after", "head", "migrations"]
    assert document["before"] == document["after"] == document["head"]
    assert run("db", "status").code == 0


@pytest.mark.parametrize("command", [("orders", "list"), ("exceptions", "list"), ("orders", "show", "7")])
def test_a_database_that_is_missing_or_not_migrated_says_what_to_run(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    file = tmp_path / "ledger.sqlite3"
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{file}")
    missing = run(*command)
    assert (missing.code, file.exists()) == (1, False)
    assert "There is no ledger yet" in missing.err
    file.touch()
    empty = run(*command)
    assert empty.code == 1
    assert "was never migrated: run syncbridge db upgrade" in empty.err


@pytest.mark.parametrize("command", [("orders", "list"), ("db", "upgrade"), ("db", "status"), ("queue", "status")])
def test_a_database_that_is_down_is_a_sentence_without_its_password(
    run: Run, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://bridge:db-word@127.0.0.1:1/bridge")
    answer = run(*command)
    assert answer.code == 1
    assert "The database does not answer: postgresql+psycopg://bridge:***@127.0.0.1:1/bridge" in answer.err
    assert "db-word" not in answer.err
    assert len(answer.err.splitlines()) == 1


def test_a_file_that_is_no_database_is_a_sentence(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "ledger.sqlite3"
    file.write_text("this is not a database at all, but long enough to be taken for one\n" * 40)
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{file}")
    answer = run("orders", "list")
    assert answer.code == 1
    assert "file is not a database" in answer.err


def test_a_wrong_database_address_is_a_configuration_fault(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "mysql://x/y")
    answer = run("orders", "list")
    assert answer.code == 2
    assert "configuration: DATABASE_URL: mysql:// is not supported" in answer.err


def test_a_database_of_a_later_version_is_left_alone(run: Run, ledger: Ledger) -> None:
    with ledger.work() as work:
        work.connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
        work.commit()
    assert "which a later version made" in run("db", "upgrade").out
    assert run("orders", "list").code == 0
