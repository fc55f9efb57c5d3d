"""What gunicorn loads: `syncbridge.web.wsgi:app`, in each worker, after the fork."""

from __future__ import annotations

from flask import Flask

from syncbridge import bootstrap
from syncbridge.coordination.redis_connection import RedisConnection
from syncbridge.web.worker_group import share_counters


def _make_app() -> Flask:
    settings = bootstrap.configuration()
    bootstrap.set_up_logging(settings)
    share_counters(settings.environment.state_dir)
    # Only now: this imports prometheus_client, which must find the folder in the environment.
    from syncbridge.web.app import create_app
    from syncbridge.web.parts import Parts

    redis = RedisConnection.to(bootstrap.broker_url(settings.environment))
    return create_app(Parts(bootstrap.context, bootstrap.configuration, redis.ping))


app = _make_app()
