"""Logging: one pipeline for our own lines and for those of Celery, gunicorn and SQLAlchemy.

A line is a static event plus fields. It goes to standard error, so that the output of a command stays clean: JSON on
servers, readable on a terminal. Redaction is the last step before rendering, exceptions' texts included.
"""

from __future__ import annotations

import logging
import logging.config
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from syncbridge.redaction import Redactor

Format = Literal["auto", "json", "console"]

OWN_FIELDS = frozenset({"event", "level", "logger", "timestamp"})
"""Fields that the pipeline itself sets: their names are never private, their texts may be."""

ADOPTED = (
    "celery", "celery.app.trace", "celery.worker", "celery.beat", "celery.task", "celery.redirected", "kombu", "flower",
    "gunicorn", "gunicorn.error", "gunicorn.access", "sqlalchemy", "sqlalchemy.engine", "alembic", "werkzeug", "aiohttp",
)  # fmt: skip
"""Loggers that bring handlers of their own; they lose them and speak through ours."""

QUIET = (
    "urllib3", "requests", "kombu", "amqp", "asyncio", "alembic.runtime.migration", "sqlalchemy.engine",
    "sqlalchemy.pool",
    # A line for every message received and every success; a flow that did something says so itself.
    "celery.worker.strategy", "celery.app.trace",
)  # fmt: skip
"""Loggers whose INFO is noise to an operator, or quotes addresses and rows."""


class Redaction:
    """The structlog processor that takes private data out of a line."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._redactor = Redactor(secrets)

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        redactor = self._redactor
        return {
            # Names that begin with an underscore are structlog's own and are removed before rendering.
            name: value
            if name.startswith("_")
            else redactor.value(value)
            if name in OWN_FIELDS
            else redactor.named(name, value)
            for name, value in event.items()
        }


def configure(
    log_format: Format = "auto",
    level: str = "INFO",
    *,
    secrets: Iterable[str] = (),
    stream: TextIO | None = None,
) -> None:
    """Set up logging for this process; calling it again replaces what was set up.

    `secrets` are removed from every line wherever they appear. `stream` is standard error unless given. Raises ValueError
    for an unknown level.
    """
    number = logging.getLevelNamesMapping().get(level.upper())
    if number is None:
        raise ValueError(f"unknown log level {level!r}")
    target = stream or sys.stderr
    as_json = log_format == "json" or (log_format == "auto" and not target.isatty())
    before: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]
    renderer: Processor = (
        # Only plain values are left after redaction; times and decimals become texts.
        structlog.processors.JSONRenderer(default=str, sort_keys=False)
        if as_json
        else structlog.dev.ConsoleRenderer(
            colors=target.isatty(), exception_formatter=structlog.dev.plain_traceback, sort_keys=False
        )
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=before,
            processors=[
                Redaction(secrets),
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                renderer,
            ],
            # The traceback was made a text above, so that redaction sees it.
            keep_exc_info=False,
            keep_stack_info=False,
        )
    )
    root = logging.getLogger()
    for old in [*root.handlers]:
        if isinstance(old.formatter, structlog.stdlib.ProcessorFormatter) or type(old) is logging.StreamHandler:
            root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(number)
    for name in ADOPTED:
        adopted = logging.getLogger(name)
        adopted.handlers.clear()
        adopted.propagate = True
        adopted.setLevel(logging.NOTSET)
    for name in QUIET:
        logging.getLogger(name).setLevel(max(number, logging.WARNING))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *before,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        # Not cached: a test that replaces the pipeline must reach loggers made at import.
        cache_logger_on_first_use=False,
    )


@contextmanager
def context(
    *,
    order: int | str | None = None,
    merchant: str | None = None,
    transmission: int | str | None = None,
    vendor_request_id: str | None = None,
    **more: object,
) -> Iterator[None]:
    """Bind these ids to every line that this task or request writes inside the block; None binds nothing."""
    given = {
        "order": order,
        "merchant": merchant,
        "transmission": transmission,
        "vendor_request_id": vendor_request_id,
        **more,
    }
    with structlog.contextvars.bound_contextvars(**{name: value for name, value in given.items() if value is not None}):
        yield


def forget_context() -> None:
    """Begin a task with an empty context: a worker process serves many."""
    structlog.contextvars.clear_contextvars()
