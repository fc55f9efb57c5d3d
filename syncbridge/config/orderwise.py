"""`[orderwise]`: everything about OrderWise that may differ from customer to customer.

There is no public vendor reference: the defaults are what integrators published or, where nobody did, the assumed contract
(section in brackets), and must be confirmed against the customer's installation. That is why each is a setting.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from syncbridge.config.orderwise_finance import FinanceSettings
from syncbridge.config.orderwise_words import CONDITION_MAP, RETURN_STATUS_MAP, STATUS_MAP
from syncbridge.config.section import (
    BaseUrl,
    Code2,
    CurrencyCode,
    Days,
    Hours,
    NonNegativeSeconds,
    PerSecond,
    Positive,
    Seconds,
    Section,
    Switch,
    Whole,
)
from syncbridge.domain.backend import Condition, FulfilmentStatus, ReturnStatus

Text = Annotated[str, Field(min_length=1, max_length=200)]
Id = Annotated[Whole, Field(ge=0)]
Choice = Literal["api", "manual", "off"]
Rate = Annotated[str, Field(pattern=r"^(0(\.[0-9]{1,6})?|1(\.0{1,6})?)$")]
"""A tax rate as a fraction, such as "0.2"."""


class ExportIds(Section):
    """Ids of the export definitions, as the installation's grid shows them [10].

    The SQL of `stock_changes` and `stock_snapshot` should have the column `discontinued` (`vas_discontinued_product`) too,
    as that of `item_by_code` does: without it a discontinued SKU stays on sale in the shop until it is asked about by name.
    """

    order_lookup: Positive = 201
    despatches: Positive = 202
    stock_changes: Positive = 203
    stock_snapshot: Positive = 204
    item_by_code: Positive = 205
    returned_goods: Positive = 206


class Paths(Section):
    """Paths below `base_url` that nobody outside has seen [12.5, 12.9, 12.11]."""

    cancel: Text = "/sales/order/{order_id}/cancel"
    customer_return: Text = "/returns/customer-return"
    financial_batch: Text = "/accounts/financial-batch"

    @field_validator("cancel", "customer_return", "financial_batch")
    @classmethod
    def _starts_with_a_slash(cls, path: str) -> str:
        if not path.startswith("/"):
            raise ValueError("must start with a slash")
        return path

    @field_validator("cancel")
    @classmethod
    def _names_the_order(cls, path: str) -> str:
        if path.count("{order_id}") != 1 or path.replace("{order_id}", "").count("{"):
            raise ValueError("must contain {order_id} once, and no other placeholder")
        return path


class CustomerSettings(Section):
    """To whom orders are booked: one customer by its id, or by account number, which may differ per shop [10]."""

    mode: Literal["single", "account"] = "single"
    id: Id | None = None
    account_number: Annotated[str, Field(max_length=50)] = ""
    accounts: dict[str, Text] = {}
    """SCAYLE shop key -> account number, where it differs from `account_number`."""

    @model_validator(mode="after")
    def _somebody_is_named(self) -> CustomerSettings:
        if self.mode == "single" and self.id is None:
            raise ValueError("id is needed where mode is single")
        if self.mode == "account" and not (self.account_number or self.accounts):
            raise ValueError("account_number or accounts is needed where mode is account")
        return self


class Maps(Section):
    """Our words on the left, OrderWise's ids or texts on the right, except where a text of OrderWise is read."""

    delivery_method: dict[str, Id] = {}
    """Service of the merchant's service_map -> delivery method (value list 18)."""
    payment_method: dict[str, Id] = {}
    """SCAYLE payment key -> payment method (value list 20); `gift_card` serves every gift card."""
    tax_rate: dict[Rate, Id] = {"0.2": 1, "0": 2, "0.05": 3}
    """Tax rate -> id (value list 2). The ids are those of the assumed contract [13]."""
    stock_location: dict[str, Id] = {}
    """Warehouse code of the merchant -> location from which its orders are sent (value list 4)."""
    sale_locations: dict[str, tuple[Id, ...]] = {}
    """Warehouse code -> locations whose free stock is for sale; without an entry the one of `stock_location`."""
    currency: dict[CurrencyCode, Id] = {"GBP": 1}
    """Currency -> id (value list 1)."""
    country: dict[Code2, Text] = {"GB": "United Kingdom", "IE": "Ireland"}
    """ISO 3166 alpha-2 -> the country's name as OrderWise has it."""
    discount: dict[str, Text] = {}
    """SCAYLE reduction category (`sale`, `campaign`, `promotion`, `promotionCode`, `voucher`) -> description of an
    existing discount. A category without an entry is contained in the price of its line."""
    surcharge: dict[str, Text] = {}
    """SCAYLE fee category that is no delivery charge -> description of an existing surcharge."""
    status: dict[Text, FulfilmentStatus] = {}
    """Only what differs from, or adds to, the usual texts."""
    return_status: dict[Text, ReturnStatus] = {}
    condition: dict[Text, Condition] = {}
    return_reason: dict[str, Text] = {}
    """Our key of a return's reason -> OrderWise's; without an entry the key itself, in capitals."""

    @field_validator("tax_rate")
    @classmethod
    def _rates_are_told_apart(cls, rates: dict[str, int]) -> dict[str, int]:
        if len({Decimal(rate) for rate in rates}) != len(rates):
            raise ValueError("two entries are the same rate")
        return rates


