"""What the vendor answers when it will not do something (contract 11, assumed; the forms of 401 and 404 are known)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import web

from syncbridge.sandbox.orderwise.decimal_json import answer


class Impossible(Exception):
    """The warehouse cannot do that now; the control plane answers 409 with this sentence."""


class Refusal(Exception):
    """A request that the vendor refuses: status, text, the fields at fault, and further members of the body."""

    def __init__(
        self,
        status: int,
        message: str,
        errors: Sequence[Mapping[str, Any]] = (),
        *,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.errors = list(errors)
        self.headers = dict(headers or {})
        self.more = more

    def response(self) -> web.Response:
        """Make the answer."""
        body = {"message": self.message, "errors": self.errors, **self.more}
        return answer(body, self.status, self.headers)


class Problems:
    """The fields at fault in one request, all of them at once."""

    def __init__(self) -> None:
        self.found: list[dict[str, Any]] = []

    def add(self, field: str, message: str, **more: Any) -> None:
        """Note a fault of one field."""
        self.found.append({"field": field, "message": message, **more})

    def raise_if_any(self, message: str = "The request is not valid.") -> None:
        """Raise Refusal 400 with everything that was found; its text names the first field."""
        if self.found:
            first = self.found[0]
            raise Refusal(400, f"{message} {first['field']}: {first['message']}", self.found)


def html_page(status: int, title: str) -> web.Response:
    """Answer as the web server in front of the application does: with a page."""
    text = (
        '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd">\r\n'
        f"<html><head><title>{status} - {title}</title></head>\r\n"
        f'<body><div id="header"><h1>Server Error</h1></div><h2>{status} - {title}</h2></body></html>\r\n'
    )
    return web.Response(status=status, text=text, content_type="text/html")


def unauthorised(body: str = "") -> web.Response:
    """Answer 401 with an empty body, or with the two characters `""` that one client met."""
    return web.Response(
        status=401,
        body=body.encode(),
        content_type="application/json",
        headers={"WWW-Authenticate": "Bearer"},
    )
