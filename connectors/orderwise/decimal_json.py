"""JSON in which a number with a fraction is a Decimal on both sides: no amount is ever a binary float."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any


def read_json(raw: bytes) -> Any:
    """Parse JSON with fractions as Decimal. Raises ValueError for anything else, NaN and Infinity included."""
    try:
        return json.loads(raw.decode("utf-8-sig"), parse_float=Decimal, parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError("nests too deeply") from error


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def compact_json(value: Any) -> str:
    """Write JSON whose bytes depend on its content only: sorted keys, no spaces, decimals digit by digit.

    `{"b": Decimal("4.90"), "a": 1}` becomes `{"a":1,"b":4.90}`. Raises TypeError for a float.
    """
    if isinstance(value, Mapping):
        members = (f"{_text(name)}:{compact_json(value[name])}" for name in sorted(value))
        return "{" + ",".join(members) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(compact_json(one) for one in value) + "]"
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise TypeError("an amount must be a number")
        return f"{value:f}"
    if isinstance(value, str):
        return _text(value)
    if value is None or isinstance(value, bool | int):
        return json.dumps(value)
    raise TypeError(f"{type(value).__name__} is not written to OrderWise")


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)
