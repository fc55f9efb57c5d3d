"""Ending on a signal without leaving anything behind."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from syncbridge.sandbox.demo.interruption import signals_handled_by


@contextmanager
def tidy_ends() -> Iterator[None]:
    """Turn Ctrl-C, SIGTERM and SIGHUP into KeyboardInterrupt, so that everything is stopped on the way out."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt(signal.Signals(number).name)

    with signals_handled_by(interrupt):
        yield
