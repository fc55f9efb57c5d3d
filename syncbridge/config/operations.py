"""`[schedule]`, `[limits]`, `[returns]`, `[retention]` and `[owners]`: how the deployment runs, whatever the vendors are."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from syncbridge.config.section import Days, Fraction, Positive, Real, Seconds, Section, Whole
from syncbridge.domain.backend import Condition, Disposition
from syncbridge.domain.returns import ANY, Decision
from syncbridge.domain.stock import MassChange


class ScheduleSettings(Section):
    """How often each flow runs, in seconds. Every default has its reason beside it."""

    sweep_seconds: Seconds = 10
    """Re-enqueues what is due and not leased: this bounds how long a lost message or a dead worker can cost."""
    order_poll_seconds: Seconds = 60
    """Finds orders whose delegation never reached us; SCAYLE itself waits a minute before it delegates."""
    order_status_seconds: Seconds = 300
    """Quarantines, holds and short closes; the Scend contract suggests five minutes [2.17]."""
    despatch_pull_seconds: Seconds = 120
    """Parcels for the shopper and the capture of money; the Scend contract suggests two minutes [2.17]."""
    return_pull_seconds: Seconds = 900
    """Goods that came back; the Scend contract suggests fifteen minutes [2.17], and webhooks ring in between."""
    return_check_seconds: Seconds = 300
    """Open ends of returns: what was announced and never came, came and was not refunded, was refunded and never came."""
    cancel_ask_seconds: Seconds = 60
    """Looks at every cancellation that has no outcome yet; calls and events ring for it at once."""
    stock_sync_seconds: Seconds = 30
    """Stock is the product as the shop sees it; webhooks ring in between."""
    stock_reconcile_seconds: Seconds = 86_400
    """Compares every number with SCAYLE's own; a day's drift is small when deltas work."""
    catalogue_seconds: Seconds = 86_400
    """Products change slowly, and the Scend contract suggests nightly [2.17]."""
    reread_seconds: Seconds = 86_400
    """Reads again what a back end's feeds may have left out, where its section says how far back; nightly is enough."""
    escalate_seconds: Seconds = 60
    """Exceptions are raised within a minute of our learning the cause."""
    housekeep_seconds: Seconds = 3_600
    """Deletes what nobody can need any more; an hour keeps each run short."""


class LimitSettings(Section):
    """Bounds that keep one slow vendor or one bad order from stopping the rest."""

    call_deadline_seconds: Seconds = 20
    """The longest one vendor call may take, connecting included. Guide value of the design."""
    lease_seconds: Seconds = 25
    """How long a claimed row belongs to its worker; must outlast a call."""
    order_lock_seconds: Seconds = 25
    """Life of the Redis lock of an order. It saves work and proves nothing: the lease in the ledger decides."""
    claim_batch: Annotated[Whole, Field(ge=1, le=50)] = 10
    """Rows one task claims at once. A message costs Celery about 1 ms (measured), so a backlog is drained in batches."""
    order_share: Annotated[Real, Field(ge=0, lt=1)] = 0.2
    """Part of every quota's burst kept for cancellations and orders. The Scend contract asks for 20 % [2.6]."""

    @model_validator(mode="after")
    def _work_resumes_within_a_minute(self) -> LimitSettings:
        if self.lease_seconds <= self.call_deadline_seconds:
            raise ValueError(
                f"lease_seconds ({self.lease_seconds:g}) must be longer than call_deadline_seconds "
                f"({self.call_deadline_seconds:g}), or a slow call loses its row to another worker"
            )
        return self


class StockSettings(Section):
    """When a stock run is too large to be believed, and how a write that the shop ignores is handled."""

    zeroed_share: Annotated[Fraction, Field(gt=0, le=1)] = Decimal("0.2")
    """Part of the SKUs on sale that one run may take to zero."""
    zeroed_least: Annotated[Whole, Field(ge=1)] = 50
    """Fewer than so many may always go to zero. Chosen."""
    moved_share: Annotated[Fraction, Field(gt=0)] = Decimal("0.5")
    """Part of all units on sale that one run may move, up and down together."""
    moved_least: Annotated[Whole, Field(ge=1)] = 5_000
    ignored_limit: Annotated[Whole, Field(ge=1)] = 3
    """So many ignored writes of one SKU in a row open an exception."""

    @property
    def mass_change(self) -> MassChange:
        """The thresholds as the domain has them."""
        return MassChange(self.zeroed_share, self.zeroed_least, self.moved_share, self.moved_least)


DEFAULT_DECISIONS = {
    "resaleable/*": Decision.RESTOCK,
    "rework/*": Decision.RESTOCK,
    "damaged/*": Decision.WRITE_OFF,
    "faulty/*": Decision.WRITE_OFF,
    "worn/*": Decision.ASK,
    "wrong_item/*": Decision.ASK,
    "unsellable/*": Decision.ASK,
}


class ReturnSettings(Section):
    """What is done with goods that come back, and for how long an open end of a return may stay open."""

    decisions: dict[str, Decision] = DEFAULT_DECISIONS
    """ "condition/disposition" of the goods -> what happens; `*` stands for any. What is not named is asked of a person."""
    unannounced: Literal["match", "hold"] = "match"
    """Goods without our RMA and without our return label: match them by reference and line where that is unambiguous, or hold."""
    wait_minutes: Positive = 10
    """How long goods may have come back before we heard that they had left, until a person is told."""
    overdue_days: Days = 30
    """Announced and never arrived. Chosen: longer than the usual 14 days of withdrawal and 14 of sending back."""
    refund_days: Days = 3
    """Received and no refund shown."""
    goods_days: Days = 30
    """Refunded in SCAYLE and never received."""

    @field_validator("decisions")
    @classmethod
    def _names_are_known(cls, decisions: dict[str, Decision]) -> dict[str, Decision]:
        for key, decision in decisions.items():
            condition, slash, disposition = key.partition("/")
            if (
                not slash
                or condition not in {ANY, *Condition} - {Condition.UNKNOWN}
                or disposition not in {ANY, *Disposition} - {Disposition.UNKNOWN}
            ):
                raise ValueError(
                    f"{key!r} is no condition/disposition; conditions: {', '.join(Condition)}; "
                    f"dispositions: {', '.join(Disposition)}; * for any"
                )
            if decision is Decision.REFUSED:
                raise ValueError(f"{key!r}: nothing is refused without a person; say {Decision.ASK.value!r}")
        return decisions


class RetentionSettings(Section):
    """How long what is kept, in days."""

    personal_data_days: Days = 90
    """Names, addresses and bodies of orders with nothing open any more. Chosen; ask the data protection officer."""
    inbox_days: Days = 90
    """Raw messages. Chosen: longer than any vendor repeats them."""


class OwnerSettings(Section):
    """A team that exceptions are handed to."""

    name: str = ""
    address: str = ""
    """An e-mail address or a channel, shown with the exception."""


class OwnersSettings(Section):
    """The five teams of the exceptions table. A team without an address still owns its exceptions on the console."""

    ecommerce: OwnerSettings = OwnerSettings(name="E-commerce")
    warehouse: OwnerSettings = OwnerSettings(name="Warehouse")
    customer_service: OwnerSettings = OwnerSettings(name="Customer service")
    finance: OwnerSettings = OwnerSettings(name="Finance")
    it: OwnerSettings = OwnerSettings(name="IT")

