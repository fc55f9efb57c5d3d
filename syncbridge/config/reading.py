"""One section of the file: what it says, what is wrong with it, in words that name the key, and what is sound all the same."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from copy import deepcopy
from difflib import get_close_matches
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

Model = TypeVar("Model", bound=BaseModel)

_GONE = object()


def read_section(
    model: type[Model], values: object, prefix: str, faults: list[str], stand_ins: Mapping[str, Any] | None = None
) -> Model | None:
    """Read one section; its faults are appended.

    With `stand_ins`, a faulty section still yields something to hold against the others: what was right in it, defaults
    for the rest, and the stand-ins for what has no default. It is never returned to a caller of `load`.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False)
    faults += [_fault(model, prefix, detail) for detail in details if not _is_echo(detail, details)]
    if stand_ins is None or not isinstance(values, dict):
        return None
    sound = _without_faults(values, details)
    wrong = {detail["loc"][0] for detail in details if detail["loc"]}
    for right in (sound, {name: value for name, value in values.items() if name not in wrong}):
        try:
            return model.model_validate({**stand_ins, **right})
        except ValidationError:
            continue
    return None


def _without_faults(values: dict[str, Any], details: list[ErrorDetails]) -> dict[str, Any]:
    """Return the section less the entries that are at fault, and no more than these: one wrong word must not empty a map."""
    copied = deepcopy(values)
    for detail in details:
        holder: Any = None
        place: Any = ""
        found: Any = copied
        for part in detail["loc"]:
            # What is no key of the file (a type's own name, the mark of a key) only tells how the entry was read.
            is_entry = part in found if isinstance(found, dict) else isinstance(found, list) and part in range(len(found))
            if is_entry:
                holder, place, found = found, part, found[part]
        if holder is not None:
            holder[place] = _GONE
    return {name: _pruned(value) for name, value in copied.items() if value is not _GONE}


def _pruned(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _pruned(one) for name, one in value.items() if one is not _GONE}
    if isinstance(value, list):
        return [_pruned(one) for one in value if one is not _GONE]
    return value


def _is_echo(detail: ErrorDetails, details: list[ErrorDetails]) -> bool:
    """A list counts as too short when its only entry is faulty; the entry's own fault says it better."""
    place = detail["loc"]
    return detail["type"] == "too_short" and any(
        other["loc"][: len(place)] == place and len(other["loc"]) > len(place) for other in details
    )


def _fault(model: type[BaseModel], prefix: str, detail: ErrorDetails) -> str:
    name = _name(prefix, detail["loc"])
    match detail["type"]:
        case "extra_forbidden":
            return f"{name}: unknown key{suggestion(str(detail['loc'][-1]), _known_keys(model, detail['loc'][:-1]))}"
        case "missing":
            return f"{name}: missing"
        case "too_short":
            return f"{name}: needs at least one entry"
        case "string_too_short":
            return f"{name}: must not be blank"
        case "value_error" | "assertion_error":
            return f"{name}: {detail['msg'].partition(', ')[2]}"
        case _:
            message = detail["msg"]
            return f"{name}: {message[:1].lower()}{message[1:]}"


def _name(prefix: str, location: tuple[int | str, ...]) -> str:
    name = prefix
    for part in location:
        if isinstance(part, int):
            name += f"[{part}]"
        elif part != "[key]":
            name += f".{part}" if name else part
    return name


def _known_keys(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """The keys that the section at this place knows, following the models on the way."""
    current: type[BaseModel] | None = model
    for part in location:
        if isinstance(part, int) or current is None:
            continue
        field = current.model_fields.get(part)
        current = _model_in(field.annotation) if field else None
    return list(current.model_fields) if current else []


def _model_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        if found := _model_in(argument):
            return found
    return None


def suggestion(key: str, known: Collection[str]) -> str:
    close = get_close_matches(key, known, n=1)
    if close:
        return f"; did you mean {close[0]}?"
    return f"; known: {', '.join(sorted(known))}" if known else ""
