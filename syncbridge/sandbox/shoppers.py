"""Made-up shoppers: the same customer number and country always give the same person and the same address.

The data set has no addresses, so these are drawn by a keyed digest, with accents and several scripts among them. A few
orders, chosen by the seed, get an address with something wrong in it, the way shoppers get it wrong.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from enum import StrEnum

from syncbridge.sandbox.places import GB_PEOPLE, Place, place_of


class Dirt(StrEnum):
    """What is wrong with an address."""

    NO_STREET = "no_street"
    NO_CITY = "no_city"
    BAD_POSTCODE = "bad_postcode"
    LONG_STREET = "long_street"
    LONG_CITY = "long_city"
    EMOJI = "emoji"
    NULL_BYTE = "null_byte"


@dataclass(frozen=True)
class Shopper:
    """A person with one address for delivery and invoice. `country` is ISO 3166 alpha-3, `country2` alpha-2."""

    key: str
    given: str
    family: str
    email: str
    phone: str
    street: str
    house_number: str
    additional: str
    postcode: str
    city: str
    region: str
    country: str
    country2: str

    @property
    def full_name(self) -> str:
        """Given and family name as on a label."""
        return f"{self.given} {self.family}".strip()

    def personal_data(self) -> tuple[str, ...]:
        """The texts that must turn up in no log and not in Redis: all that would name or find this person."""
        texts = (self.email, self.full_name, self.phone, f"{self.street} {self.house_number}".strip())
        return tuple(text for text in texts if len(text) >= 5)


def shopper_for(key: str, country: str) -> Shopper:
    """Return the shopper behind a customer number (or a guest's invoice) in a country as the data set names it."""
    place = place_of(country)
    draw = _Draw(f"{key}|{place.alpha2 or country.strip().casefold()}")
    given_names, family_names = _people(place, draw)
    given, family = draw.pick(given_names), draw.pick(family_names)
    town, _, prefix = draw.pick(place.towns).partition("|")
    street = draw.pick(place.streets)
    return Shopper(
        key=key,
        given=given,
        family=family,
        # Mail addresses stay ASCII: what a shop's registration form lets through.
        email=f"shopper.{_slug(key)}.{draw.number(10_000):04d}@example.com",
        phone=_fill(place.phone, draw),
        street=street,
        house_number=str(draw.number(240) + 1) + ("a" if draw.number(5) == 0 else ""),
        additional=f"Flat {draw.number(30) + 1}" if draw.number(4) == 0 else "",
        postcode=prefix + _fill(place.postcode, draw),
        city=town,
        region=place.region,
        country=place.alpha3,
        country2=place.alpha2,
    )


def soiled(shopper: Shopper, dirt: Dirt) -> Shopper:
    """Return the shopper with this fault in the address. No fault can be mended by machine without guessing."""
    if dirt is Dirt.NO_STREET:
        return replace(shopper, street="", house_number="", additional="")
    if dirt is Dirt.NO_CITY:
        return replace(shopper, city=" ")
    if dirt is Dirt.BAD_POSTCODE:
        return replace(shopper, postcode="LS1 O4B?")
    if dirt is Dirt.LONG_STREET:
        return replace(shopper, street=("Saint Bartholomew the Great's Passage " * 8)[:300].strip())
    if dirt is Dirt.LONG_CITY:
        return replace(shopper, city="Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch")
    if dirt is Dirt.EMOJI:
        return replace(shopper, additional="Ring the bell \U0001f514 twice")
    return replace(shopper, additional="Flat\u0000 7")


def digest(text: str) -> int:
    """Return a number that depends on the text alone, on every machine and in every run."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


class _Draw:
    """An endless row of numbers that depends on its key alone."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._turn = 0

    def number(self, below: int) -> int:
        self._turn += 1
        return digest(f"{self._key}|{self._turn}") % below

    def pick(self, options: tuple[str, ...]) -> str:
        return options[self.number(len(options))]


def _people(place: Place, draw: _Draw) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if place.alpha2 != "GB":
        return place.given, place.family
    # Three in five from the first group, the rest spread over the other scripts.
    group = draw.number(5 * (len(GB_PEOPLE) - 1) // 2)
    return GB_PEOPLE[group + 1 if group < len(GB_PEOPLE) - 1 else 0]


_POSTCODE_LETTERS = "ABDEFGHJLNPQRSTUWXYZ"
"""The letters that the second half of a British postcode uses."""


def _fill(pattern: str, draw: _Draw) -> str:
    filled = []
    for sign in pattern:
        if sign == "#":
            filled.append(str(draw.number(10)))
        elif sign == "@":
            filled.append(_POSTCODE_LETTERS[draw.number(len(_POSTCODE_LETTERS))])
        else:
            filled.append(sign)
    return "".join(filled)


def _slug(key: str) -> str:
    return "".join(sign for sign in key.casefold() if sign.isascii() and sign.isalnum()) or "guest"
