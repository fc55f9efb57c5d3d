"""Ends the demo's processes when the demo is gone: waits for the end of its standard input, which the demo holds open.

Run as `python -m syncbridge.sandbox.demo.lifeline PID…`. It is there for SIGKILL and for a lost terminal, which leave the
demo no time to tidy up.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time

GRACE_SECONDS = 30.0


def main(pids: list[int]) -> None:
    """Wait until the demo is gone, then ask one process after the other to stop, and make it stop after a while.

    The supervisor comes first: what it runs ends quicker while Redis is still there.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    sys.stdin.buffer.read()
    for pid in pids:
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
            deadline = time.monotonic() + GRACE_SECONDS
            while time.monotonic() < deadline and _is_alive(pid):
                time.sleep(0.1)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


if __name__ == "__main__":
    main([int(argument) for argument in sys.argv[1:]])
