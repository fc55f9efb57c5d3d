"""Paging that never ends early in silence and never runs in circles."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from connectors.http import AnswerTooLarge
from syncbridge.domain.errors import CallEvidence, RetryLater

Row = TypeVar("Row")


@dataclass(frozen=True)
class Page(Generic[Row]):
    """One page as a vendor sent it. `more` says that another page waits behind `token`."""

    rows: tuple[Row, ...]
    token: str
    more: bool


def pages(
    fetch: Callable[[str | None, int], Page[Row]],
    *,
    start: str | None,
    limit: int,
    system: str,
    operation: str,
) -> Iterator[Page[Row]]:
    """Yield every page from `start` on, each fetched only when it is asked for.

    `fetch` takes a token and a page size. An empty page in the middle is an ordinary page. A token that was met
    before would go round for ever: it raises RetryLater, after the pages that did bring something new. A page that is
    too large to be read is asked for again in smaller pieces.
    """
    seen = set() if start is None else {start}
    token = start
    while True:
        try:
            page = fetch(token, limit)
        except AnswerTooLarge:
            if limit == 1:
                raise
            limit = max(1, limit // 4)
            continue
        yield page
        if not page.more:
            return
        token = page.token
        if not token or token in seen:
            evidence = CallEvidence(system, operation)
            raise RetryLater(
                "paging would go in circles: more is promised behind a token met before", evidence
            )
        seen.add(token)
