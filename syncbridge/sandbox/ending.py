"""Ending what runs on an event loop, surely; and where something does not end, saying what it waits for."""

from __future__ import annotations

import asyncio
import sys
import threading
import traceback
from collections.abc import Iterable
from typing import Any

AGAIN_SECONDS = 1.0
"""After so long a task is cancelled once more (chosen; ending takes milliseconds)."""


async def end(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Cancel tasks until all of them have ended, and raise what one of them failed with.

    Once is not enough: code that a task waits in may take a cancellation for something else, and lose it.
    """
    every = [*tasks]
    waiting = {task for task in every if not task.done()}
    while waiting:
        for task in waiting:
            task.cancel()
        _, waiting = await asyncio.wait(waiting, timeout=AGAIN_SECONDS)
    for task in every:
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error


async def end_the_rest() -> None:
    """Cancel every other task of this loop until all have ended, whatever they end with: nobody is left who would care."""
    waiting = asyncio.all_tasks() - {asyncio.current_task()}
    while waiting:
        for task in waiting:
            task.cancel()
        done, waiting = await asyncio.wait(waiting, timeout=AGAIN_SECONDS)
        for task in done:
            task.cancelled() or task.exception()


def what_is_waited_for(loop: asyncio.AbstractEventLoop, thread: threading.Thread | None = None) -> str:
    """Show where every task of a loop waits that has not ended, and where the thread is that runs it, if it is given."""
    lines: list[str] = []
    for task in _tasks_of(loop):
        lines += [f"task {task.get_name()}:\n", *traceback.format_list(_places(task.get_coro()))]
    frame = sys._current_frames().get(thread.ident or 0) if thread is not None else None
    if frame is not None:
        lines += ["the thread:\n", *traceback.format_stack(frame)]
    return "".join(lines)


def _places(waiting: Any) -> list[traceback.FrameSummary]:
    """Return the lines at which a coroutine waits, and what it waits for waits; a task tells only the first of them."""
    found: list[traceback.FrameSummary] = []
    while waiting is not None:
        frame = getattr(waiting, "cr_frame", None) or getattr(waiting, "gi_frame", None)
        if frame is not None:
            found += traceback.extract_stack(frame, limit=1)
        waiting = getattr(waiting, "cr_await", None) or getattr(waiting, "gi_yieldfrom", None)
    return found


def _tasks_of(loop: asyncio.AbstractEventLoop) -> list[asyncio.Task[Any]]:
    try:
        return sorted(asyncio.all_tasks(loop), key=lambda task: task.get_name())
    except RuntimeError:  # the other thread made and ended tasks all the while
        return []
