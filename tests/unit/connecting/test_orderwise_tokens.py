"""The token among many threads: minted once, whoever needs it, and once more when it is refused."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from connectors.orderwise.tokens import TokenStore
from syncbridge.ports.quota import Lane

THREADS = 8


class Slow:
    """A transport that mints tokens one by one, slowly enough for everybody to ask meanwhile."""

    def __init__(self) -> None:
        self.minted = 0
        self._counting = threading.Lock()

    def exchange(self, _call: Any, _read: Any) -> str:
        with self._counting:
            self.minted += 1
            token = f"tok-{self.minted}"
        time.sleep(0.05)
        return token


def store(transport: Any, breaker: Any) -> TokenStore:
    return TokenStore(transport, breaker, "user", "s3cret", 3_000)


def at_once(act: Callable[[], str]) -> set[str]:
    start = threading.Barrier(THREADS)

    def one(_number: int) -> str:
        start.wait(timeout=60)
        return act()

    with ThreadPoolExecutor(THREADS) as pool:
        return set(pool.map(one, range(THREADS)))


def test_many_who_need_a_token_at_once_share_one(breaker: Any) -> None:
    transport = Slow()
    tokens = store(transport, breaker)
    assert at_once(lambda: tokens.current(Lane.ORDERS)) == {"tok-1"}
    assert transport.minted == 1


def test_many_whose_token_is_refused_at_once_have_it_minted_once_more(breaker: Any) -> None:
    transport = Slow()
    tokens = store(transport, breaker)
    old = tokens.current(Lane.ORDERS)

    def refused() -> str:
        tokens.drop(old)
        return tokens.current(Lane.ORDERS)

    assert at_once(refused) == {"tok-2"}
    assert transport.minted == 2


def test_a_late_refusal_of_an_old_token_does_not_cost_the_new_one(breaker: Any) -> None:
    transport = Slow()
    tokens = store(transport, breaker)
    old = tokens.current(Lane.ORDERS)
    tokens.drop(old)
    fresh = tokens.current(Lane.ORDERS)
    tokens.drop(old)
    assert tokens.current(Lane.ORDERS) == fresh
    assert transport.minted == 2
