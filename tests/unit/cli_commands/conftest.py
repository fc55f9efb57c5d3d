"""The command line over a migrated SQLite ledger that is filled through the ledger's own functions."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from cli_story import Answer, Run, Story
from typer.testing import CliRunner

from syncbridge import bootstrap
from syncbridge.cli import app
from syncbridge.ledger import migrate
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


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty, migrated ledger to copy: migrating takes longer than a test."""
    file = tmp_path_factory.mktemp("migrated") / "ledger.sqlite3"
    ledger = Ledger(f"sqlite:///{file}")
    migrate.upgrade(ledger)
    ledger.close()
    return file


@pytest.fixture
def ledger(migrated_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    """A migrated ledger that the commands are told of."""
    file = tmp_path / "ledger.sqlite3"
    shutil.copy(migrated_file, file)
    url = f"sqlite:///{file}"
    monkeypatch.setenv("DATABASE_URL", url)
    made = Ledger(url)
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
