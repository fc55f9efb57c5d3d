"""The circuit breaker's rule for one process alone, for the time in which Redis is out of reach."""

from __future__ import annotations

import threading
from dataclasses import dataclass


@dataclass
class _Circuit:
    failures: int = 0
    first_at: float = 0.0
    open_seconds: float = 0.0
    open_until: float = 0.0


class LocalCircuits:
    """One circuit per system. Thread-safe; seconds are monotonic."""

    def __init__(
        self, *, failures: int, within_seconds: float, first_open_seconds: float, longest_open_seconds: float
    ) -> None:
        self._failures = failures
        self._within_seconds = within_seconds
        self._first_open_seconds = first_open_seconds
        self._longest_open_seconds = longest_open_seconds
        self._circuits: dict[str, _Circuit] = {}
        self._lock = threading.Lock()

    def wait(self, system: str, now: float) -> float:
        """Return the seconds to wait; 0 lets the call through. A probe goes through at most once per open time."""
        with self._lock:
            circuit = self._circuits.get(system)
            if circuit is None or circuit.open_seconds == 0:
                return 0.0
            if circuit.open_until > now:
                return circuit.open_until - now
            circuit.open_until = (
                now + circuit.open_seconds
            )  # held back for the others until the probe's outcome
            return 0.0

    def succeeded(self, system: str) -> None:
        """Close the circuit."""
        with self._lock:
            self._circuits.pop(system, None)

    def failed(self, system: str, now: float, *, refused: bool) -> bool:
        """Count a failure and say whether it opened the circuit."""
        with self._lock:
            circuit = self._circuits.setdefault(system, _Circuit(first_at=now))
            if circuit.open_seconds > 0:
                longer = self._longest_open_seconds if refused else circuit.open_seconds * 2
                circuit.open_seconds = min(self._longest_open_seconds, longer)
                circuit.open_until = now + circuit.open_seconds
                return False
            if now - circuit.first_at > self._within_seconds:
                circuit.failures, circuit.first_at = 0, now
            circuit.failures += 1
            if not refused and circuit.failures < self._failures:
                return False
            circuit.open_seconds = self._longest_open_seconds if refused else self._first_open_seconds
            circuit.open_until = now + circuit.open_seconds
            return True
