"""Deciding about goods that wait for a person: refund or refuse, for which units, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from syncbridge.domain.returns import Decision
from syncbridge.flows import return_decide
from syncbridge.flows.context import Context
from syncbridge.flows.return_decide import Decided, NotDecidable
from syncbridge.ledger.engine import Connection
from syncbridge.reports.return_desk import Candidate, candidates
from syncbridge.reports.return_lists import ReceiptView, ReturnDossier, dossier_of
from syncbridge.reports.return_wording import can_be_decided
from syncbridge.web.console import finding
from syncbridge.web.console.access import actor, operators_only, user_name
from syncbridge.web.console.forms import Decide, Find, complaints
from syncbridge.web.console.refusals import NotFound
from syncbridge.web.console.wording import plural
from syncbridge.web.parts import Parts

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Question:
    """What is to be decided: a receipt of a return; of which order its units may be, and which those are."""

    found: ReturnDossier
    receipt: ReceiptView
    order_id: int | None
    candidates: tuple[Candidate, ...]

    @property
    def needs_units(self) -> bool:
        """Whether its goods belong to no unit yet, so that a refund has to name some."""
        return self.receipt.left > 0

    @property
    def has_units_to_decide(self) -> bool:
        """Whether its goods have units whose money a person was asked about."""
        return self.receipt.decision == Decision.ASK and bool(self.receipt.units)


def blueprint(parts: Parts) -> Blueprint:
    """Return the pages that decide."""
    pages = Blueprint("decide", __name__)

    @pages.get("/returns/<rma>/receipts/<int:receipt>")
    @operators_only
    def ask(rma: str, receipt: int) -> ResponseReturnValue:
        context = parts.context()
        with context.ledger.reading() as connection:
            known = _question(connection, rma, receipt).receipt
        if not can_be_decided(known):
            flash(f"Receipt {receipt} is decided already.", "note")
            return redirect(url_for("returns.show", rma=rma), 303)
        return _form(context, rma, receipt, Decide(formdata=None), [], 200)

    @pages.post("/returns/<rma>/receipts/<int:receipt>/order")
    @operators_only
    def name_order(rma: str, receipt: int) -> ResponseReturnValue:
        with parts.context().ledger.reading() as connection:
            order_id = finding.order_named(connection, Find().text.data or "")
        return redirect(url_for("decide.ask", rma=rma, receipt=receipt, order=order_id), 303)

    @pages.post("/returns/<rma>/receipts/<int:receipt>/check")
    @operators_only
    def check(rma: str, receipt: int) -> ResponseReturnValue:
        context, form = parts.context(), Decide()
        if not form.validate():
            return _form(context, rma, receipt, form, complaints(form), 400)
        if form.change.data:
            return _form(context, rma, receipt, form, [], 200)
        with context.ledger.reading() as connection:
            question = _question(connection, rma, receipt)
        if form.refunds and not form.units.data and can_be_decided(question.receipt) and not question.has_units_to_decide:
            return _form(context, rma, receipt, form, ["Choose the units that these goods are."], 400)
        try:
            foreseen = _decide(context, rma, receipt, form, dry_run=True)
        except NotDecidable as error:
            return _form(context, rma, receipt, form, [_sentence(error)], 409)
        return render_template("decide_check.html", question=question, form=form, foreseen=foreseen)

    @pages.post("/returns/<rma>/receipts/<int:receipt>")
    @operators_only
    def carry_out(rma: str, receipt: int) -> ResponseReturnValue:
        context, form = parts.context(), Decide()
        if not form.validate():
            return _form(context, rma, receipt, form, complaints(form), 400)
        try:
            done = _decide(context, rma, receipt, form, dry_run=False)
        except NotDecidable as error:
            return _form(context, rma, receipt, form, [_sentence(error)], 409)
        log.info(
            "console_receipt_decided", user=user_name(), receipt=receipt, refund=form.refunds, units=len(done.refunded)
        )
        if form.refunds:
            # Few words: the cookie carries them to the next page.
            flash(f"Decided: {plural(len(done.refunded), 'unit')} will be returned in SCAYLE, which refunds.", "good")
        else:
            flash(f"Decided: receipt {receipt} is refused. No money moves for it.", "good")
        return redirect(url_for("returns.show", rma=rma), 303)

    return pages


def _question(connection: Connection, rma: str, receipt_id: int) -> Question:
    found = dossier_of(connection, finding.return_known(connection, rma))
    receipt = next((one for one in found.receipts if one.receipt == receipt_id), None)
    if receipt is None:
        raise NotFound(f"Return {rma} has no receipt {receipt_id}.")
    order_id = found.head.order_id
    if order_id is None and (named := request.args.get("order", type=int)) is not None:
        order_id = finding.order_known(connection, named)
    choice = candidates(connection, order_id) if order_id is not None and receipt.left > 0 else []
    return Question(found, receipt, order_id, tuple(choice))


def _decide(context: Context, rma: str, receipt_id: int, form: Decide, *, dry_run: bool) -> Decided:
    with context.ledger.reading() as connection:
        _question(connection, rma, receipt_id)
    return return_decide.run(
        context,
        receipt_id,
        refund=form.refunds,
        # A refusal is about the whole receipt, whatever was ticked.
        units=sorted(set(form.units.data)) if form.refunds else (),
        actor=actor(),
        reason=form.reason.data,
        dry_run=dry_run,
    )


def _form(
    context: Context, rma: str, receipt_id: int, form: Decide, trouble: Sequence[str], status: int
) -> ResponseReturnValue:
    with context.ledger.reading() as connection:
        question = _question(connection, rma, receipt_id)
    text = render_template(
        "decide.html",
        question=question,
        form=form,
        chosen=set(form.units.data or ()),
        trouble=trouble,
        which=Find(formdata=None),
    )
    return make_response(text, status)


def _sentence(error: NotDecidable) -> str:
    return f"Nothing was decided: {error}."
