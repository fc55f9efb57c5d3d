"""Where everything is joined: the one module that knows the concrete classes behind the ports."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable, Mapping

import structlog

from connectors.orderwise import client as orderwise_client
from connectors.orderwise.adapter import OrderWiseBackend
from connectors.orderwise.dialect import SYSTEM as ORDERWISE
from connectors.scayle import client as scayle_client
from connectors.scayle.adapter import ScayleShop
from connectors.scend import client as scend_client
from connectors.scend.adapter import ScendBackend
from syncbridge import config, log
from syncbridge.config import Configuration
from syncbridge.config.environment import Environment
from syncbridge.coordination.breaker import RedisBreaker
from syncbridge.coordination.clock import SystemClock
from syncbridge.coordination.doorbell import CeleryDoorbell
from syncbridge.coordination.locks import RedisCoordinator
from syncbridge.coordination.quota import RedisQuota
from syncbridge.coordination.redis_connection import RedisConnection
from syncbridge.domain.errors import ConfigurationFaults
from syncbridge.flows.context import Context
from syncbridge.ledger import order_parts
from syncbridge.ledger.engine import Ledger
from syncbridge.ports.backend import FulfilmentBackend
from syncbridge.ports.quota import QuotaReading

logger = structlog.get_logger(__name__)

QUEUES = {
    "order_push": "orders",
    "order_poll": "orders",
    "cancellation_push": "cancellations",
    "cancel_ask": "cancellations",
    "cancel_learn": "cancellations",
    "status_pull": "despatches",
    "despatch_pull": "despatches",
    "reread": "despatches",
    "shipment_push": "despatches",
    "return_pull": "returns",
    "return_announce": "returns",
    "return_push": "returns",
    "return_check": "returns",
    "sweep": "orders",
    "stock_sync": "stock",
    "stock_reconcile": "stock",
    "catalogue_pull": "housekeeping",
    "escalate": "housekeeping",
    "housekeep": "housekeeping",
}
"""The queue of every flow. The sweeper rides with the orders: a worker that serves orders must always be there."""

SPACED_SECONDS = {"status_pull": 5.0, "despatch_pull": 5.0, "return_pull": 5.0, "return_check": 10.0, "stock_sync": 5.0, "catalogue_pull": 10.0, "order_poll": 10.0}
"""Flows that read feeds, and how far their runs are kept apart when webhooks ring. At Scend's two calls a second, two feeds
read twice in five seconds are under half of the quota, and a parcel is still told of within seconds."""

_lock = threading.Lock()
_configuration: Configuration | None = None
_context: tuple[int, Context] | None = None


def configuration() -> Configuration:
    """Return the checked configuration, read once a process; raises ConfigurationFaults with every fault."""
    global _configuration  # noqa: PLW0603  # read once at the edge, by whoever comes first
    with _lock:
        if _configuration is None:
            _configuration = config.load(os.environ)
    return _configuration


def context() -> Context:
    """Return this process's context, made at first use and again after a fork: connections are never shared."""
    global _context  # noqa: PLW0603  # one context a process
    settings = configuration()
    with _lock:
        if _context is None or _context[0] != os.getpid():
            _context = (os.getpid(), build(settings))
        return _context[1]


def forget() -> None:
    """Drop what was read and built, so that the next call starts from the environment again."""
    global _configuration, _context  # noqa: PLW0603  # the counterpart of the two functions above
    with _lock:
        if _context is not None and _context[0] == os.getpid():
            _context[1].ledger.close()
        _configuration = None
        _context = None


def set_up_logging(settings: Configuration | None = None) -> None:
    """Set this process's logging up; every secret of the environment is removed from every line."""
    environment = (settings or configuration()).environment
    log.configure(environment.log_format, environment.log_level, secrets=_secrets(environment))


def broker_url(environment: Environment) -> str:
    """Return the URL of Redis; raises ConfigurationFaults where there is none."""
    if environment.redis_url is None:
        raise ConfigurationFaults(
            ["REDIS_URL: missing; set it to redis://:password@host:6379/0 (syncbridge demo brings its own)"]
        )
    return environment.redis_url


