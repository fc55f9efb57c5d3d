"""What must never be written down: secrets and personal data, known by their names and by their looks.

Used for log lines and for the excerpts of vendor answers that the ledger keeps. By name first, at any depth; by looks for
what stands inside a text. What is no plain value is reduced to the name of its type: logs carry ids, not objects.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from pathlib import PurePath
from uuid import UUID

REDACTED = "[redacted]"
LONGEST = 20_000
"""Characters of a text that are kept: a log line is no archive, and redaction takes time."""
DEEPEST = 20
"""Containers nested deeper than this are not followed but redacted as a whole."""

SECRET_PARTS = (
    "password", "passwd", "passphrase", "secret", "token", "authorization", "apikey", "accesskey", "privatekey", "cookie",
    "credential", "basicauth", "signature", "sessionid", "databaseurl", "redisurl", "brokerurl", "alerturl", "dsn",
)  # fmt: skip
"""A name that contains one of these, written without separators, holds a secret."""

HARMLESS = frozenset({"tokens", "tokensleft", "tokensremaining", "tokencount"})
"""A rate limiter counts tokens; these are numbers of calls."""

PERSONAL_ENDINGS = (
    "email", "emails", "mail", "phone", "phonenumber", "mobile", "telephone", "fax", "street", "streethousenumber",
    "housenumber", "firstname", "lastname", "middlename", "surname", "forename", "fullname", "recipientname", "customername",
    "contactname", "displayname", "postcode", "zipcode", "zip", "address", "addresses", "addressline", "addressline1",
    "addressline2", "addressline3", "birthdate", "dateofbirth", "taxnumber", "vatid", "iban",
)  # fmt: skip
"""A name that ends in one of these holds personal data: `deliveryAddress`, `billing_email`."""

PERSONAL_NAMES = frozenset(
    {
        "recipient", "customer", "shopper", "consignee", "contact", "person", "collectionpoint", "additional", "line1",
        "line2", "line3", "city", "town", "region", "state", "county", "company", "gender", "salutation", "birthday",
        "giftmessage", "instructions", "notes", "comment", "ip", "ipaddress", "useragent",
        # Whole documents: whatever is in them, it is an order with a person in it.
        "body", "rawbody", "raw", "payload", "document", "requestbody", "responsebody", "headers",
    }
)  # fmt: skip
"""A name that is one of these, or whose last word is one (`billingCity`), holds personal data or a document with some."""

AMBIGUOUS = frozenset({"state", "region"})
"""Private when they stand alone; as a last word (`order_state`) they are ours."""

STATE_WORDS = re.compile(r"[a-z]+(?:[_ -][a-z]+)*")
"""`state` is a county in an address and a step in our ledger: one lower-case word is a step."""

_LOOKS: tuple[tuple[re.Pattern[str], str], ...] = (
    # Credentials in a URL, the user name included.
    (re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://)[^\s/@?#]+@"), rf"\1{REDACTED}@"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{4,}"), rf"\1 {REDACTED}"),
    (re.compile(r"\bwhsec_[A-Za-z0-9+/=_-]+"), REDACTED),
    # name=value and "name": "value" with a secret's name.
    (
        re.compile(
            r"(?i)((?:password|passwd|secret|access[_-]?token|api[_-]?token|auth[_-]?token|api[_-]?key|authorization)"
            r"[\w-]{0,40}[\"']?\s{0,5}[:=]\s{0,5})(?!\s|\[redacted\])(?:\"[^\"]*\"|'[^']*'|[^\s,;&}\"']+)"
        ),
        rf"\1{REDACTED}",
    ),
    # The look-behind keeps a long run of letters from being tried at each of its places.
    (
        re.compile(
            r"(?<![A-Za-z0-9._%+'-])[A-Za-z0-9._%+'-]+(?:@|%40)[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9-]+)+"
        ),
        REDACTED,
    ),
    # Texts of pydantic, SQLAlchemy and PostgreSQL errors quote the row that they refuse.
    (re.compile(r"(?s)input_value=.*?(?=, input_type=|\]$|$)"), f"input_value={REDACTED}"),
    (re.compile(r"\[parameters: .*"), f"[parameters: {REDACTED}]"),
    (re.compile(r"(DETAIL:\s+).*"), rf"\1{REDACTED}"),
    (re.compile(r"(?i)(failing row contains ).*"), rf"\1{REDACTED}"),
)

_PAIR = re.compile(
    r"""(?P<before>(?P<quote>["'])(?P<name>[\w.-]{1,60})(?P=quote)\s{0,5}:\s{0,5})"""
    r"""(?P<value>"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|[^\s,}\]]+)"""
)
"""One `"name": value` inside a text: JSON that was cut, or the repr of a dictionary."""

_WORDS = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z0-9]+(?![a-z])")
_SEPARATORS = re.compile(r"[^a-z0-9]+")
_PLAIN = (bool, int, float, Decimal, datetime, date, time, timedelta, UUID, type(None))


@lru_cache(maxsize=4096)
def is_private(name: str) -> bool:
    """Whether a value of this name must not be written down. `x-access-token`, `recipientName` and `BODY` are private."""
    plain = _SEPARATORS.sub("", name.casefold())
    if plain in HARMLESS:
        return False
    words = _WORDS.findall(name)
    last = words[-1].casefold() if words else ""
    return (
        plain in PERSONAL_NAMES
        or (last in PERSONAL_NAMES and last not in AMBIGUOUS)
        or plain.endswith(PERSONAL_ENDINGS)
        or any(part in plain for part in SECRET_PARTS)
    )


class Redactor:
    """Takes private data out of values. `secrets` are texts to be removed wherever they stand, whatever their name."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        # Longest first, so that no rest of a longer secret remains; very short ones would blank ordinary words.
        known = sorted({secret for secret in secrets if len(secret) >= 6}, key=len, reverse=True)
        self._secrets = re.compile("|".join(map(re.escape, known))) if known else None

    def text(self, text: str) -> str:
        """The text without whatever looks like a secret or an e-mail address, cut after `LONGEST` characters."""
        if len(text) > LONGEST:
            text = f"{text[:LONGEST]}... ({len(text)} characters)"
        if self._secrets is not None:
            text = self._secrets.sub(REDACTED, text)
        for pattern, replacement in _LOOKS:
            text = pattern.sub(replacement, text)
        return _PAIR.sub(_pair, text) if ":" in text else text

    def excerpt(self, raw: str | bytes, longest: int = 500) -> str:
        """What may be kept of a vendor's answer, at most `longest` characters. JSON is redacted by its names."""
        text = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else raw
        redacted = self._document(text) if text.lstrip()[:1] in {"{", "["} else self.text(text)
        return redacted if len(redacted) <= longest else f"{redacted[: longest - 3]}..."

    def _document(self, text: str) -> str:
        try:
            document = json.loads(text)
        except (ValueError, RecursionError):
            return self.text(text)
        return json.dumps(self.value(document), ensure_ascii=False, separators=(",", ":"), default=str)

    def named(self, name: str, value: object) -> object:
        """The value, redacted as its name demands."""
        if value is None or isinstance(value, bool):
            return value
        if is_private(name) and not _is_ledger_state(name, value):
            return REDACTED
        return self.value(value)

    def value(self, value: object) -> object:
        """A copy made of plain values only: no secret, no personal data, no object."""
        return self._value(value, ())

    def _value(self, value: object, above: tuple[int, ...]) -> object:
        if isinstance(value, str):
            # The text of an Enum member, not the member: its repr would be logged otherwise.
            text = str(value.value) if isinstance(value, Enum) else value
            return self._document(text) if text[:1] in {"{", "["} else self.text(text)
        if isinstance(value, Enum):
            return self._value(value.value, above)
        if isinstance(value, _PLAIN):
            return value
        if isinstance(value, PurePath):
            return self.text(str(value))
        if isinstance(value, BaseException):
            return self.text(f"{type(value).__name__}: {value}")
        if isinstance(value, bytes | bytearray | memoryview):
            return f"<{len(value)} bytes>"
        if isinstance(value, type):
            return value.__name__
        if not isinstance(value, Mapping | list | tuple | set | frozenset):
            return f"<{type(value).__name__}>"
        if id(value) in above or len(above) >= DEEPEST:
            return REDACTED
        inside = (*above, id(value))
        if isinstance(value, Mapping):
            return {self.text(str(key)): self._entry(str(key), entry, inside) for key, entry in value.items()}
        return [self._value(entry, inside) for entry in value]

    def _entry(self, name: str, value: object, above: tuple[int, ...]) -> object:
        if value is None or isinstance(value, bool):
            return value
        if is_private(name) and not _is_ledger_state(name, value):
            return REDACTED
        return self._value(value, above)


def _is_ledger_state(name: str, value: object) -> bool:
    return name.casefold() == "state" and isinstance(value, str) and STATE_WORDS.fullmatch(value) is not None


def _pair(match: re.Match[str]) -> str:
    if not is_private(match["name"]) or match["value"] in {"null", "None", "true", "false", "True", "False"}:
        return match[0]
    return f'{match["before"]}"{REDACTED}"'
