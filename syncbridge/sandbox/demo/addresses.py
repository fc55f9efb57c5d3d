"""Where everything in a demo listens, and the secrets made for this one run."""

from __future__ import annotations

import base64
import secrets
import socket
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


def _secret() -> str:
    # Hexadecimal: one that begins with a dash would be taken for an option of the stand-ins.
    return secrets.token_hex(24)


def _webhook_secret() -> str:
    """Return a secret in Scend's form: `whsec_` and base64."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()


@dataclass(frozen=True)
class Addresses:
    """Free ports of loopback, found at once so that no two are the same, and generated secrets."""

    scayle_port: int
    scend_port: int
    web_port: int
    flower_port: int
    orderwise_port: int = 0
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
    """Find five free ports."""
    probes = [socket.socket() for _ in range(5)]
    try:
        for probe in probes:
            probe.bind((HOST, 0))
        scayle, scend, web, flower, orderwise = (int(probe.getsockname()[1]) for probe in probes)
        return Addresses(scayle, scend, web, flower, orderwise)
    finally:
        for probe in probes:
            probe.close()
