"""Ctrl-C and its like: the first one is an exception, and none disturbs the tidying up."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(BaseException):
    """Somebody wants the run to end; `number` is the signal.

    It comes at any moment, and no `except Exception` on its way, of a library's tidying up, may swallow it.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number

    @property
    def exit_code(self) -> int:
        """What a shell shows for a process that this signal ended."""
        return 128 + self.number


@contextmanager
def signals_as_exceptions() -> Iterator[None]:
    """Turn the first Ctrl-C, SIGTERM or SIGHUP into Interrupted; the handlers before come back afterwards."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise Interrupted(number)

    with signals_handled_by(interrupt):
        yield


@contextmanager
def signals_ignored() -> Iterator[None]:
    """Let nothing disturb the tidying up: it is bounded, and what it leaves half done nobody else does."""
    with signals_handled_by(signal.SIG_IGN):
        yield


@contextmanager
def signals_held() -> Iterator[None]:
    """Let what is begun here be finished: a signal that comes meanwhile counts when the block ends.

    For starting processes: one whose start is interrupted is known to nobody, and nobody would end it.
    """
    held: list[int] = []
    with signals_handled_by(lambda number, _frame: held.append(number)):
        yield
    for number in held[:1]:
        signal.raise_signal(number)


@contextmanager
def signals_handled_by(handler: Any) -> Iterator[None]:
    """Handle Ctrl-C, SIGTERM and SIGHUP by this; the handlers before come back afterwards."""
    if threading.current_thread() is not threading.main_thread():
        # Only the main thread gets signals; a run that a test starts elsewhere has none to handle.
        yield
        return
    before = {number: signal.signal(number, handler) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
