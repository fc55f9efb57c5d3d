"""What every back end's check of a request has in common: the list of faults, and what a person may do about them."""

from __future__ import annotations

from re import Pattern

from syncbridge.domain.orders import Fault

# SCAYLE has no way to change an address after confirmation: sending the same order again would meet the same fault.
_REORDER = "It cannot be changed in SCAYLE any more: syncbridge orders cancel ORDER --reason TEXT, and have it ordered again."
CORRECT_ADDRESS = f"Ask the shopper for the right address. {_REORDER}"
SHORTEN = f"Ask the shopper for a shorter form; nothing is cut by itself. {_REORDER}"
ASK_IT = "Ask IT: this comes from the configuration."
NEVER_SPLIT = "Orders are never split to fit. Agree with the shopper or the warehouse how to send it."


class Faults:
    """Collects the faults of one request, in the order in which a person would read them."""

    def __init__(self) -> None:
        self.found: list[Fault] = []

    def add(self, code: str, field: str, problem: str, way_out: str, value: object = "") -> None:
        self.found.append(Fault(code, field, problem, way_out, str(value)))

    def add_characters(self, field: str, value: str, refused: Pattern[str], why: str) -> None:
        """Add a fault if a text has a character that is refused; the character is named, the text is not."""
        if bad := refused.search(value):
            self.add(
                "INVALID_CHARACTERS",
                field,
                f"contains the character U+{ord(bad.group()):04X}, which {why}",
                f"Ask the shopper for the text without it. {_REORDER}",
                f"U+{ord(bad.group()):04X}",
            )
