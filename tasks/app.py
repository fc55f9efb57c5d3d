"""The Celery application: `celery -A tasks.app`.

Messages are hints and carry ids only; the ledger decides what is done. The settings follow measurements with
killed workers, children and servers; each says what it guards against.
"""

from __future__ import annotations

from typing import Any

import structlog
from celery import Celery
from celery.signals import setup_logging, task_postrun, task_prerun, worker_process_init

from syncbridge import bootstrap
from syncbridge.coordination.broker import transport_options
from tasks.acknowledging import guard
from tasks.schedule import beat_schedule

guard()
app = Celery("syncbridge", broker=bootstrap.broker_url(bootstrap.configuration().environment))
app.conf.update(
    # Messages are hints: nothing is kept in results (a result backend makes a publish hang for 19 s without Redis).
    task_ignore_result=True,
    result_backend=None,
    task_serializer="json",
    accept_content=["json"],
    enable_utc=True,
    timezone="UTC",
    # A killed child's message comes back within 0.1 s; the ledger's leases and attempt rows end a poison loop.
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    # False would lose the message on an exception and restart it for ever on a time limit.
    task_acks_on_failure_or_timeout=True,
    # Little to give back at a stop.
    worker_prefetch_multiplier=1,
    task_soft_time_limit=90,
    task_time_limit=120,
    # Killing a half-sent call is worse than a repeated, idempotent one.
    worker_cancel_long_running_tasks_on_connection_loss=False,
    broker_transport_options={
        # A frozen server must not hang a consumer.
        **transport_options(socket_timeout=10, connect_timeout=3),
        "health_check_interval": 25,
        # Unacknowledged messages are looked at every 10 s, not every 100 s.
        "unacked_restore_interval": 10,
        "unacked_restore_throttle": 1,
    },
    broker_connection_timeout=3,
    broker_connection_retry_on_startup=True,
    # The default gives up after 100 tries; a worker waits for Redis as long as it takes.
    broker_connection_max_retries=None,
    task_publish_retry_policy={"max_retries": 2, "interval_start": 0, "interval_step": 0.2, "interval_max": 0.5},
    # With REMAP_SIGTERM=SIGQUIT: finish or give back within the platform's 30 s.
    worker_soft_shutdown_timeout=15,
    worker_max_tasks_per_child=1000,
    # Halves the throughput; `--events` switches it on where Flower is wanted.
    worker_send_task_events=False,
    task_send_sent_event=False,
    worker_hijack_root_logger=False,
    worker_redirect_stdouts=False,
    task_default_queue="housekeeping",
    task_routes={f"syncbridge.{flow}": {"queue": queue} for flow, queue in bootstrap.QUEUES.items()},
    beat_schedule=beat_schedule(bootstrap.configuration().schedule),
    imports=("tasks.orders", "tasks.despatches", "tasks.returns", "tasks.stock", "tasks.housekeeping"),
)


@setup_logging.connect
def _set_up_logging(**_options: Any) -> None:
    bootstrap.set_up_logging()


@worker_process_init.connect
def _open_ledger(**_options: Any) -> None:
    """Build the child's context before its first message, so that no order pays for it."""
    bootstrap.context()


@task_prerun.connect
def _bind(task_id: str, task: Any, **_options: Any) -> None:
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(task=task.name, task_id=task_id)


@task_postrun.connect
def _unbind(**_options: Any) -> None:
    structlog.contextvars.clear_contextvars()
