"""The doctor's round: installation, configuration, database, Redis, then vendors, scheduler and workers."""

from __future__ import annotations

import importlib.util
import logging
import os
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

from syncbridge import bootstrap, config, log
from syncbridge.cli.finding import Finding, ok, trouble, warning
from syncbridge.cli.running_checks import ledger_at_work, workers
from syncbridge.cli.vendor_checks import vendors
from syncbridge.config import Configuration, ConfigurationFaults
from syncbridge.config.environment import Environment
from syncbridge.coordination.inspection import server_state
from syncbridge.coordination.redis_connection import RedisConnection, RedisUnreachable
from syncbridge.ledger.engine import Ledger
from syncbridge.reports.access import LedgerUnavailable, shown, translated
from syncbridge.reports.schema import exists, schema_of

PACKAGES = ("syncbridge", "tasks", "connectors")


def examine() -> Iterator[Finding]:
    """Yield every finding as soon as it is known. What cannot be checked for want of something else is left out."""
    # Findings are the output here; what the connectors log about the same calls would say it twice.
    log.configure("auto", "CRITICAL")
    logging.disable(logging.CRITICAL)
    try:
        yield from _examine()
    finally:
        logging.disable(logging.NOTSET)


def _examine() -> Iterator[Finding]:
    yield from package_ownership()
    faults: list[str] = []
    environment = config.read_environment(os.environ, faults)
    settings: Configuration | None = None
    try:
        settings = bootstrap.configuration()
        yield ok("configuration", f"{settings.source} is right")
        for text in settings.warnings:
            name, _, rest = text.partition(": ")
            yield warning("configuration", f"{name}: {rest}" if rest else text)
    except ConfigurationFaults as error:
        for fault in error.faults:
            yield trouble("configuration", fault, "Correct it, then: syncbridge config check")
    if environment is None:
        return
    migrated = False
    for finding, sound in _database(environment):
        migrated = sound
        yield finding
    redis_answers = False
    for finding, sound in _redis(environment):
        redis_answers = sound
        yield finding
    if settings is None or environment.redis_url is None:
        return
    try:
        context = bootstrap.context()
        yield from vendors(context)
        if migrated:
            with translated(context.ledger):
                yield from ledger_at_work(context)
        if redis_answers:
            yield from workers(environment.redis_url)
    except LedgerUnavailable as error:
        yield trouble("database", str(error), "See the database's own log.")
    finally:
        bootstrap.forget()


def package_ownership() -> Iterator[Finding]:
    """Check that the three packages load from one place: `tasks` and `connectors` are names that others use too."""
    homes = {name: _home(name) for name in PACKAGES}
    own = homes["syncbridge"]
    for name, home in homes.items():
        if home is None:
            yield trouble("packages", f"{name} cannot be imported", "Install syncbridge again into its own environment.")
        elif home != own:
            yield trouble(
                "packages",
                f"{name} loads from {home}, not from {own}",
                "Another distribution or the current folder hides ours: use an environment of its own.",
            )
    known = packages_distributions()
    for name in PACKAGES:
        others = sorted(set(known.get(name, ())) - {"syncbridge"})
        if others:
            yield trouble(
                "packages", f"{name} is also installed by {', '.join(others)}", f"Uninstall {', '.join(others)} here."
            )
    if all(home == own for home in homes.values()):
        yield ok("packages", f"{', '.join(PACKAGES)} load from {own}")


def _home(name: str) -> Path | None:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).resolve().parents[1]


def _database(environment: Environment) -> Iterator[tuple[Finding, bool]]:
    ledger = Ledger(environment.database_url, pool_size=1)
    where = shown(ledger)
    try:
        with translated(ledger):
            if not exists(ledger):
                yield trouble("database", f"there is no ledger yet at {where}", "Run: syncbridge db upgrade"), False
                return
            ledger.ping()
            yield ok("database", f"{where} answers"), False
            schema = schema_of(ledger)
            if schema.pending:
                missing = ", ".join(revision.id for revision in schema.pending)
                yield trouble("migrations", f"missing: {missing}", "Run: syncbridge db upgrade"), False
            elif schema.newer:
                text = f"the database is at {schema.current}, which this version does not know"
                yield warning("migrations", text, "Deploy the newest version here too."), True
            else:
                yield ok("migrations", f"at {schema.current}, which is the newest"), True
    except LedgerUnavailable as error:
        yield trouble("database", str(error), "Nothing can be taken in until it answers."), False
    finally:
        ledger.close()


def _redis(environment: Environment) -> Iterator[tuple[Finding, bool]]:
    try:
        url = bootstrap.broker_url(environment)
    except ConfigurationFaults as error:
        yield trouble("redis", error.faults[0], "Set REDIS_URL for every process."), False
        return
    where = config.masked_url(url)
    try:
        state = server_state(RedisConnection.to(url))
    except RedisUnreachable:
        way_out = "Check REDIS_URL and that the server runs. Orders are still taken in and wait in the ledger."
        yield trouble("redis", f"{where} does not answer", way_out), False
        return
    yield ok("redis", f"{where} answers, version {state.version}"), True
    if state.eviction_policy == "noeviction":
        yield ok("redis eviction", "noeviction"), True
    elif state.memory_limit_bytes:
        yield (
            trouble(
                "redis eviction",
                f"maxmemory-policy is {state.eviction_policy}: a full server drops messages and locks without a word",
                "Set maxmemory-policy noeviction.",
            ),
            True,
        )
    else:
        text = f"maxmemory-policy is {state.eviction_policy}, harmless only while there is no memory limit"
        yield warning("redis eviction", text, "Set maxmemory-policy noeviction."), True
    if not state.append_only and not state.snapshots:
        text = "nothing is kept over a restart: messages are then rung for again, within seconds"
        yield warning("redis persistence", text, "Set appendonly yes to spare the wait."), True
    else:
        yield ok("redis persistence", "append-only file" if state.append_only else "snapshots"), True