class CapabilitySettings(Section):
    """What is done by OrderWise's interface, what by a person, and what not at all [10]."""

    cancel: Choice = "manual"
    """The contract expects `manual` to be the mode until a customer confirms an endpoint [12.5]."""
    returns: Choice = "manual"
    financial: Choice = "off"


class FieldLimits(Section):
    """Characters per field. OrderWise publishes none: chosen, and to be confirmed [14.3]. What is longer is never cut."""

    reference: Positive = 50
    name: Positive = 60
    address_line: Positive = 60
    town: Positive = 50
    county: Positive = 50
    postcode: Positive = 12
    telephone: Positive = 30
    email: Positive = 100
    variant_code: Positive = 50
    """Documented as nvarchar(50) [5.1]."""
    payment_reference: Positive = 50


class OrderWiseSettings(Section):
    """One OrderWise installation and session. User name and password come from the environment."""

    base_url: BaseUrl
    """With the application segment, such as https://acme.orderwisecloud.com/owapi."""
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$")]
    """What this installation is called in the ledger; it must not change once orders were sent."""
    session_id: Positive
    """The e-commerce session; one per SCAYLE shop [10]."""
    system_order_type: Positive = 1
    """1 is an order [4.1, from public client code]."""
    timezone: str = "Europe/London"
    """For every date and time on the wire: they carry none [11]."""
    token_cache_seconds: Seconds = 3_000
    """A token is minted again after so long, and on a 401 regardless [10]; its true life is unknown."""
    connect_timeout_seconds: Seconds = 5
    read_timeout_seconds: Seconds = 30
    """The contract's value; `limits.call_deadline_seconds` ends a call earlier if it is smaller."""
    max_requests_per_second: PerSecond = 2
    """The contract's value [10]; one a second is known to be tolerated."""
    burst: Positive = 10
    """Calls that may leave at once after a quiet time. Chosen."""
    param_prefix: Literal["@", ""] = "@"
    """In front of every parameter of an export definition [5]."""
    export_ids: ExportIds = ExportIds()
    paths: Paths = Paths()
    customer: CustomerSettings
    maps: Maps = Maps()
    capabilities: CapabilitySettings = CapabilitySettings()
    finance: FinanceSettings = FinanceSettings()
    limits: FieldLimits = FieldLimits()
    lines_per_order: Positive = 500
    """Chosen; orders are never split to fit."""
    page_limit: Annotated[Whole, Field(ge=1, le=5_000)] = 500
    """Rows asked for at once of a change feed [12.6]."""
    catalogue_limit: Positive = 200_000
    """Variants asked for at once: one published client reads everything so [2.4]."""
    delivery_fees: tuple[str, ...] = ("delivery", "shipment")
    """SCAYLE fee categories that are OrderWise's delivery charge."""
    send_payments: Switch = True
    """False where payments are posted by other means."""
    order_cutoff_sub_statuses: tuple[str, ...] = ("Picking",)
    """Sub-statuses from which on an order is being picked and can no longer be cancelled. `Allocated` is not one [12.4]."""
    return_action: Text = "Refund"
    """The action asked for with an announced return [12.9]."""
    refund_actions: tuple[str, ...] = ("Refund",)
    """Actions on received goods that mean a refund; any other is a person's."""
    feed_overlap_seconds: NonNegativeSeconds = 120
    """How far a run reads back before its cursor, for late commits [11]."""
    clock_change_overlap_seconds: NonNegativeSeconds = 3_720
    """The same after the autumn clock change, because local time repeats an hour [11]."""
    clock_change_watch_seconds: NonNegativeSeconds = 10_800
    """How long after the autumn clock change that wider overlap holds [11]."""
    first_read_days: Days = 7
    """How far back a feed is read for the first time. Chosen: seven days is the customary order window."""
    reread_hours: Hours = 24
    """How far back the feeds are read again every night, for what was filed late [11]."""
    lookup_lag_seconds: NonNegativeSeconds = 30
    """How long a created order may stay invisible to a look-up. Chosen; the contract promises none."""
    landing_seconds: NonNegativeSeconds = 60
    """The longest a request that we gave up on may still take effect, import apart. Chosen: three call deadlines."""
    import_timeout_seconds: Seconds = 1_800
    """An accepted order that is still not to be found after so long is a person's [12.2]."""
    deferred_import: Switch = True
    """False only where the customer has proven that a created order is there at once; then nothing waits for an import."""
    stock_lag_seconds: NonNegativeSeconds = 60
    """How far free stock may trail the warehouse: the interval of the job that recalculates it and its running time [6.3].
    Guessed; confirm with the installation. Too small a value lets a stamp of ours release a block in the shop that is
    still needed."""
    tracking_wait_seconds: NonNegativeSeconds = 1_800
    """How long a despatch may wait for its consignment number before it ships under its own number. Chosen."""

    @field_validator("timezone")
    @classmethod
    def _timezone_is_known(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(f"{name!r} is no time zone of the IANA database") from error
        return name

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @property
    def import_timeout(self) -> timedelta | None:
        return timedelta(seconds=self.import_timeout_seconds) if self.deferred_import else None

    @property
    def statuses(self) -> dict[str, FulfilmentStatus]:
        """Every status text that we know, trimmed and case-folded, in our words."""
        return {folded(text): status for text, status in {**STATUS_MAP, **self.maps.status}.items()}

    @property
    def return_statuses(self) -> dict[str, ReturnStatus]:
        return {folded(text): status for text, status in {**RETURN_STATUS_MAP, **self.maps.return_status}.items()}

    @property
    def conditions(self) -> dict[str, Condition]:
        return {folded(text): one for text, one in {**CONDITION_MAP, **self.maps.condition}.items()}

    @property
    def tax_rate_ids(self) -> dict[Decimal, int]:
        """Ids of tax rates by their value, so that 0.2 and 0.20 are one."""
        return {Decimal(rate): number for rate, number in self.maps.tax_rate.items()}

    def ledger_account(self, shop: str) -> str:
        """Return the account that a shop's postings go to, or an empty text where nobody configured one."""
        for section in (self.finance, self.customer):
            accounts = {key.casefold(): number for key, number in section.accounts.items()}
            if number := accounts.get(shop.casefold(), section.account_number):
                return number
        return ""

    def sale_locations(self, warehouse_code: str) -> frozenset[int]:
        """The locations whose free stock is for sale under this warehouse code."""
        listed = self.maps.sale_locations.get(warehouse_code)
        if listed is not None:
            return frozenset(listed)
        own = self.maps.stock_location.get(warehouse_code)
        return frozenset() if own is None else frozenset((own,))

    @property
    def sale_warehouses(self) -> dict[str, frozenset[int]]:
        """Every warehouse code with the locations whose free stock is for sale under it."""
        codes = {**self.maps.stock_location, **self.maps.sale_locations}
        return {code: self.sale_locations(code) for code in codes}


def folded(text: str) -> str:
    """Return a text of OrderWise as it is compared: trimmed and case-folded [11]."""
    return text.strip().casefold()
