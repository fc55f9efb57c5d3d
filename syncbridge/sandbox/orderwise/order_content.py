"""Reading and judging the body of a sales order (contract 4.1, 12.2)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from syncbridge.sandbox.orderwise.fields import Members
from syncbridge.sandbox.orderwise.refusals import Problems
from syncbridge.sandbox.orderwise.stock import ZERO, Variant
from syncbridge.sandbox.orderwise.totals import Dissur, Header, Priced, discrepancies

if TYPE_CHECKING:
    from syncbridge.sandbox.orderwise.world import DataSet

CURRENCIES, TAX_RATES, LOCATIONS, ORDER_TYPES, DELIVERY_METHODS, PAYMENT_METHODS = 1, 2, 4, 15, 18, 20
"""Value list ids (contract 3, from public client code)."""

MONEY_PLACES, PRICE_PLACES = 2, 4
LEAST_QUANTITY = Decimal("0.0001")
_ADDRESS_TEXTS = (
    "deliveryName",
    "contactName",
    "address1",
    "address2",
    "address3",
    "town",
    "county",
    "country",
    "countryCode",
    "postcode",
    "telephone",
    "email",
)


@dataclass(frozen=True)
class LineContent:
    """A line as it was understood, with the session's defaults filled in."""

    item_number: int
    variant: Variant
    quantity: Decimal
    location: int
    tax_rate_id: int
    gross: Decimal | None
    net: Decimal | None
    ecommerce_item_id: str | None


@dataclass(frozen=True)
class OrderContent:
    """An order as it was understood."""

    ecommerce_number: str
    reference: str | None
    type: int
    customer_id: int
    delivery_method_id: int
    ordered: datetime | None
    lines: tuple[LineContent, ...]


def web_number(body: Any) -> str:
    """Return the web order number alone, for the check on repeats; raise Refusal 400 without one."""
    problems = Problems()
    header = Members(body, "", problems).members("orderHeader", required=True)
    number = header.text("eCommerceOrderNumber", required=True, most=50) if header else None
    problems.raise_if_any("The sales order is not valid.")
    return str(number)


def read_order(data: DataSet, session: dict[str, Any], body: Any) -> OrderContent:
    """Read and judge a body; raise Refusal 400 that names every field at fault."""
    return _Reader(data, session).read(body)


