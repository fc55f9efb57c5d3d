"""Recognising a repeat: canonical content, its digest, and where two contents differ (contract 2.7, assumed)."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Mapping
from typing import Any

NOT_COMPARED = frozenset({"orderedAt", "metadata"})


def canonical_content(content: Mapping[str, Any]) -> Any:
    """Bring a request to its canonical form: no nulls, texts NFC and trimmed, lines by number."""
    kept = {name: value for name, value in content.items() if name not in NOT_COMPARED}
    canonical = _canonical(kept)
    if "lines" in canonical:
        canonical["lines"].sort(key=lambda line: line["lineNumber"])
    return canonical


def _canonical(value: Any) -> Any:
    if isinstance(value, str):
        return (value if value.isascii() else unicodedata.normalize("NFC", value)).strip()
    if isinstance(value, dict):
        return {name: _canonical(member) for name, member in value.items() if member is not None}
    if isinstance(value, list):
        return [_canonical(member) for member in value]
    return value


def digest_of(canonical: Any) -> str:
    """Return the SHA-256 over the canonical JSON, keys sorted."""
    text = json.dumps(canonical, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def differing_fields(old: Any, new: Any, path: str = "") -> list[str]:
    """Name the members in which two canonical contents differ, like `lines[1].quantity`."""
    if isinstance(old, dict) and isinstance(new, dict):
        found: list[str] = []
        for name in sorted(old.keys() | new.keys()):
            inner = f"{path}.{name}" if path else name
            if name in old and name in new:
                found += differing_fields(old[name], new[name], inner)
            else:
                found.append(inner)
        return found
    if isinstance(old, list) and isinstance(new, list):
        found = []
        for index in range(max(len(old), len(new))):
            inner = f"{path}[{index}]"
            if index < len(old) and index < len(new):
                found += differing_fields(old[index], new[index], inner)
            else:
                found.append(inner)
        return found
    return [] if old == new and type(old) is type(new) else [path]
