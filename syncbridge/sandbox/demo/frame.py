"""What a run with real processes stands in: a folder of its own, signals, an exit code, and no process left behind."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from syncbridge.embedded.redis_server import EmbeddedRedis, EmbeddedRedisFailed
from syncbridge.sandbox.demo.addresses import Addresses, find_addresses
from syncbridge.sandbox.demo.installing import CHECKOUT, LONGEST_SOCKET_PATH
from syncbridge.sandbox.demo.interruption import (
    Interrupted,
    signals_as_exceptions,
    signals_held,
    signals_ignored,
)
from syncbridge.sandbox.demo.processes import DemoFailed, Processes, usual_environment
from syncbridge.sandbox.demo.screen import Screen
from syncbridge.sandbox.demo.stage import Stage
from syncbridge.sandbox.demo.vendors import Vendors
from syncbridge.sandbox.replay import ReplayRefused


@dataclass(frozen=True)
class House:
    """What is there before anything of ours is started."""

    addresses: Addresses
    redis: EmbeddedRedis
    environment: Mapping[str, str]
    processes: Processes
    vendors: Vendors


def carry_out(name: str, state_dir: Path | None, screen: Screen, act: Callable[[Stage], bool]) -> int:
    """Run `act`, which says whether everything held, and return the exit code.

    0 everything held, 1 something did not or could not start, 2 wrong use, 128 plus the signal's number when it was interrupted.
    A folder that was made for it stays where somebody has to look into it.
    """
    stage = Stage(state_dir or Path(tempfile.mkdtemp(prefix=f"syncbridge-{name}-")))
    if len(str(stage.socket)) > LONGEST_SOCKET_PATH:
        screen.say(f"{stage.folder}: the path is too long for a socket in it; choose a shorter one")
        return 2
    keep_folder = state_dir is not None
    try:
        with signals_as_exceptions():
            held = act(stage)
        code = 0 if held else 1
        keep_folder = keep_folder or not held
    except Interrupted as error:
        screen.say(f"stopped by {error}")
        code = error.exit_code
    except (DemoFailed, ReplayRefused, EmbeddedRedisFailed) as error:
        screen.say(f"{name} could not be carried out: {error}")
        code, keep_folder = 1, True
    if keep_folder:
        screen.say(f"logs, configuration and ledger are in {stage.folder}")
    else:
        shutil.rmtree(stage.folder, ignore_errors=True)
    return code


@contextmanager
def house(stage: Stage, screen: Screen) -> Iterator[House]:
    """Start Redis and make ready for processes; end them all afterwards, and fail where one would not end."""
    addresses = find_addresses()
    with ExitStack() as stack:
        environment = usual_environment({}, CHECKOUT)
        with signals_held():
            redis = stack.enter_context(EmbeddedRedis(stage.redis, port=addresses.redis_port))
            processes = stack.enter_context(Processes(stage, environment))
            processes.guard(redis.pid)
        vendors = stack.enter_context(Vendors(addresses, both=True))
        try:
            yield House(addresses, redis, environment, processes, vendors)
        finally:
            with signals_ignored():
                screen.say("stopping every process")
                processes.stop()
                redis.stop()
        left = processes.left_behind()
        if left:
            raise DemoFailed(f"processes {left} would not end")
    screen.say("no process is left behind")
