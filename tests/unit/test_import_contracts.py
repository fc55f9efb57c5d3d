"""The import contracts of pyproject.toml hold."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def lint_imports(folder: Path, cache: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            *(sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"),
            *("--config", str(folder / "pyproject.toml"), "--cache-dir", str(cache)),
        ],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_imports_go_down_only(tmp_path: Path) -> None:
    done = lint_imports(ROOT, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("syncbridge/domain/offender.py", "import sqlalchemy", "The domain knows the standard library only"),
        ("syncbridge/domain/offender.py", "import syncbridge.ports", "Imports go down only"),
        ("syncbridge/flows/offender.py", "import connectors.http", "Imports go down only"),
        ("syncbridge/sandbox/offender.py", "import syncbridge.domain.errors", "The sandbox shares no code"),
        ("connectors/offender.py", "import sqlalchemy", "Only the ledger knows SQL"),
    ],
)
def test_a_breach_is_noticed(tmp_path: Path, module: str, line: str, contract: str) -> None:
    copy = tmp_path / "project"
    copy.mkdir()
    (copy / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text(encoding="utf-8"), encoding="utf-8")
    for source in [
        path for package in ("syncbridge", "tasks", "connectors") for path in (ROOT / package).rglob("*.py")
    ]:
        target = copy / source.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes())
    (copy / module).write_text(f"{line}\n", encoding="utf-8")
    done = lint_imports(copy, tmp_path / "cache")
    assert done.returncode != 0
    assert f"{contract}" in done.stdout
    assert "offender" in done.stdout
