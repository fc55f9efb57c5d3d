"""Which handler answers which path: undecoded segments, so that `%2F` inside an identifier stays inside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import unquote

from syncbridge.sandbox.scayle.answers import Answer, ApiError, Call

C = TypeVar("C")
Handler = Callable[[Any, Call], Answer]


@dataclass(frozen=True, slots=True)
class Route(Generic[C]):
    """One endpoint: its verb, its template as in the catalogue, its rate-limit scope, and who answers."""

    method: str
    template: str
    scope: str
    handler: Callable[[C, Call], Answer]

    @property
    def parts(self) -> tuple[str, ...]:
        """The template's segments; those in braces are parameters."""
        return tuple(self.template.strip("/").split("/"))


class Router(Generic[C]):
    """Find routes by verb and number of segments; literal segments win over parameters."""

    def __init__(self, routes: list[Route[C]]) -> None:
        self._by_length: dict[int, list[Route[C]]] = {}
        for route in routes:
            self._by_length.setdefault(len(route.parts), []).append(route)
        for group in self._by_length.values():
            group.sort(key=lambda route: sum(part.startswith("{") for part in route.parts))

    def find(self, method: str, raw_path: str) -> tuple[Route[C], dict[str, str]]:
        """Return the route and its parameters, still undecoded; raises ApiError 404, or 405 for a wrong verb."""
        segments = raw_path.strip("/").split("/")
        verbs = []
        for route in self._by_length.get(len(segments), ()):
            parameters = _match(route.parts, segments)
            if parameters is None:
                continue
            if route.method == method:
                return route, parameters
            verbs.append(route.method)
        if verbs:
            allowed = ", ".join(sorted(set(verbs)))
            raise ApiError(405, "METHOD_NOT_ALLOWED", f"This path takes {allowed}.", {"allowed": allowed})
        raise ApiError(404, "NOT_FOUND", "There is no such path.", {"path": raw_path})


def _match(parts: tuple[str, ...], segments: list[str]) -> dict[str, str] | None:
    parameters = {}
    for part, segment in zip(parts, segments, strict=True):
        if part.startswith("{"):
            if not segment:
                return None
            parameters[part[1:-1]] = segment
        elif part != segment and part != unquote(segment):
            return None
    return parameters
