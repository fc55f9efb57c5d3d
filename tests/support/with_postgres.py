"""Run a command with DATABASE_URL set to a throw-away PostgreSQL: `python tests/support/with_postgres.py COMMAND …`.

The server listens on loopback, lives in a temporary folder and is gone when the command ends. Unlike the tests' servers it
keeps its promises (`fsync` and `synchronous_commit` are on), so that figures measured on it are honest.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from postgres_server import PostgresServer


def main(command: list[str]) -> int:
    """Run the command and return its exit code."""
    if not command:
        print(__doc__, file=sys.stderr)
        return 2
    # Ctrl-C reaches the command too, which tidies up; the server is stopped after it.
    signal.signal(signal.SIGINT, lambda *_: None)
    server = PostgresServer(durable=True)
    try:
        server.start()
        with subprocess.Popen(command, env={**os.environ, "DATABASE_URL": server.url}) as process:
            signal.signal(signal.SIGTERM, lambda *_: process.terminate())
            return process.wait()
    finally:
        server.stop()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
