"""The effective configuration as text for people: every value, no secret."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel, SecretStr

from syncbridge.config.configuration import Configuration
from syncbridge.config.environment import Environment


def describe(configuration: Configuration) -> str:
    """Return one `name = value` per line, defaults included, secrets as `set` or `not set`."""
    lines = [f"# {configuration.source}"]
    sections: dict[str, BaseModel | None] = {
        "scayle": configuration.scayle,
        **{f"merchants[{place}]": merchant for place, merchant in enumerate(configuration.merchants)},
        "scend": configuration.scend,
        "orderwise": configuration.orderwise,
        "schedule": configuration.schedule,
        "limits": configuration.limits,
        "stock": configuration.stock,
        "returns": configuration.returns,
        "retention": configuration.retention,
        "owners": configuration.owners,
        "console": configuration.console,
    }
    for name, section in sections.items():
        if section is not None:
            lines += ["", *_lines(name, section)]
    lines += ["", "# environment", *_environment(configuration.environment)]
    lines += [f"# warning: {warning}" for warning in configuration.warnings]
    return "\n".join(lines)


def masked_url(url: str) -> str:
    """The URL with its password, and whatever a query may hide, replaced by asterisks.

    Whatever stands before the last "@" counts as user and password: a password may hold signs that end an authority, and drivers
    take it so.
    """
    scheme, separator, rest = url.partition("://")
    credentials, at, place = rest.rpartition("@")
    user, colon, _password = credentials.partition(":")
    place, mark, query = place.partition("?")
    shown = "&".join(
        f"{pair.partition('=')[0]}=***" if "pass" in pair.lower() or "secret" in pair.lower() else pair
        for pair in query.split("&")
    )
    return f"{scheme}{separator}{user}{':***' if colon else ''}{at}{place}{mark}{shown}"


def _lines(name: str, value: object) -> Iterator[str]:
    if isinstance(value, BaseModel):
        for field in type(value).model_fields:
            yield from _lines(f"{name}.{field}", getattr(value, field))
    elif isinstance(value, tuple) and value and isinstance(value[0], BaseModel):
        for place, item in enumerate(value):
            yield from _lines(f"{name}[{place}]", item)
    elif isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _lines(f"{name}.{key}", item)
    else:
        yield f"{name} = {_text(value)}"


def _environment(environment: Environment) -> Iterator[str]:
    for attribute, field in Environment.model_fields.items():
        name, value = str(field.alias), getattr(environment, attribute)
        if name == "DATABASE_URL":
            yield f"{name} = {masked_url(environment.database_url)}"
        elif name == "REDIS_URL":
            yield f"{name} = {masked_url(environment.redis_url) if environment.redis_url else 'not set'}"
        elif isinstance(value, SecretStr):
            yield f"{name} = set"
        elif isinstance(value, tuple):
            yield f"{name} = {f'set ({len(value)})' if value else 'not set'}"
        elif value is None:
            yield f"{name} = not set"
        else:
            yield f"{name} = {value}"


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, tuple):
        return f"[{', '.join(_text(item) for item in value)}]"
    if value is None:
        return "not set"
    if isinstance(value, float):
        return f"{value:g}"
    return "{}" if value == {} else str(value)
