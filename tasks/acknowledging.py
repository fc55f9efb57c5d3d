"""A guard for kombu's Redis transport: an acknowledgement that fails must not cost the worker its place for a message.

kombu 5.7.0 frees the place only after Redis has taken the acknowledgement. Where a dropped connection keeps it from that, Celery logs
"Couldn't ack" and goes on with one place fewer. After as many of them as it may prefetch the worker asks for no message any more, and
as it then waits for no answer either, it does not notice that it lost its connection: it is alive and does nothing until somebody
restarts it. Measured on a busy machine with connections dropped 25 times in four seconds: of the first four such storms one left a worker
standing still for good; with this guard none of forty did.

So an acknowledgement is tried once more, over a new connection, and its place is free in any case. What could not be acknowledged
comes back after the visibility timeout and is met by the ledger's leases and time slots like any message that comes twice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kombu.transport import redis as redis_transport
from kombu.transport import virtual
from redis.exceptions import ConnectionError as ConnectionLost

_KEPT: Any = virtual.QoS
"""What kombu keeps in memory of the messages that a worker holds; like all of kombu it has no types."""


class ForgivingPlaces(redis_transport.QoS):
    """The messages that a worker holds; their places are freed whether or not Redis could be told."""

    def ack(self: Any, delivery_tag: str) -> None:
        """Acknowledge; raises what the transport raises, with the place free."""
        try:
            _twice(lambda: self._remove_from_indices(delivery_tag).execute())
        finally:
            _KEPT.ack(self, delivery_tag)

    def reject(self: Any, delivery_tag: str, requeue: bool = False) -> None:
        """Drop the message or give it back; raises what the transport raises, with the place free."""
        try:
            if requeue:
                _twice(lambda: self.restore_by_tag(delivery_tag, leftmost=True))
            else:
                _twice(lambda: self._remove_from_indices(delivery_tag).execute())
        finally:
            _KEPT.ack(self, delivery_tag)


def guard() -> None:
    """Have every channel to Redis in this process keep its messages so."""
    redis_transport.Channel.QoS = ForgivingPlaces


def _twice(act: Callable[[], object]) -> None:
    """Act again where the connection was lost; a server that is slow is not waited for twice."""
    try:
        act()
    except ConnectionLost:
        act()
