"""OrderWise's objects as read, reduced to what we need (OrderWise contract 12, partly assumed).

Names on the wire are camelCase, inconsistently (`variantID`, `Id`): they are read without regard to case, as documented by
integrators. Times stay the text that came; the mapping knows the zone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator

from connectors.orderwise.decimal_json import read_json
from connectors.orderwise.local_time import read_local
from connectors.wire import LENIENT, Wire, spoilt_fields, unknown_value

Text = Annotated[str | None, LENIENT]
Number = Annotated[int | None, LENIENT]
Flag = Annotated[bool | None, LENIENT]


def _local_time(text: str) -> str:
    read_local(text)
    return text


LocalTime = Annotated[str, AfterValidator(_local_time)]
"""A time as it came; one that is none makes the answer unreadable."""
Units = Annotated[Decimal, Field(ge=-1_000_000_000, le=1_000_000_000, allow_inf_nan=False)]
"""A figure that no warehouse can have is a mistake of the sender."""
OptionalUnits = Annotated[Decimal | None, LENIENT]


class Loose(Wire):
    """An object whose names are matched without regard to case; `order_id` takes `orderId`, `orderID` and `OrderId`."""

    left_out_where_null: ClassVar[frozenset[str]] = frozenset()
    """Fields whose null says that nothing is known: such an entry of a list is left out, and spoils no other."""

    @model_validator(mode="before")
    @classmethod
    def _without_case(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        found: dict[str, Any] = {}
        for name, member in value.items():
            field = _field_of(cls, name)
            if field is not None and (member is not None or field not in found):
                found[field] = member
        return found

    @classmethod
    def says_nothing(cls, entry: Any) -> bool:
        """Say whether an entry of a list is one to leave out; said once for each field."""
        if not cls.left_out_where_null or not isinstance(entry, dict):
            return False
        for name, member in entry.items():
            if member is None and (field := _field_of(cls, name)) in cls.left_out_where_null:
                unknown_value(f"orderwise.{cls.__name__}.{field}", "null")
                return True
        return False


@lru_cache(maxsize=1_000)
def _field_of(model: type[Loose], name: str) -> str | None:
    """Return the field that a name on the wire means. Remembered: a stock snapshot asks for the same names 100,000 times."""
    wanted = name.lower().replace("_", "")
    return next((field for field in model.model_fields if field.replace("_", "") == wanted), None)


def _id_or_none(number: Any) -> Any:
    return None if number == 0 else number


class CreatedOrder(Loose):
    """The answer to a create; without an order id the order waits for its import (contract 12.2). 0 is how some servers
    write an id that is not there yet."""

    order_id: Annotated[int | None, BeforeValidator(_id_or_none), LENIENT] = None
    order_number: Text = None
    ecommerce_order_number: Text = None


class OrderRow(Loose):
    """A row of `order_lookup` (contract 12.3)."""

    order_id: int
    order_number: Text = None
    customer_order_ref: Text = None
    system_order_type: Number = None
    order_status: Text = None
    last_amended_at: Text = None


class StatusLine(Loose):
    order_line_id: Number = None
    item_number: Number = None
    variant_code: Text = None
    quantity_required: OptionalUnits = None
    quantity_sent: OptionalUnits = None
    quantity_cancelled: OptionalUnits = None


class OrderStatus(Loose):
    """The status call (contract 12.4). What it leaves out makes this one order differ from ours, and stops no other."""

    order_number: Text = None
    ecommerce_order_number: Text = None
    order_status: Text = None
    sub_status: Text = None
    lines: Annotated[tuple[StatusLine, ...], BeforeValidator(lambda lines: lines if lines is not None else ())] = ()


class DespatchRow(Loose):
    """One despatch, line and consignment number (contract 12.6). `item_number` is read where the SQL has it."""

    despatch_id: int
    despatch_number: Text = None
    despatched_at: LocalTime
    last_amended_at: LocalTime
    order_id: Number = None
    customer_order_ref: Text = None
    order_line_id: Number = None
    item_number: Number = None
    variant_code: Text = None
    quantity: Units
    courier_name: Text = None
    consignment_number: Text = None


class DespatchMark(Loose):
    """What tells where a row of the despatch feed stands in it, and what it is about."""

    last_amended_at: LocalTime
    despatch_id: Number = None
    customer_order_ref: Text = None


@dataclass(frozen=True)
class SpoiltRow:
    """A row of the despatch feed that cannot be read, for the sake of these fields, although its place in the feed can."""

    mark: DespatchMark
    fields: tuple[str, ...]

    @property
    def last_amended_at(self) -> str:
        return self.mark.last_amended_at


class StockRowDocument(Loose):
    """Stock of a variant at one location (contract 12.7). The figure is taken as it comes, below zero and in fractions.

    `discontinued` is read where the SQL has it, as `item_by_code` does (`vas_discontinued_product`). Of a variant that the
    job has not run over yet nothing is known: the snapshot shows it as null.
    """

    left_out_where_null = frozenset({"free_stock", "last_calculated_at"})

    variant_code: str
    stock_location_id: int
    free_stock: Units
    last_calculated_at: LocalTime
    discontinued: Flag = None


class ItemRow(Loose):
    """A row of `item_by_code` (contract 12.8)."""

    variant_code: str
    discontinued: Flag = None


class VariantRow(Loose):
    """An entry of `GET /stock/variants` (contract 6.3, from public client code)."""

    variant_code: Text = None
    discontinued: Flag = None


class LocationRow(Loose):
    """An entry of `GET /system/stock-locations` (contract 3)."""

    id: Number = None
    stock_location_id: Number = None


class CancelDocument(Loose):
    """The answer to a cancellation (contract 12.5)."""

    order_id: Number = None
    order_status: Text = None


class ReturnDocument(Loose):
    """The answer to an announced return (contract 12.9)."""

    return_id: int
    return_number: Text = None
    customer_return_ref: Text = None
    return_status: Text = None


class BatchDocument(Loose):
    """A posted financial batch, as answered to the posting and as read back (contract 12.11)."""

    batch_id: int
    batch_ref: Text = None
    batch_status: Text = None
    accepted: Number = None


class ReceiptRow(Loose):
    """One receipt of a return line (contract 12.10)."""

    receipt_id: int
    return_id: Number = None
    return_number: Text = None
    customer_return_ref: Text = None
    order_id: Number = None
    customer_order_ref: Text = None
    order_line_id: Number = None
    item_number: Number = None
    variant_code: Text = None
    quantity_received: Units
    condition: Text = None
    action: Text = None
    received_at: LocalTime
    return_status: Text = None
    last_amended_at: LocalTime


Model = TypeVar("Model", bound=Loose)


def one(model: type[Model], raw: bytes) -> Model:
    """Read one object; a list with a single one is taken too (contract 2.3), and no body is an empty one. Raises ValueError."""
    document = read_json(raw) if raw.strip() else {}
    if isinstance(document, list) and len(document) == 1:
        document = document[0]
    return model.model_validate(document)


def rows(model: type[Model], raw: bytes) -> tuple[Model, ...]:
    """Read a bare list of objects; an empty body is an empty list (contract 11: 204). Raises ValueError.

    The wrappers that one client tolerates (`data`, `rows`, `results`; contract 5) are unwrapped.
    """
    return tuple(model.model_validate(entry) for entry in _entries(raw) if not model.says_nothing(entry))


def despatch_rows(raw: bytes) -> tuple[DespatchRow | SpoiltRow, ...]:
    """Read the rows of the despatch feed one by one. Raises ValueError for a page with a row whose place in it is unknown."""
    return tuple(_despatch_row(entry) for entry in _entries(raw))


def _despatch_row(entry: Any) -> DespatchRow | SpoiltRow:
    try:
        return DespatchRow.model_validate(entry)
    except ValidationError as error:
        return SpoiltRow(DespatchMark.model_validate(entry), spoilt_fields(error))


def _entries(raw: bytes) -> list[Any]:
    if not raw.strip():
        return []
    document = read_json(raw)
    if isinstance(document, dict):
        wrapped = [document[name] for name in ("data", "rows", "results") if isinstance(document.get(name), list)]
        if len(wrapped) != 1:
            raise ValueError("is not a list")
        document = wrapped[0]
    if not isinstance(document, list):
        raise ValueError("is not a list")  # noqa: TRY004  # every unreadable answer is a ValueError
    return document


def trimmed(text: str | None) -> str:
    """Return a text without the stray spaces that codes and names carry there (contract 9.13)."""
    return text.strip() if text else ""


def texts(values: Iterable[str | None]) -> tuple[str, ...]:
    """Return those texts that say something, trimmed, each once."""
    return tuple(dict.fromkeys(text for value in values if (text := trimmed(value))))
