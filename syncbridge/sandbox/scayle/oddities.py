"""Deliberate damage to an order's document, for integrations that have to cope with it."""

from __future__ import annotations

from typing import Any

from syncbridge.sandbox.scayle.answers import Json


def merge_patch(target: Json, patch: Json) -> None:
    """Merge objects into objects, lists position by position; null becomes null, and does not remove."""
    for name, value in patch.items():
        current = target.get(name)
        if isinstance(value, dict) and isinstance(current, dict):
            merge_patch(current, value)
        elif isinstance(value, dict) and isinstance(current, list):
            for position, change in value.items():
                merge_patch(current[int(position)], change)
        else:
            target[name] = value


def remove_path(target: Json, path: str) -> None:
    """Remove what a dotted path names (`address.shipping.zipCode`, `items.0.variant`); absent is fine."""
    *parents, last = path.split(".")
    node: Any = target
    for name in parents:
        node = node[int(name)] if isinstance(node, list) else (node or {}).get(name)
    if isinstance(node, dict):
        node.pop(last, None)
    elif isinstance(node, list) and int(last) < len(node):
        del node[int(last)]
