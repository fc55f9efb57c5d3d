"""Money: an amount in the smallest unit of a currency, never a float."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

# ISO 4217: the currencies whose smallest unit is not a hundredth.
_EXPONENTS = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF"), 0),
    **dict.fromkeys(("UGX", "VND", "VUV", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
}


def exponent(currency: str) -> int:
    """Return how many decimal places the currency has: 2 for GBP, 0 for ISK."""
    return _EXPONENTS.get(currency, 2)


@dataclass(frozen=True, order=True)
class Money:
    """An amount in minor units, for example `Money(1920, "GBP")` for £19.20."""

    minor: int
    currency: str

    def __post_init__(self) -> None:
        if isinstance(self.minor, bool) or not isinstance(self.minor, int):
            raise TypeError(f"minor units are an int, not {type(self.minor).__name__}")

    @classmethod
    def parse(cls, text: str, currency: str) -> Money:
        """Parse a decimal string such as "19.20"; more places than the currency has are refused."""
        scaled = Decimal(text).scaleb(exponent(currency))
        if scaled != scaled.to_integral_value():
            raise ValueError(f"{text} has more decimal places than {currency} allows")
        return cls(int(scaled), currency)

    @property
    def amount(self) -> Decimal:
        """The amount in major units: Decimal("19.20")."""
        return Decimal(self.minor).scaleb(-exponent(self.currency))

    def __str__(self) -> str:
        return f"{self.amount:.{exponent(self.currency)}f}"

    def __add__(self, other: Money) -> Money:
        return Money(self.minor + self._same(other).minor, self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.minor - self._same(other).minor, self.currency)

    def __mul__(self, quantity: int) -> Money:
        return Money(self.minor * quantity, self.currency)

    def _same(self, other: Money) -> Money:
        if other.currency != self.currency:
            raise ValueError(f"cannot combine {self.currency} with {other.currency}")
        return other


def net_of(gross_minor: int, rate: Decimal) -> int:
    """Return the net part of a gross amount, rounded half up: net_of(1920, Decimal("0.2")) == 1600."""
    return int((Decimal(gross_minor) / (1 + rate)).quantize(Decimal(1), rounding=ROUND_HALF_UP))