def build(settings: Configuration) -> Context:
    """Make a context from a configuration."""
    environment = settings.environment
    url = broker_url(environment)
    redis = RedisConnection.to(url)
    quota = RedisQuota(redis, known=_known_quotas(settings), order_share=settings.limits.order_share)
    breaker = RedisBreaker(redis)
    deadline = settings.limits.call_deadline_seconds
    ledger = Ledger(environment.database_url, pool_size=8)
    backends: dict[str, FulfilmentBackend] = {}
    if settings.scend is not None:
        backends["scend"] = ScendBackend(
            settings.scend,
            _needed(environment.scend_api_token, "SCEND_API_TOKEN"),
            quota,
            breaker,
            webhook_secrets=[secret.get_secret_value() for secret in environment.scend_webhook_secrets],
            deadline_seconds=deadline,
            proxy=_proxy(os.environ),
        )
    if settings.orderwise is not None:
        backends["orderwise"] = OrderWiseBackend(
            settings.orderwise,
            _needed(environment.orderwise_username, "ORDERWISE_USERNAME"),
            _needed(environment.orderwise_password, "ORDERWISE_PASSWORD"),
            quota,
            breaker,
            may_be_ours=may_be_ours(settings, ledger),
            deadline_seconds=deadline,
            proxy=_proxy(os.environ),
        )
    shop = ScayleShop(
        settings.scayle,
        _needed(environment.scayle_access_token, "SCAYLE_ACCESS_TOKEN"),
        quota,
        breaker,
        deadline_seconds=deadline,
        proxy=_proxy(os.environ),
    )
    return Context(
        clock=SystemClock(),
        ledger=ledger,
        shop=shop,
        backends=backends,
        configuration=settings,
        coordinator=RedisCoordinator(redis),
        quota=quota,
        doorbell=CeleryDoorbell.to(url, QUEUES, redis, SPACED_SECONDS),
        chance=random.random,
        sleep=time.sleep,
    )


def may_be_ours(settings: Configuration, ledger: Ledger) -> Callable[[str], bool]:
    """Return the function that says whether a reference may be one of our orders'.

    It may where a merchant's template makes such references today, and is where one was sent under an earlier template.
    """

    def may_be(reference: str) -> bool:
        if any(merchant.may_be_reference(reference) for merchant in settings.merchants):
            return True
        if not reference:
            return False
        with ledger.reading() as connection:
            return order_parts.is_reference(connection, reference)

    return may_be


def _known_quotas(settings: Configuration) -> Mapping[tuple[str, str], QuotaReading]:
    """Return the limits that documents and configuration state; answers' headers teach the real ones."""
    known = {(scayle_client.SYSTEM, scope): reading for scope, reading in scayle_client.FIRST_GUESS.items()}
    if settings.scend is not None:
        known |= {
            (scend_client.SYSTEM, scope): reading
            for scope, reading in scend_client.first_guess(settings.scend).items()
        }
    if settings.orderwise is not None:
        known |= {
            (ORDERWISE, scope): reading
            for scope, reading in orderwise_client.first_guess(settings.orderwise).items()
        }
    return known


def _needed(secret: object, name: str) -> str:
    value = getattr(secret, "get_secret_value", str)()
    if not value:
        raise ConfigurationFaults([f"{name}: missing"])
    return str(value)


def _proxy(environ: Mapping[str, str]) -> str | None:
    return environ.get("HTTPS_PROXY") or environ.get("https_proxy") or None


def _secrets(environment: Environment) -> list[str]:
    singles = (
        environment.scayle_access_token,
        environment.scayle_inbound_password,
        environment.scend_api_token,
        environment.orderwise_password,
        environment.console_users,
        environment.flower_basic_auth,
    )
    found = [
        secret.get_secret_value() for secret in (*singles, *environment.scend_webhook_secrets) if secret is not None
    ]
    return [*found, *(user.password_hash for user in environment.users)]
