"""The console as tests use it: a browser without JavaScript, which follows what the pages say and keeps cookies."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from functools import cache
from html.parser import HTMLParser
from typing import Any

from flask.testing import FlaskClient
from flow_world import World
from pydantic import SecretStr
from werkzeug.security import generate_password_hash
from werkzeug.test import TestResponse

from syncbridge.config import Configuration
from syncbridge.config.console import ConsoleSettings
from syncbridge.web.app import create_app
from syncbridge.web.parts import Parts

OPERATOR, VIEWER = "Zoë", "łukasz"
PASSWORD = "correct horse battery"
Fields = Sequence[tuple[str, str]]


@cache
def password_hash(password: str = PASSWORD) -> str:
    """Return the weakest hash that is accepted: tests check many passwords."""
    return generate_password_hash(password, method="scrypt:16384:8:1")


def entries(**more: str) -> str:
    """Return CONSOLE_USERS with an operator and a viewer; `more` are further names with their roles."""
    users = {OPERATOR: "operator", VIEWER: "viewer", **more}
    return " ".join(f"{name}:{role}:{password_hash()}" for name, role in users.items())


def with_console(
    settings: Configuration, users: str | None = None, *, redis_url: str | None = None, **console: Any
) -> Configuration:
    """Return the configuration with users, and with `[console]` as given."""
    changed: dict[str, Any] = {"console_users": SecretStr(entries() if users is None else users) if users != "" else None}
    if redis_url is not None:
        changed["redis"] = SecretStr(redis_url)
    environment = settings.environment.model_copy(update=changed)
    return dataclasses.replace(settings, environment=environment, console=ConsoleSettings(**console))


def console_of(one: World, settings: Configuration | None = None) -> Browser:
    """Return a browser on the web application of a world."""
    used = settings or with_console(one.context.configuration)
    return Browser(create_app(Parts(lambda: one.context, lambda: used, lambda: False)).test_client())


class Browser:
    """Keeps the last page, fills its forms in and sends them with everything hidden in them."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client
        self.answer: TestResponse | None = None

    def get(self, path: str, **options: Any) -> TestResponse:
        """Open a page of the console; redirects are followed."""
        self.answer = self.client.get(_inside(path), follow_redirects=True, **options)
        return self.answer

    def send(self, action: str, fields: Mapping[str, Any] | None = None, *, press: str | None = None, **options: Any) -> TestResponse:
        """Send the form of the last page whose action ends so, with fields filled in; `press` names a button."""
        form = self.form(action)
        data = form.data(fields or {})
        target = form.action
        if press is not None:
            target = form.buttons[press] or form.action
            data[press] = ["1"]
        options.setdefault("follow_redirects", True)
        self.answer = self.client.post(target, data=data, **options)
        return self.answer

    def post(self, path: str, data: Mapping[str, Any], **options: Any) -> TestResponse:
        """Send what no page offers; redirects are not followed."""
        return self.client.post(_inside(path), data=data, **options)

    def form(self, action: str) -> Form:
        found = [one for one in _forms(self.text) if one.action.partition("?")[0].endswith(action)]
        assert len(found) == 1, f"{len(found)} forms go to {action}: {[one.action for one in _forms(self.text)]}"
        return found[0]

    @property
    def actions(self) -> list[str]:
        """Return where the forms of the last page go."""
        return [one.action for one in _forms(self.text)]

    @property
    def text(self) -> str:
        assert self.answer is not None
        return self.answer.get_data(as_text=True)

    @property
    def path(self) -> str:
        """Return the address of the last page, with its query."""
        assert self.answer is not None
        request = self.answer.request
        query = request.query_string.decode()
        return request.full_path.partition("?")[0] + (f"?{query}" if query else "")

    @property
    def token(self) -> str:
        """Return the CSRF token of the last page."""
        return str(self.form("/find").fields["csrf_token"][0])

    def sign_in(self, name: str = OPERATOR, password: str = PASSWORD) -> TestResponse:
        self.get("/sign-in")
        return self.send("/sign-in", {"name": name, "password": password})


@dataclasses.dataclass
class Form:
    """A form as a page has it: what it would send if nobody touched it."""

    action: str
    fields: dict[str, list[str]]
    buttons: dict[str, str]

    def data(self, filled: Mapping[str, Any]) -> dict[str, list[str]]:
        given = {
            name: [str(one) for one in value] if isinstance(value, list | tuple) else [str(value)]
            for name, value in filled.items()
        }
        return {**self.fields, **given}


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[Form] = []
        self._inside = False
        self._select = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        name = given.get("name")
        if tag == "form":
            self.found.append(Form(given.get("action") or "", {}, {}))
            self._inside = True
        if not self._inside:
            return
        form = self.found[-1]
        if tag == "button" and name:
            form.buttons[name] = given.get("formaction") or ""
        if tag == "select":
            self._select = name or ""
        if tag == "option" and "selected" in given:
            form.fields[self._select] = [given.get("value") or ""]
        if tag == "input" and name and "disabled" not in given and given.get("type") != "submit":
            if given.get("type") in ("checkbox", "radio") and "checked" not in given:
                return
            form.fields.setdefault(name, []).append(given.get("value") or "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False


def _forms(text: str) -> list[Form]:
    parser = _Forms()
    parser.feed(text)
    return parser.found


def _inside(path: str) -> str:
    return path if path.startswith("/console") else f"/console{path}"
