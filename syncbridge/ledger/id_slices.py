"""Long lists of ids, cut so that each part fits one statement."""

from __future__ import annotations

from collections.abc import Sequence

# SQLite bounds the parameters of a statement; a question about 5,000 units goes in slices.
_SLICE = 500


def slices(values: Sequence[int]) -> list[Sequence[int]]:
    """Cut a list of ids so that each part fits one statement."""
    return [values[start : start + _SLICE] for start in range(0, len(values), _SLICE)]
