"""JSON in which a number with a fraction is a Decimal on both sides, so that no penny is ever a binary float."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from json.encoder import encode_basestring
from typing import Any

from aiohttp import web


def read_json(raw: bytes) -> Any:
    """Read UTF-8 JSON with fractions as Decimal; raise ValueError for anything else, NaN and infinity included."""
    try:
        return json.loads(raw.decode("utf-8-sig"), parse_float=Decimal, parse_constant=_no_constant)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def number_text(value: Decimal) -> str:
    """Write a decimal as JSON, always with a fraction and without needless zeros: `2.0`, `59.95`, `-0.25`."""
    text = format(value, "f")
    if "." not in text:
        text += ".0"
    text = text.rstrip("0")
    if text.endswith("."):
        text += "0"
    return "0.0" if text == "-0.0" else text


def to_json(value: Any) -> bytes:
    """Write a value as UTF-8 JSON, half characters as `?`; raise TypeError for a float or any other strange type."""
    parts: list[str] = []
    _write(value, parts.append)
    return "".join(parts).encode(errors="replace")


def _write(value: Any, put: Any) -> None:
    if isinstance(value, str):
        put(encode_basestring(value))
    elif value is None:
        put("null")
    elif value is True:
        put("true")
    elif value is False:
        put("false")
    elif isinstance(value, int):
        put(str(value))
    elif isinstance(value, Decimal):
        put(number_text(value))
    elif isinstance(value, Mapping):
        put("{")
        for index, (name, one) in enumerate(value.items()):
            put("," if index else "")
            put(encode_basestring(str(name)))
            put(":")
            _write(one, put)
        put("}")
    elif isinstance(value, list | tuple):
        put("[")
        for index, one in enumerate(value):
            put("," if index else "")
            _write(one, put)
        put("]")
    else:
        raise TypeError(f"{type(value).__name__} is not written to the wire")


def answer(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """Answer with JSON."""
    return web.Response(
        body=to_json(value), status=status, headers=headers, content_type="application/json", charset="utf-8"
    )


def plain(value: Decimal) -> int | Decimal:
    """Return a whole quantity as an int, for the control plane; on the vendor's wire it stays `2.0`."""
    return int(value) if value == value.to_integral_value() else value
