"""What every section of the configuration has in common: frozen, and closed to unknown keys."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field


class Section(BaseModel):
    """A part of the configuration file. A key that is not declared is a fault, since it is most likely a typing error."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True, hide_input_in_errors=True)


def _base_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must be an address such as https://host/path")
    if parts.username or parts.password:
        raise ValueError("must not carry credentials; those come from the environment")
    if parts.query or parts.fragment:
        raise ValueError("must not carry a query or a fragment")
    return value.rstrip("/")


def _no_switch(value: object) -> object:
    """Python counts true as 1; whoever writes it where a number belongs has mixed up two lines."""
    if isinstance(value, bool):
        raise ValueError("must be a number, not true or false")  # noqa: TRY004 - pydantic takes no TypeError for a fault
    return value


def _only_switch(value: object) -> object:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")  # noqa: TRY004 - as above
    return value


LONGEST_DAYS = 36_500
"""A hundred years: what is longer is a typing error, and no calendar reaches as far."""

Whole = Annotated[int, BeforeValidator(_no_switch)]
Fraction = Annotated[Decimal, BeforeValidator(_no_switch)]
Real = Annotated[float, BeforeValidator(_no_switch), Field(allow_inf_nan=False)]
Switch = Annotated[bool, BeforeValidator(_only_switch)]
BaseUrl = Annotated[str, AfterValidator(_base_url)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Seconds = Annotated[Real, Field(gt=0, le=LONGEST_DAYS * 86_400)]
NonNegativeSeconds = Annotated[Real, Field(ge=0, le=LONGEST_DAYS * 86_400)]
PerSecond = Annotated[Real, Field(gt=0, le=1_000_000)]
Hours = Annotated[Whole, Field(ge=1, le=LONGEST_DAYS * 24)]
Days = Annotated[Whole, Field(ge=1, le=LONGEST_DAYS)]
Positive = Annotated[Whole, Field(ge=1, le=1_000_000_000)]
Code2 = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
CurrencyCode = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
