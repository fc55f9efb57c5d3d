"""How every process talks to the Celery broker: those that publish (the doorbell) and those that consume (`tasks.app`)."""

from __future__ import annotations

from typing import Any

from syncbridge.coordination import keys

VISIBILITY_TIMEOUT_SECONDS = 900
"""Chosen: longer than two task time limits and the longest countdown. The ledger's sweeper is the fast path, not this."""

PUBLISH_TIMEOUT_SECONDS = 0.3
"""Chosen: a publisher stands in the way of a web request or a task; the sweeper makes up for a lost message."""


def transport_options(*, socket_timeout: float, connect_timeout: float) -> dict[str, Any]:
    """Return kombu's options for the Redis transport; seconds.

    Publishers and consumers must agree on the prefix and on the visibility timeout: the shortest one in a database counts for all
    (Celery documentation, "Using Redis").
    """
    return {
        "visibility_timeout": VISIBILITY_TIMEOUT_SECONDS,
        "global_keyprefix": keys.PREFIX,
        "socket_timeout": socket_timeout,
        "socket_connect_timeout": connect_timeout,
        "socket_keepalive": True,
        "client_name": "syncbridge",
    }
