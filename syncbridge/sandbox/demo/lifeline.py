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

from syncbridge.sandbox.demo.sessions import kill_members, members_of

GRACE_SECONDS = 30.0
FORCE_SECONDS = 60.0
"""Killing takes moments; a machine with much else to do takes longer."""


def main(pids: list[int]) -> None:
    """Wait until the demo is gone, then ask one process after the other to stop, and make it stop after a while.

    Each is the first of a session of its own, and what it has started ends with it: a supervisor that takes too long, and is
    killed for it, would leave its programs to nobody. The supervisor comes first: what it runs ends quicker while Redis is
    still there.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    sys.stdin.buffer.read()
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + GRACE_SECONDS
        while time.monotonic() < deadline and members_of(pid):
            time.sleep(0.1)
        kill_members(pid, FORCE_SECONDS)


if __name__ == "__main__":
    main([int(argument) for argument in sys.argv[1:]])