class _Reader:
    """Reads one body against one data set and session."""

    def __init__(self, data: DataSet, session: dict[str, Any]) -> None:
        self._data = data
        self._session = session
        self._problems = Problems()
        self._seen: list[Members] = []

    def read(self, body: Any) -> OrderContent:
        root = self._track(Members(body, "", self._problems))
        customer_id = self._customer(root)
        header = root.members("orderHeader", required=True)
        header = self._track(header or Members({}, "orderHeader", Problems()))
        number = header.text("eCommerceOrderNumber", required=True, most=50) or ""
        reference = header.text("customerOrderRef", most=50)
        kind = self._listed(header, "systemOrderType", ORDER_TYPES) or 1
        ordered = header.moment("orderDate")
        for member in ("requiredDate", "promisedDate"):
            header.moment(member)
        header.text("specialInstructions")
        delivery = self._listed(header, "deliveryMethodId", DELIVERY_METHODS)
        self._listed(header, "currencyId", CURRENCIES)
        self._listed(header, "deliveryTaxRateId", TAX_RATES)
        header.flag("pricesAsNet")
        claimed = Header(
            gross=self._money(header, "orderGross"),
            net=self._money(header, "orderNet"),
            tax=self._money(header, "orderTax"),
            delivery_gross=self._money(header, "deliveryGross"),
            delivery_net=self._money(header, "deliveryNet"),
            delivery_tax=self._money(header, "deliveryTax"),
        )
        delivery = self._address(root) or delivery
        if delivery is None:
            delivery = self._session.get("defaultDeliveryMethodId")
            if delivery is None:
                header.fault("deliveryMethodId", "is required in this session")
        lines = self._lines(root)
        dissurs = [one for given in root.items("dissurs") if (one := self._dissur(given)) is not None]
        for given in root.items("payments"):
            self._payment(given)
        if self._data.world.settings.strict_fields:
            for members in self._seen:
                members.refuse_others()
        self._problems.raise_if_any("The sales order is not valid.")
        if self._data.world.settings.check_totals:
            self._check_totals(claimed, lines, dissurs)
        return OrderContent(number, reference, kind, customer_id, int(delivery or 0), ordered, tuple(lines))

    def _track(self, members: Members) -> Members:
        self._seen.append(members)
        return members

    def _money(self, members: Members, member: str) -> Decimal | None:
        return members.decimal(member, places=MONEY_PLACES, least=ZERO)

    def _listed(self, members: Members, member: str, list_id: int, *, required: bool = False) -> int | None:
        """Read an id that has to be in a value list."""
        given = members.whole(member, required=required)
        if given is not None and self._data.lists.value(list_id, given) is None:
            members.fault(member, f"{given} is not in value list {list_id}")
        return given

    def _customer(self, root: Members) -> int:
        customer = root.members("customer", required=True)
        if customer is None:
            return 0
        self._track(customer)
        given, account = customer.whole("id"), customer.text("accountNumber")
        if given is not None:
            if given not in self._data.customers:
                customer.fault("id", f"there is no customer {given}")
            return given
        if account is None:
            customer.fault("id", "give id or accountNumber")
            return 0
        found = self._data.customer_of_account(account)
        if found is None:
            customer.fault("accountNumber", f"there is no customer account {account!r}")
        return int(found["id"]) if found else 0

    def _address(self, root: Members) -> int | None:
        address = root.members("customerDeliveryAddress")
        if address is None:
            return None
        self._track(address)
        for member in _ADDRESS_TEXTS:
            address.text(member)
        return self._listed(address, "deliveryMethodId", DELIVERY_METHODS)

    def _lines(self, root: Members) -> list[LineContent]:
        lines: list[LineContent] = []
        numbers: set[int] = set()
        for index, given in enumerate(root.items("orderLines", required=True), 1):
            self._track(given)
            number = given.whole("itemNumber")
            number = index if number is None else number
            if number < 1 or number in numbers:
                given.fault("itemNumber", "is 1 or more and different in every line")
            numbers.add(number)
            line = self._line(given, number)
            if line is not None:
                lines.append(line)
        return lines

    def _line(self, given: Members, number: int) -> LineContent | None:
        variant = self._variant(given)
        quantity = given.decimal("quantity", places=PRICE_PLACES, required=True, least=LEAST_QUANTITY)
        gross = given.decimal("itemGross", places=PRICE_PLACES, least=ZERO)
        net = given.decimal("itemNet", places=PRICE_PLACES, least=ZERO)
        priced_by_system = given.flag("calculateLineSystemPrice")
        if gross is None and net is None and not priced_by_system:
            given.fault("itemGross", "is required unless calculateLineSystemPrice is true")
        rate = self._listed(given, "taxRateId", TAX_RATES)
        location = self._listed(given, "stockLocationId", LOCATIONS)
        location = location if location is not None else self._session.get("defaultStockLocationId")
        if location is None:
            given.fault("stockLocationId", "is required in this session")
        item_id = given.text("eCommerceItemId", most=100)
        if variant is None or quantity is None or location is None:
            return None
        if priced_by_system:
            gross, net = variant.price_gross, variant.price_net
        return LineContent(
            number, variant, quantity, location, rate or variant.tax_rate_id, gross, net, item_id
        )

    def _variant(self, given: Members) -> Variant | None:
        code = given.text("variantCode", required=True, most=50)
        if code is None:
            return None
        variant = self._data.variant(code)
        if variant is None:
            several = len(self._data.find_variants(code)) > 1
            why = "names more than one variant" if several else "is not the code of a variant"
            given.fault("variantCode", f"{code!r} {why}")
        elif variant.discontinued:
            given.fault("variantCode", f"{code!r} is discontinued")
        elif variant.disallowed and not self._session.get("overrideDisallow"):
            given.fault("variantCode", f"{code!r} is disallowed for sale")
        return variant

    def _dissur(self, given: Members) -> Dissur | None:
        self._track(given)
        description = given.text("description", required=True)
        if description is not None and description not in self._data.lists.dissurs:
            given.fault("description", f"there is no discount or surcharge {description!r}")
        is_discount, is_gross = given.flag("discount"), given.flag("grossDiscount")
        price = given.decimal("price", places=MONEY_PLACES, required=True, least=ZERO)
        rate_id = self._listed(given, "taxRateId", TAX_RATES, required=True)
        rate = self._data.lists.value(TAX_RATES, rate_id)
        if price is None or rate is None:
            return None
        return Dissur(price, is_discount is not False, is_gross is not False, rate["rate"])

    def _payment(self, given: Members) -> None:
        self._track(given)
        self._listed(given, "paymentMethodId", PAYMENT_METHODS, required=True)
        given.decimal("amount", places=MONEY_PLACES, required=True)
        given.text("reference")

    def _check_totals(self, claimed: Header, lines: list[LineContent], dissurs: list[Dissur]) -> None:
        priced = [Priced(line.quantity, line.gross, line.net) for line in lines]
        for member, text in discrepancies(claimed, priced, dissurs):
            self._problems.add(member, text)
        self._problems.raise_if_any("The totals of the sales order do not reconcile.")
