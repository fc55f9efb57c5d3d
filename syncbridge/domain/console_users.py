"""Who may sign in to the console.

`CONSOLE_USERS` holds one entry a person, `name:role:hash`, separated by blanks, line ends or commas. The hash is werkzeug's scrypt text,
which has no blank and no comma in it; `syncbridge console user NAME` prints a whole entry.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

MAKE_ONE = "make it with: syncbridge console user NAME --role operator"

_NAME = re.compile(r"[^\W_][\w.@-]{0,39}")
_HASH = re.compile(r"scrypt:(\d{1,7}):(\d{1,2}):(\d)\$[A-Za-z0-9./]{8,64}\$[0-9a-f]{128}")
_LARGEST_MIB = 64
"""Chosen: the memory that checking one password may take; werkzeug's own hashes take 32."""


class Role(StrEnum):
    """What somebody may do: a viewer sees everything and changes nothing."""

    VIEWER = "viewer"
    OPERATOR = "operator"


@dataclass(frozen=True)
class ConsoleUser:
    """Somebody who may sign in. `password_hash` is a secret and is kept out of its repr."""

    name: str
    role: Role
    password_hash: str

    def __repr__(self) -> str:
        return f"ConsoleUser({self.name!r}, {self.role.value!r})"


def is_user_name(text: str) -> bool:
    """Say whether somebody can be called so: letters of any script, digits, dot, dash, underscore, at sign; at most 40."""
    return _NAME.fullmatch(text) is not None


def read_users(text: str) -> tuple[ConsoleUser, ...]:
    """Read the entries; raises ValueError that names every faulty one by its place, and never quotes more than a valid name."""
    users: list[ConsoleUser] = []
    faults: list[str] = []
    seen: dict[str, int] = {}
    for place, entry in enumerate(re.split(r"[\s,]+", text.strip()), 1):
        name, _, rest = entry.partition(":")
        role, _, password_hash = rest.partition(":")
        if not role or not password_hash or not is_user_name(name):
            # What is no entry may be a password: not a sign of it is repeated.
            faults.append(f"entry {place} is not name:role:hash; {MAKE_ONE}")
            continue
        known = [one.value for one in Role]
        if role not in known:
            faults.append(f"entry {place} ({name}): the role must be {' or '.join(known)}")
        if not _is_usable(password_hash):
            faults.append(
                f"entry {place} ({name}): what follows the role is no scrypt hash (put single quotes around the value "
                f"where a shell reads it: it holds dollar signs); {MAKE_ONE}"
            )
        if (first := seen.setdefault(name.casefold(), place)) != place:
            faults.append(f"entry {place} ({name}): entry {first} has the same name")
        if not faults:
            users.append(ConsoleUser(name, Role(role), password_hash))
    if faults:
        raise ValueError("; ".join(faults))
    return tuple(users)


def _is_usable(password_hash: str) -> bool:
    found = _HASH.fullmatch(password_hash)
    if found is None:
        return False
    cost, block, lanes = (int(part) for part in found.groups())
    weak = cost < 2**14 or cost & (cost - 1) != 0 or block < 8 or lanes < 1
    return not weak and 128 * cost * block <= _LARGEST_MIB * 1024 * 1024
