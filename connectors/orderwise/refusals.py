"""What an error answer says. No schema is public, so every form that clients met is read (OrderWise contract 2.3, 11). Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from connectors.dialect import Answer, Call, Refusal
from connectors.orderwise.decimal_json import read_json
from connectors.wire import machine_words

EXCERPT_CHARACTERS = 2_000
"""So much of an error's text is looked at (contract 11)."""
_MOST_TEXTS = 5
_TEXTS = ("message", "error", "title", "detail", "exceptionmessage", "messagedetail")
_LISTS = ("errors", "modelstate")
"""`errors` is the assumed contract's (11); the rest is what the web framework writes by itself, under which OWAPI runs [2.1]."""
_FIELD_NAME = re.compile(r"[A-Za-z0-9_.$\[\]:-]{1,120}")
_FREE_TEXTS = ("notes", "reason")
"""Members of what we send that people wrote."""


def is_page(answer: Answer) -> bool:
    """Say whether a web server's page came instead of an answer of the interface."""
    kind = answer.headers.get("Content-Type", "").lower()
    return "html" in kind or answer.body.lstrip()[:1] == b"<"


def read_refusal(answer: Answer) -> Refusal:
    """Read an error answer of any form: empty, a text, a JSON text, a list, an object with or without `errors`, a page.

    A page of HTML comes from the web server before OrderWise. Of the rest only names of fields go into the excerpt;
    the texts go into the context, because they may quote what we sent: see `refused_text`.
    """
    if is_page(answer):
        return Refusal(code=None, excerpt="an HTML page", enveloped=False)
    try:
        document = read_json(answer.body)
    except ValueError:
        texts = [answer.body[: 4 * EXCERPT_CHARACTERS].decode("utf-8", "replace")]
        return Refusal(code=None, excerpt=f"{len(answer.body)} bytes of text", enveloped=True, context={"texts": texts})
    if isinstance(document, str | list):
        document = {"errors": [document] if isinstance(document, str) else document}
    if not isinstance(document, dict):
        return Refusal(code=None, excerpt="no details", enveloped=True)
    named = {str(name).lower(): value for name, value in document.items()}
    entries = [entry for name in _LISTS for entry in _entries(named.get(name))]
    fields = [field for field, _texts in entries if _FIELD_NAME.fullmatch(field)]
    own = [text for name in _TEXTS if isinstance(text := named.get(name), str)]
    return Refusal(
        code=None,
        excerpt=machine_words(list(dict.fromkeys(fields))) or "no fields named",
        enveloped=True,
        context={**named, "texts": own + [text for _field, texts in entries for text in texts]},
    )


def refused_text(call: Call, refusal: Refusal) -> str:
    """Return why OrderWise refused, in its own words less everything that we sent about people.

    It has no error codes, so without its words nobody could tell an unknown session from an unknown variant.
    """
    personal = sorted(_personal(call), key=len, reverse=True)
    texts: list[str] = refusal.context.get("texts", [])
    words = machine_words([_without(text[:EXCERPT_CHARACTERS], personal) for text in dict.fromkeys(texts)], most=_MOST_TEXTS)
    return f"it was refused: {words}" if words else "it was refused"


def _entries(found: object) -> Iterator[tuple[str, list[str]]]:
    """Yield (field, texts) of a list of faults, or of an object with a list of texts for each field."""
    if isinstance(found, dict):
        for field, texts in found.items():
            yield str(field), [text for text in (texts if isinstance(texts, list) else [texts]) if isinstance(text, str)]
    for entry in found if isinstance(found, list) else ():
        if isinstance(entry, str):
            yield "", [entry]
        elif isinstance(entry, dict):
            named = {str(name).lower(): value for name, value in entry.items()}
            parts = [named.get("transactionref"), named.get("field")]
            text = named.get("message")
            # A field of a financial batch is named after the transaction that it belongs to.
            yield ":".join(str(part) for part in parts if part), [text] if isinstance(text, str) else []


def _without(text: str, personal: list[str]) -> str:
    """Return a text as machine's words, less what is personal and whatever looks like an e-mail address."""
    for value in personal:
        text = re.sub(re.escape(value), "...", text, flags=re.IGNORECASE)
    text = re.sub(r"[^\s@]+@[^\s@]+", "...", text)
    return " ".join(re.sub(r"[^A-Za-z0-9_.\[\]=: -]", " ", text).split())[:120]


def _personal(call: Call) -> Iterator[str]:
    """Yield every text about a person that was sent, whole and word by word."""
    if call.body is None:
        return
    try:
        body = read_json(call.body)
    except ValueError:
        return
    if not isinstance(body, dict):
        return
    address: Any = body.get("customerDeliveryAddress")
    values: list[Any] = [*address.values()] if isinstance(address, Mapping) else []
    for value in (*values, *(body.get(name) for name in _FREE_TEXTS)):
        if isinstance(value, str):
            yield from (word for word in (value, *value.split()) if len(word) > 1)
