from __future__ import annotations

import pytest

from connectors.http import AnswerTooLarge
from connectors.pagination import Page, pages
from syncbridge.domain.errors import CallEvidence, RetryLater


def read(answers: dict[str | None, Page[int]], start: str | None = None) -> list[Page[int]]:
    return list(pages(lambda token, _: answers[token], start=start, limit=100, system="s", operation="o"))


def test_every_page_is_read_empty_ones_included() -> None:
    answers = {
        None: Page((1, 2), "a", more=True),
        "a": Page((), "b", more=True),
        "b": Page((3,), "c", more=False),
    }
    assert [row for page in read(answers) for row in page.rows] == [1, 2, 3]


def test_an_unchanged_position_at_the_end_is_no_repetition() -> None:
    assert read({"a": Page((), "a", more=False)}, start="a") == [Page((), "a", more=False)]


@pytest.mark.parametrize("token", ["a", ""])
def test_a_repeated_or_missing_token_is_refused_after_its_page(token: str) -> None:
    answers = {None: Page((1,), "a", more=True), "a": Page((2,), token, more=True)}
    reading = pages(lambda token, _: answers[token], start=None, limit=9, system="s", operation="o")
    assert [next(reading).rows, next(reading).rows] == [(1,), (2,)]
    with pytest.raises(RetryLater, match="circles"):
        next(reading)


def test_a_stored_token_that_comes_back_is_refused() -> None:
    with pytest.raises(RetryLater, match="circles"):
        read({"a": Page((1,), "a", more=True)}, start="a")


def test_pages_are_fetched_only_when_asked_for() -> None:
    asked = []

    def fetch(token: str | None, limit: int) -> Page[int]:
        asked.append(token)
        return Page((1,), f"{len(asked)}", more=True)

    reading = pages(fetch, start=None, limit=9, system="s", operation="o")
    assert asked == []
    next(reading)
    next(reading)
    assert asked == [None, "1"]


def test_a_page_that_is_too_large_is_asked_for_in_smaller_pieces() -> None:
    sizes = []

    def fetch(token: str | None, limit: int) -> Page[int]:
        sizes.append(limit)
        if limit > 10:
            raise AnswerTooLarge("too large", CallEvidence("s", "o"))
        return Page((1,), "", more=False)

    assert len(list(pages(fetch, start=None, limit=100, system="s", operation="o"))) == 1
    assert sizes == [100, 25, 6]


def test_a_single_row_that_is_too_large_is_reported() -> None:
    def fetch(token: str | None, limit: int) -> Page[int]:
        raise AnswerTooLarge("too large", CallEvidence("s", "o"))

    with pytest.raises(AnswerTooLarge):
        list(pages(fetch, start=None, limit=4, system="s", operation="o"))
