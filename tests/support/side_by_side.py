"""Run all tests as two pytest processes at once: `python tests/support/side_by_side.py`.

Tests with processes of their own wait most of the time, all others keep one core busy and no more; side by side they take little
longer than the slower half. The others stand back (`nice`), so that what is measured in real time is not held up. A line is shown when a file is done, marked with its half; what else a half has to say comes when
it ends, in one piece. The exit code is 0 only if both halves passed.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading

FIRST = "processes"
HALVES = {FIRST: ("tests/e2e",), "others": ("tests/integration", "tests/contract", "tests/unit")}
_PROGRESS = re.compile(r"tests/\S+\.py |\S* +\[ *\d+%\]$")
_printing = threading.Lock()


def main() -> int:
    """Run both halves and return 1 if one failed."""
    # Ctrl-C reaches the halves too; they tidy up and say what they have to say.
    signal.signal(signal.SIGINT, lambda *_: None)
    running = {name: _start(name, paths) for name, paths in HALVES.items()}
    signal.signal(signal.SIGTERM, lambda *_: [process.terminate() for process in running.values()])
    readers = [threading.Thread(target=_follow, args=one) for one in running.items()]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    codes = {name: process.wait() for name, process in running.items()}
    failed = [name for name, code in codes.items() if code]
    print(f"==> {' and '.join(failed)} failed" if failed else "==> both halves passed", flush=True)
    return 1 if failed else 0


def _start(name: str, paths: tuple[str, ...]) -> subprocess.Popen[str]:
    color = "yes" if sys.stdout.isatty() else "no"
    first = () if name == FIRST else ("nice", "-n", "5")
    return subprocess.Popen(
        # Both would write the same cache.
        [*first, sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--color={color}", *paths],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )


def _follow(name: str, process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    report = []
    for line in process.stdout:
        if _PROGRESS.match(line):
            with _printing:
                print(f"{name:9} {line}", end="", flush=True)
        else:
            report.append(line)
    with _printing:
        print(f"==> {name}\n{''.join(report)}", end="", flush=True)


if __name__ == "__main__":
    sys.exit(main())
