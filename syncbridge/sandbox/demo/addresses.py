"""Where everything in a demo listens, and the secrets made for this one run."""

from __future__ import annotations

import base64
import secrets
import socket
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property

from werkzeug.security import generate_password_hash

HOST = "127.0.0.1"
MERCHANT = "scend"
SHOP_KEY = "or"
COUNTRY = "GB"
CARRIER = "ROYALMAIL_GB"
WAREHOUSE = "WH-SCEND-1"
WAREHOUSE_CODE = "MID1"
ACCOUNT = "ACME-UK"
BUFFER = 2
"""Units of every SKU that the demo keeps from the shop."""
SCAYLE_PATH = "/api/admin/v1"
SCEND_PATH = "/v1"
RATE_CAPACITY, RATE_PER_SECOND = 300, 20
"""Scend's documented 120 and 2 calls a second would need more than three minutes for this day."""
PORTS = range(20_000, 32_000)
"""Below what systems give to outgoing connections and to servers that take any port: Linux from 32768, others from 49152.

A port of those could be somebody else's by the time its server is started, or started again after a kill.
"""
TRIES = 200


def _secret() -> str:
    # Hexadecimal: one that begins with a dash would be taken for an option of the stand-ins.
    return secrets.token_hex(24)


def _webhook_secret() -> str:
    """Return a secret in Scend's form: `whsec_` and base64."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()


@dataclass(frozen=True)
class Addresses:
    """Free ports of loopback, found at once so that no two are the same, and generated secrets.

    0 is any port, which its server has to find.
    """

    scayle_port: int
    scend_port: int
    web_port: int
    flower_port: int
    orderwise_port: int = 0
    redis_port: int = 0
    scayle_token: str = field(default_factory=_secret)
    scend_token: str = field(default_factory=_secret)
    control_token: str = field(default_factory=_secret)
    inbound_user: str = "scayle"
    inbound_password: str = field(default_factory=_secret)
    webhook_secret: str = field(default_factory=_webhook_secret)
    flower_password: str = field(default_factory=_secret)
    console_user: str = "demo"
    console_password: str = field(default_factory=lambda: secrets.token_hex(8))
    orderwise_user: str = "syncbridge"
    orderwise_password: str = field(default_factory=_secret)

    @property
    def scayle(self) -> str:
        """The SCAYLE stand-in, without a path."""
        return f"http://{HOST}:{self.scayle_port}"

    @property
    def scend(self) -> str:
        """The Scend stand-in, without a path."""
        return f"http://{HOST}:{self.scend_port}"

    @property
    def orderwise(self) -> str:
        """The OrderWise stand-in, without a path."""
        return f"http://{HOST}:{self.orderwise_port}"

    @property
    def web(self) -> str:
        """Our own web process."""
        return f"http://{HOST}:{self.web_port}"

    @property
    def flower(self) -> str:
        """Flower, which asks for user `demo` and the generated password."""
        return f"http://{HOST}:{self.flower_port}"

    @property
    def console(self) -> str:
        """The console, which asks for the generated user and password."""
        return f"{self.web}/console/"

    @cached_property
    def console_users(self) -> str:
        """What CONSOLE_USERS has to be for that user, who may act."""
        return f"{self.console_user}:operator:{generate_password_hash(self.console_password, method='scrypt')}"

    def inbound(self, path: str) -> str:
        """The address that SCAYLE calls, with its credentials, as the vendor keeps them in the URL."""
        return f"http://{self.inbound_user}:{self.inbound_password}@{HOST}:{self.web_port}{path}"


def find_addresses() -> Addresses:
    """Find six free ports. Raises OSError where every port is taken."""
    with ExitStack() as held:
        scayle, scend, web, flower, orderwise, redis = (_free_port(held) for _ in range(6))
    return Addresses(scayle, scend, web, flower, orderwise, redis)


def _free_port(held: ExitStack) -> int:
    """Return a port that nobody uses; it is kept until `held` is closed, so that the next one is another."""
    for tries in range(TRIES):
        probe = held.enter_context(socket.socket())
        try:
            # In the end any port at all: better one that might be taken than none.
            probe.bind((HOST, _any_port() if tries < TRIES - 1 else 0))
        except OSError:
            continue
        return int(probe.getsockname()[1])
    raise OSError("no port is free on this machine")


def _any_port() -> int:
    return secrets.choice(PORTS)
