"""The command line over a migrated SQLite ledger that is filled through the ledger's own functions."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
import typer.testing
from cli_story import Answer, Run, Story
from typer.main import get_command
from typer.testing import CliRunner

from syncbridge import bootstrap
from syncbridge.cli import app
from syncbridge.ledger.engine import Ledger

SECRETS = {
    "SCAYLE_ACCESS_TOKEN": "scayle-access-key",
    "SCAYLE_INBOUND_USERNAME": "inbound-user",
    "SCAYLE_INBOUND_PASSWORD": "inbound-word",
    "SCEND_API_TOKEN": "scend-bearer",
}
CONFIGURATION = """
[scayle]
base_url = "http://127.0.0.1:1/api/admin/v1"
shops = [{ key = "nb", country = "GB", currencies = ["GBP"] }]
[[merchants]]
key = "scend"
backend = "scend"
warehouses = [{ key = "WH-1", code = "MID1" }]
service_map = { ROYALMAIL_GB = "STD48" }
carrier_map = { ROYAL_MAIL = "ROYALMAIL_GB" }
[scend]
base_url = "http://127.0.0.1:1/v1"
account_code = "ACME-UK"
"""


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """Commands set logging up on the standard error of their own run, which is closed afterwards."""
    root = logging.getLogger()
    handlers, level = [*root.handlers], root.level
    known = structlog.get_config() if structlog.is_configured() else None
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    if known is not None:
        structlog.configure(**known)


@pytest.fixture(autouse=True)
def _forgotten() -> Iterator[None]:
    bootstrap.forget()
    yield
    bootstrap.forget()


@pytest.fixture(scope="session", autouse=True)
def _commands_built_once() -> Iterator[None]:
    """Typer builds all commands anew for every call, which takes longer than running one."""
    command = get_command(app)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(typer.testing, "_get_command", lambda _app: command)
        yield


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command; no traceback may come of it."""
    monkeypatch.setenv("COLUMNS", "80")

    def invoke(*arguments: str) -> Answer:
        result = CliRunner().invoke(app, list(arguments))
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Answer(result.exit_code, result.stdout, result.stderr)

    return invoke


@pytest.fixture
def ledger(sqlite_ledger_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    """A migrated ledger that the commands are told of."""
    monkeypatch.setenv("DATABASE_URL", sqlite_ledger_url)
    made = Ledger(sqlite_ledger_url)
    yield made
    made.close()


@pytest.fixture
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A complete configuration whose vendors and Redis do not answer; return its file."""
    file = tmp_path / "syncbridge.toml"
    file.write_text(CONFIGURATION, encoding="utf-8")
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SYNCBRIDGE_CONFIG", str(file))
    monkeypatch.setenv("REDIS_URL", "redis://:redis-word@127.0.0.1:1/0")
    return file


@pytest.fixture
def story(ledger: Ledger) -> Story:
    return Story(ledger)
