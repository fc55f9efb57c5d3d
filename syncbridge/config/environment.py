"""The environment: where the database and Redis are, how to log, and every secret.

The names are part of the public surface. A blank variable counts as absent, as hosting platforms set them that way.
"""

from __future__ import annotations

import base64
import binascii
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit, urlunsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, field_validator

from syncbridge.domain.console_users import ConsoleUser, read_users

SQLITE_FILE = "syncbridge.sqlite3"


def _separated(value: object) -> object:
    if isinstance(value, str):
        return tuple(part for part in value.replace(",", " ").split() if part)
    return value


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


class Environment(BaseModel):
    """What the environment says, read once at the edge. Secrets show as asterisks wherever they are printed."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=False, hide_input_in_errors=True)

    database: SecretStr | None = Field(None, alias="DATABASE_URL")
    redis: SecretStr | None = Field(None, alias="REDIS_URL")
    redis_tls_verify: Literal["required", "none"] = Field("required", alias="SYNCBRIDGE_REDIS_TLS_VERIFY")
    redis_server: Path | None = Field(None, alias="SYNCBRIDGE_REDIS_SERVER")
    port: Annotated[int, Field(ge=0, le=65_535)] = Field(8000, alias="PORT")
    config_file: Path | None = Field(None, alias="SYNCBRIDGE_CONFIG")
    log_format: Literal["auto", "json", "console"] = Field("auto", alias="SYNCBRIDGE_LOG_FORMAT")
    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], BeforeValidator(_upper)
    ] = Field("INFO", alias="SYNCBRIDGE_LOG_LEVEL")
    alert_urls: Annotated[tuple[SecretStr, ...], BeforeValidator(_separated)] = Field((), alias="ALERT_URLS")
    state_dir: Path = Field(default_factory=lambda: default_state_dir(None), alias="SYNCBRIDGE_STATE_DIR")

    scayle_access_token: SecretStr | None = Field(None, alias="SCAYLE_ACCESS_TOKEN")
    scayle_inbound_username: SecretStr | None = Field(None, alias="SCAYLE_INBOUND_USERNAME")
    scayle_inbound_password: SecretStr | None = Field(None, alias="SCAYLE_INBOUND_PASSWORD")
    scend_api_token: SecretStr | None = Field(None, alias="SCEND_API_TOKEN")
    scend_webhook_secrets: Annotated[tuple[SecretStr, ...], BeforeValidator(_separated)] = Field(
        (), alias="SCEND_WEBHOOK_SECRET"
    )
    orderwise_username: SecretStr | None = Field(None, alias="ORDERWISE_USERNAME")
    orderwise_password: SecretStr | None = Field(None, alias="ORDERWISE_PASSWORD")
    console_users: SecretStr | None = Field(None, alias="CONSOLE_USERS")
    flower_basic_auth: SecretStr | None = Field(None, alias="FLOWER_BASIC_AUTH")

    @field_validator("database")
    @classmethod
    def _database_is_known(cls, value: SecretStr | None) -> SecretStr | None:
        return None if value is None else SecretStr(database_url(value.get_secret_value()))

    @field_validator("redis")
    @classmethod
    def _redis_is_known(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            redis_url(value.get_secret_value())  # normalised where it is read, together with the TLS setting
        return value

    @field_validator("scayle_access_token", "scend_api_token")
    @classmethod
    def _token_fits_a_header(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and any(sign < " " or sign == "\x7f" or sign > "\xff" for sign in value.get_secret_value()):
            raise ValueError("holds a line break or another sign that no request can carry; copy it again")
        return value

    @field_validator("flower_basic_auth")
    @classmethod
    def _flower_would_start(cls, value: SecretStr | None) -> SecretStr | None:
        pairs = [] if value is None else [pair for pair in value.get_secret_value().split(",") if pair.strip()]
        if any(not all(part.strip() for part in pair.partition(":")[::2]) for pair in pairs):
            raise ValueError("must be user:password, several separated by commas")
        return value

    @field_validator("scend_webhook_secrets")
    @classmethod
    def _secrets_are_usable(cls, secrets: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        if len(secrets) > 2:
            raise ValueError("at most two secrets: the current one and, while rotating, the next")
        for number, secret in enumerate(secrets, 1):
            text = secret.get_secret_value()
            try:
                key = base64.b64decode(text.removeprefix("whsec_"), validate=True)
            except binascii.Error as error:
                raise ValueError(f"secret {number} is not whsec_ followed by base64") from error
            if not text.startswith("whsec_") or not key:
                raise ValueError(f"secret {number} is not whsec_ followed by base64")
        return secrets

    @field_validator("console_users")
    @classmethod
    def _users_are_readable(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            read_users(value.get_secret_value())
        return value

    @property
    def users(self) -> tuple[ConsoleUser, ...]:
        """Who may sign in to the console; empty while it is off."""
        return () if self.console_users is None else read_users(self.console_users.get_secret_value())

    @property
    def database_url(self) -> str:
        """The SQLAlchemy URL; without DATABASE_URL a SQLite file in the state folder."""
        if self.database is not None:
            return self.database.get_secret_value()
        return f"sqlite:///{self.state_dir.absolute() / SQLITE_FILE}"

    @property
    def redis_url(self) -> str | None:
        """The URL for redis-py and kombu alike; None where none is named."""
        if self.redis is None:
            return None
        return redis_url(self.redis.get_secret_value(), tls_verify=self.redis_tls_verify)


def default_state_dir(home: Path | None) -> Path:
    """Where local state lives when nobody said: the same place whatever folder the command is run from."""
    return (home or Path("~").expanduser()) / ".local" / "state" / "syncbridge"


def _checked(url: str) -> SplitResult:
    """Take an address apart. Raises ValueError where a driver would fail over it later, or would show part of a password."""
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = 0
    if "@" in f"{parts.path}{parts.fragment}" or ("@" in parts.query and "@" not in parts.netloc):
        raise ValueError("write @ / ? # [ ] in the password as %40 %2F %3F %23 %5B %5D")
    if port == 0:
        raise ValueError("its port is no number from 1 to 65535")
    return parts


def database_url(url: str) -> str:
    """Normalise a database URL for SQLAlchemy 2.1 with psycopg 3.

    `postgres://`, which hosting platforms hand out, has no dialect of that name; `postgresql://` is spelled out so that
    no other driver is ever picked. Raises ValueError for anything but PostgreSQL and SQLite.
    """
    scheme, separator, rest = url.partition("://")
    if not separator:
        raise ValueError("must look like postgresql://user:password@host/database")
    if scheme in {"postgres", "postgresql", "postgresql+psycopg"}:
        parts = _checked(f"postgresql://{rest}")
        if not parts.path.strip("/"):
            raise ValueError("names no database: postgresql://user:password@host/database")
        return f"postgresql+psycopg://{rest}"
    if scheme in {"sqlite", "sqlite+pysqlite"}:
        if rest in {"", "/", "/:memory:"}:
            raise ValueError("an in-memory SQLite would forget every order; name a file: sqlite:////path/file")
        return f"sqlite://{rest}"
    raise ValueError(f"{scheme}:// is not supported; use postgresql:// or sqlite://")


def redis_url(url: str, *, tls_verify: Literal["required", "none"] = "required") -> str:
    """Normalise a Redis URL for redis-py and kombu.

    `valkey://` is no kombu transport, hence `redis://`. `rediss://` without `ssl_cert_reqs` would make the broker accept
    any certificate in silence, so the requirement is written into the URL; what the URL itself says wins.
    """
    parts = _checked(url)
    scheme = {"valkey": "redis", "valkeys": "rediss"}.get(parts.scheme, parts.scheme)
    if scheme not in {"redis", "rediss"}:
        raise ValueError(f"{parts.scheme or 'it'}:// is not supported; use redis:// or rediss://")
    if not parts.hostname:
        raise ValueError("names no host: redis://:password@host:6379/0")
    if not parts.path.strip("/").isdecimal() and parts.path.strip("/"):
        raise ValueError("names no database: its path is a number, such as /0")
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    if scheme == "rediss":
        query.setdefault("ssl_cert_reqs", tls_verify)
    return urlunsplit((scheme, parts.netloc, parts.path, urlencode(query), ""))
