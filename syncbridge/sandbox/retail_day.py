"""Reading a trading day in the columns of the *Online Retail* data set, as it is: dirty.

A day is split into what it means for a shop: sales, credits, stock adjustments. Nothing is repaired and nothing is
dropped in silence; what is not a sale is listed by name.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path

COLUMNS = (
    "InvoiceNo",
    "StockCode",
    "Description",
    "Quantity",
    "InvoiceDate",
    "UnitPrice",
    "CustomerID",
    "Country",
)

CARRIAGE_CODES = frozenset({"POST", "DOT", "C2"})
"""Postage, "dotcom" postage and carriage: what the shopper pays for delivery, not a line of goods."""

CHARGE_CODES = frozenset(
    {"M", "D", "S", "B", "AMAZONFEE", "BANK CHARGES", "CRUK", "ADJUST", "ADJUST2", "TEST001", "TEST002"}
)
"""Manual lines, discounts, samples, bad debt and fees: booked like goods in this data, and in no warehouse."""

_DATE_FORMATS = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M")
"""The first is that of the day files; the others are those in which the set is commonly passed on."""


class UnreadableDay(ValueError):
    """A file that cannot be read as a trading day; the text names the file, the line and the column."""


@dataclass(frozen=True)
class RetailLine:
    """One row: `quantity` in units (negative takes back), `unit_price` net, in pounds, as written.

    `stock_code` is kept to the letter: a blank too many is part of what the warehouse has to refuse.
    """

    row: int
    stock_code: str
    description: str
    quantity: int
    unit_price: Decimal

    @property
    def is_sale(self) -> bool:
        """Whether units leave for a price of zero or more."""
        return self.quantity > 0 and self.unit_price >= 0

    @property
    def is_carriage(self) -> bool:
        """Whether the row is a delivery charge."""
        return self.stock_code.strip().upper() in CARRIAGE_CODES

    @property
    def is_charge(self) -> bool:
        """Whether the row is another charge that is no goods."""
        return self.stock_code.strip().upper() in CHARGE_CODES


@dataclass(frozen=True)
class Invoice:
    """All rows of one invoice number. `at` is local time without a zone: good for gaps and order only."""

    number: str
    at: datetime
    customer: str
    country: str
    lines: tuple[RetailLine, ...]

    @property
    def is_credit(self) -> bool:
        """Whether it credits goods sold earlier: its number begins with C."""
        return self.number[:1].upper() == "C"

    @property
    def sold(self) -> tuple[RetailLine, ...]:
        """The rows that sell something to somebody: a positive quantity, and no delivery charge."""
        return tuple(line for line in self.lines if line.is_sale and not line.is_carriage)

    @property
    def carriage(self) -> tuple[RetailLine, ...]:
        """The rows that charge for delivery."""
        return tuple(line for line in self.lines if line.is_sale and line.is_carriage)

    @property
    def taken_back(self) -> tuple[RetailLine, ...]:
        """The rows that sell nothing: no positive quantity, or a price below zero."""
        return tuple(line for line in self.lines if not line.is_sale)


@dataclass(frozen=True)
class RetailDay:
    """A day, sorted by time and then as in the file.

    `sales` become orders. `credits` are held for the cancellation and returns flows. `adjustments` are no credits, and
    yet sell nothing: stock written off, debt written down; nobody ordered anything. `carriage_only` charge for delivery
    and hold nothing to deliver. `held_lines` are the rows that sell nothing on invoices that otherwise do.
    """

    source: str
    rows: int
    sales: tuple[Invoice, ...]
    credits: tuple[Invoice, ...]
    adjustments: tuple[Invoice, ...]
    carriage_only: tuple[Invoice, ...]
    held_lines: tuple[tuple[str, RetailLine], ...]

    @property
    def invoices(self) -> int:
        """How many invoices the day has, of every kind."""
        return len(self.sales) + len(self.credits) + len(self.adjustments) + len(self.carriage_only)

    @property
    def stock_codes(self) -> frozenset[str]:
        """Every code that a sale names, delivery charges left out."""
        return frozenset(line.stock_code for invoice in self.sales for line in invoice.sold)


@dataclass
class _Draft:
    at: datetime
    customer: str
    country: str
    lines: list[RetailLine] = field(default_factory=list)


def read_day(path: Path) -> RetailDay:
    """Read a day from a CSV file, plain or gzip (told by its content, not its name), with or without a BOM.

    Columns may come in any order and there may be more of them. Raises UnreadableDay naming the column, and the line
    where there is one; FileNotFoundError as usual.
    """
    return parse_day(_text(path), str(path.name))


def parse_day(text: str, source: str) -> RetailDay:
    """Split CSV text into a day. Raises UnreadableDay."""
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=False)
    header = next(reader, None)
    if header is None:
        raise UnreadableDay(f"{source}: the file is empty; expected the columns {', '.join(COLUMNS)}")
    place = {name.strip().casefold(): index for index, name in reversed(list(enumerate(header)))}
    missing = [name for name in COLUMNS if name.casefold() not in place]
    if missing:
        raise UnreadableDay(f"{source}: missing column {', '.join(missing)}; found {', '.join(header)}")
    indexes = [place[name.casefold()] for name in COLUMNS]
    drafts: dict[str, _Draft] = {}
    rows = 0
    for cells in reader:
        if not any(cell.strip() for cell in cells):
            continue
        rows += 1
        where = f"{source}, line {reader.line_num}"
        if len(cells) <= max(indexes):
            absent = next(name for name, index in zip(COLUMNS, indexes, strict=True) if index >= len(cells))
            raise UnreadableDay(f"{where}: the row ends before column {absent}")
        number, code, description, quantity, date, price, customer, country = (
            cells[index] for index in indexes
        )
        number = number.strip()
        if not number:
            raise UnreadableDay(f"{where}: column InvoiceNo is empty")
        line = RetailLine(
            row=reader.line_num,
            stock_code=code,
            description=description.strip(),
            quantity=_quantity(quantity, where),
            unit_price=_price(price, where),
        )
        at = _date(date, where)
        draft = drafts.setdefault(number, _Draft(at, _customer(customer), country.strip()))
        draft.at = min(draft.at, at)
        draft.lines.append(line)
    invoices = [
        Invoice(number, draft.at, draft.customer, draft.country, tuple(draft.lines))
        for number, draft in drafts.items()
    ]
    invoices.sort(key=lambda invoice: invoice.at)
    return _split(source, rows, invoices)


def _split(source: str, rows: int, invoices: list[Invoice]) -> RetailDay:
    sales: list[Invoice] = []
    credits_: list[Invoice] = []
    adjustments: list[Invoice] = []
    carriage_only: list[Invoice] = []
    held: list[tuple[str, RetailLine]] = []
    for invoice in invoices:
        if invoice.is_credit:
            credits_.append(invoice)
        elif invoice.sold:
            sales.append(invoice)
            held += [(invoice.number, line) for line in invoice.taken_back]
        elif invoice.carriage:
            carriage_only.append(invoice)
        else:
            adjustments.append(invoice)
    return RetailDay(
        source, rows, tuple(sales), tuple(credits_), tuple(adjustments), tuple(carriage_only), tuple(held)
    )


def _text(path: Path) -> str:
    raw = path.read_bytes()
    if raw[:2] == b"\x1f\x8b":
        try:
            raw = gzip.decompress(raw)
        except (EOFError, OSError, zlib.error) as error:
            raise UnreadableDay(f"{path.name}: the gzip file is damaged: {error}") from error
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        # The set is also passed on in the encoding of the spreadsheet it came from.
        return raw.decode("cp1252", errors="replace")


def _quantity(text: str, where: str) -> int:
    number = _decimal(text, where, "Quantity")
    if number != number.to_integral_value():
        raise UnreadableDay(f"{where}: column Quantity is no whole number: {text!r}")
    return int(number)


def _price(text: str, where: str) -> Decimal:
    return _decimal(text, where, "UnitPrice")


def _decimal(text: str, where: str, column: str) -> Decimal:
    try:
        number = Decimal(text.strip())
    except InvalidOperation as error:
        raise UnreadableDay(f"{where}: column {column} is no number: {text!r}") from error
    if not number.is_finite():
        raise UnreadableDay(f"{where}: column {column} is no number: {text!r}")
    return number


def _date(text: str, where: str) -> datetime:
    for form in _DATE_FORMATS:
        try:
            return datetime.strptime(text.strip(), form)  # noqa: DTZ007 - local time without a zone, used for gaps
        except ValueError:
            continue
    raise UnreadableDay(f"{where}: column InvoiceDate is no date: {text!r}")


def _customer(text: str) -> str:
    """Return the customer's number without the `.0` that a spreadsheet put behind it; empty for a guest."""
    return text.strip().removesuffix(".0")
