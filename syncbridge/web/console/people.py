"""Who signs in: the users of `CONSOLE_USERS`, and the checking of their passwords."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence

from flask_login import UserMixin
from werkzeug.security import check_password_hash

from syncbridge.domain.console_users import ConsoleUser, Role

AT_ONCE = 2
"""Chosen: how many passwords a process checks at a time. One takes 32 MB and a tenth of a second of a core, which
delegations need more; a flood of guesses waits for its turn."""

PATIENCE_SECONDS = 5.0


class TooBusy(Exception):
    """So many passwords are being checked that this one had no turn."""


class Person(UserMixin):
    """A user as Flask-Login and the pages see them."""

    def __init__(self, user: ConsoleUser) -> None:
        self.name = user.name
        self.role = user.role

    def get_id(self) -> str:
        """Return what the session keeps of them."""
        return self.name

    @property
    def may_act(self) -> bool:
        """Whether they may change anything."""
        return self.role is Role.OPERATOR

    @property
    def actor(self) -> str:
        """How the audit names them."""
        return f"console:{self.name}"


class People:
    """Everybody who may sign in. Names are told apart without regard to case."""

    def __init__(self, users: Sequence[ConsoleUser]) -> None:
        self._users = {user.name.casefold(): user for user in users}
        self._turns = threading.BoundedSemaphore(AT_ONCE)

    def find(self, name: str) -> Person | None:
        """Return somebody by name; None for a stranger."""
        user = self._users.get(name.strip().casefold())
        return None if user is None else Person(user)

    def check(self, name: str, password: str) -> Person | None:
        """Return who this is, or None. A stranger takes as long as a wrong password; raises TooBusy."""
        user = self._users.get(name.strip().casefold())
        compared = user or next(iter(self._users.values()))
        if not self._turns.acquire(timeout=PATIENCE_SECONDS):
            raise TooBusy
        try:
            right = check_password_hash(compared.password_hash, password)
        finally:
            self._turns.release()
        return Person(user) if right and user is not None else None


def signing_key(console_users: str) -> bytes:
    """Return the key of session cookies, made from the users' text: whoever changes it signs everybody out.

    The text holds a random salt and a hash of each password, so that nobody can guess the key who cannot read the text.
    """
    return hashlib.sha256(b"syncbridge console session 1\0" + console_users.encode()).digest()
