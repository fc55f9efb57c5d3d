"""Parcels that get other names once their numbers come: which goods the shop has heard of, and which not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncbridge.domain.backend import Parcel, ParcelLine
from syncbridge.domain.despatching import added_since, not_heard_of

Content = dict[str, list[tuple[int, int]]]


def parcels(content: Content) -> tuple[Parcel, ...]:
    return tuple(
        Parcel(name, name, tuple(ParcelLine(line, f"SKU{line}", units) for line, units in rows))
        for name, rows in content.items()
    )


def goods(of: tuple[Parcel, ...]) -> Content:
    return {parcel.parcel_id: [(line.line_number, line.quantity) for line in parcel.lines] for parcel in of}


@pytest.mark.parametrize(
    ("now", "heard_of", "names", "fresh", "renamed"),
    [
        # Nothing was told: everything is news.
        ({"A": [(1, 2)]}, {}, set(), {"A": [(1, 2)]}, set()),
        # Told under its own name: nothing is.
        ({"A": [(1, 2)]}, {1: 2}, {"A"}, {}, set()),
        # Told without a name, and divided: nothing is, and both numbers are late.
        ({"A": [(1, 2)], "B": [(1, 1)]}, {1: 3}, {""}, {}, {"A", "B"}),
        # Some of it got its number: the rest is still the nameless one.
        ({"": [(1, 1)], "A": [(1, 2)]}, {1: 3}, {""}, {}, {"A"}),
        # More goods than were told of: the surplus is news.
        ({"A": [(1, 2)], "B": [(1, 2)]}, {1: 3}, {""}, {"B": [(1, 1)]}, {"A", "B"}),
        # Another parcel joins one that was told: it alone is news.
        ({"A": [(1, 2)], "B": [(2, 1)]}, {1: 2}, {"A"}, {"B": [(2, 1)]}, set()),
        # Lines do not cover each other.
        ({"A": [(2, 2)]}, {1: 2}, {""}, {"A": [(2, 2)]}, set()),
        # Two rows of one line in a parcel that was told.
        ({"A": [(1, 1), (1, 1)], "B": [(1, 1)]}, {1: 2}, {"A"}, {"B": [(1, 1)]}, set()),
    ],
)
def test_goods_are_told_once_whatever_their_parcels_are_called(
    now: Content, heard_of: dict[int, int], names: set[str], fresh: Content, renamed: set[str]
) -> None:
    found, known_otherwise = not_heard_of(parcels(now), heard_of, names)
    assert (goods(found), set(known_otherwise)) == (fresh, renamed)


@given(
    st.dictionaries(st.sampled_from("ABCD"), st.lists(st.tuples(st.integers(1, 2), st.integers(1, 4)), max_size=3)),
    st.dictionaries(st.integers(1, 2), st.integers(0, 6)),
)
def test_what_is_news_and_what_was_told_make_up_what_left(now: Content, heard_of: dict[int, int]) -> None:
    fresh, _renamed = not_heard_of(parcels(now), heard_of, {""})
    for line in (1, 2):
        left = sum(units for rows in now.values() for number, units in rows if number == line)
        news = sum(units for rows in goods(fresh).values() for number, units in rows if number == line)
        assert news == max(0, left - heard_of.get(line, 0))


@pytest.mark.parametrize(
    ("now", "told", "still_open", "added"),
    [
        # As it was told.
        ({"A": [(1, 2)]}, [({"A"}, {1: 2})], {1: 5}, {}),
        # One more of the line, and another line.
        ({"A": [(1, 3), (2, 1)]}, [({"A"}, {1: 2})], {1: 1, 2: 1}, {"A": [(1, 1), (2, 1)]}),
        # The order has nothing open for it: it was surplus before, or is wrong.
        ({"A": [(1, 3), (9, 1)]}, [({"A"}, {1: 2})], {}, {}),
        # Goods moved from one told parcel to the other.
        ({"A": [(1, 1)], "B": [(1, 2)]}, [({"A"}, {1: 2}), ({"B"}, {1: 1})], {1: 5}, {}),
        # It is the second parcel that got more.
        ({"A": [(1, 1)], "B": [(1, 2)]}, [({"A"}, {1: 1}), ({"B"}, {1: 1})], {1: 5}, {"B": [(1, 1)]}),
        # Told in two steps under one name.
        ({"A": [(1, 3)]}, [({"A"}, {1: 2}), ({"A"}, {1: 1})], {1: 5}, {}),
        # A parcel that the shop does not know is none of this question; a row without a line is not counted.
        ({"A": [(1, 2)], "C": [(1, 4)]}, [({"A"}, {1: 2})], {1: 5}, {}),
        ({"A": [(0, 2)]}, [({"A"}, {1: 2})], {1: 5}, {}),
    ],
)
def test_goods_put_into_a_told_parcel_are_found(
    now: Content, told: list[tuple[set[str], dict[int, int]]], still_open: dict[int, int], added: Content
) -> None:
    assert goods(added_since(parcels(now), told, still_open)) == added


@given(
    st.dictionaries(st.sampled_from("AB"), st.lists(st.tuples(st.integers(1, 2), st.integers(1, 4)), max_size=3)),
    st.lists(st.tuples(st.sets(st.sampled_from("AB"), min_size=1), st.dictionaries(st.integers(1, 2), st.integers(0, 6)))),
    st.dictionaries(st.integers(1, 2), st.integers(0, 4)),
)
def test_no_more_is_added_than_is_open_and_than_the_parcels_hold_beyond_what_was_told(
    now: Content, told: list[tuple[set[str], dict[int, int]]], still_open: dict[int, int]
) -> None:
    found = goods(added_since(parcels(now), told, still_open))
    names = {name for some, _heard in told for name in some}
    for line in (1, 2):
        added = sum(units for rows in found.values() for number, units in rows if number == line)
        inside = sum(units for name, rows in now.items() if name in names for number, units in rows if number == line)
        heard = sum(units.get(line, 0) for _names, units in told)
        assert added <= min(still_open.get(line, 0), max(0, inside - heard))
