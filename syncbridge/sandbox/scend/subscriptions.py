"""Webhook subscriptions and signatures (contract 2.16, assumed; the Standard Webhooks scheme)."""

from __future__ import annotations

import base64
import hmac
import ipaddress
import os
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from syncbridge.sandbox.clock import SandboxClock, format_instant

TOPICS = (
    "order.status_changed",
    "despatch.created",
    "despatch.updated",
    "stock.changed",
    "return.received",
    "ping",
)
MOST_SUBSCRIPTIONS = 10
OLD_SECRET_SECONDS = 24 * 3600
SECRET_PREFIX = "whsec_"  # noqa: S105 - the public prefix of a secret, not one


def new_secret() -> str:
    """Return a fresh signing secret."""
    return SECRET_PREFIX + base64.b64encode(os.urandom(24)).decode()


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """Return `v1,<base64>`: HMAC-SHA256 over `<id>.<timestamp>.<body>` with the decoded secret."""
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()


def url_problem(url: str) -> str | None:
    """Say why webhooks cannot go to this URL, or None; plain HTTP only to this machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        parts.port  # noqa: B018 - reading it is what checks it
    except ValueError:
        return "Not a URL."
    if parts.scheme == "https" and host:
        return None
    if parts.scheme == "http" and _is_local(host):
        return None
    return "HTTPS is required."


def _is_local(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass
class Subscription:
    """One receiver: where, what, and the secrets that sign."""

    id: str
    url: str
    topics: tuple[str, ...]
    description: str | None
    secret: str
    created_at: datetime
    status: str = "ENABLED"
    old_secrets: list[tuple[str, float]] = field(default_factory=list)
    failing_since: float | None = None

    def secrets_at(self, now: float) -> list[str]:
        """Return the secrets that are valid at this sandbox time, the newest first."""
        self.old_secrets = [(secret, until) for secret, until in self.old_secrets if until > now]
        return [self.secret, *(secret for secret, _ in self.old_secrets)]

    def rotate(self, now: float) -> None:
        """Take a new secret; the old one keeps signing for 24 hours."""
        self.old_secrets.insert(0, (self.secret, now + OLD_SECRET_SECONDS))
        self.secret = new_secret()

    def to_json(self, *, with_secret: bool) -> dict[str, Any]:
        """Return the public document; the secret is shown on creation and rotation only."""
        return {
            "subscriptionId": self.id,
            "url": self.url,
            "topics": list(self.topics),
            "description": self.description,
            "status": self.status,
            "secret": self.secret if with_secret else None,
            "createdAt": format_instant(self.created_at),
        }


class Subscriptions:
    """The subscriptions of one account."""

    def __init__(self, clock: SandboxClock) -> None:
        self._clock = clock
        self.by_id: dict[str, Subscription] = {}

    def add(
        self,
        subscription_id: str,
        url: str,
        topics: tuple[str, ...],
        description: str | None,
        secret: str | None,
    ) -> Subscription:
        """Add a receiver."""
        made = Subscription(
            subscription_id, url, topics, description, secret or new_secret(), self._clock.now()
        )
        self.by_id[made.id] = made
        return made

    def receivers(self, topic: str) -> list[Subscription]:
        """Return the enabled subscriptions to a topic."""
        return [one for one in self.by_id.values() if one.status == "ENABLED" and topic in one.topics]
