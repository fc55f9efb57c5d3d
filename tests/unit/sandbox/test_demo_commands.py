"""What the demo prints for a person to type must work in a fresh shell, where no virtual environment is active."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from syncbridge.sandbox.demo.stage import Stage


def test_a_plain_shell_finds_our_commands_after_sourcing_the_environment(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "it's here")
    stage.write_environment({"PORT": "1", "REMAP_SIGTERM": "SIGQUIT"})
    script = 'set -eu; . "$1"; echo "$PORT"; echo "${REMAP_SIGTERM:-none}"; echo "${PATH%%:*}"; command -v sh'
    done = subprocess.run(
        ["/bin/sh", "-c", script, "sh", str(stage.environment_file)],
        env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    port, remapped, first, shell = done.stdout.splitlines()
    assert (port, remapped) == ("1", "none")
    assert first == str(Path(sys.executable).parent)
    assert shell.endswith("/sh")
