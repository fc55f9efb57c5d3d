"""Announcing a return: which units, why; what that comes to; and then the numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog
from flask import Blueprint, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from syncbridge.domain.returns import ReturnReason
from syncbridge.flows import return_expect
from syncbridge.flows.context import Context
from syncbridge.flows.return_expect import Announced, NotReturnable
from syncbridge.ledger.returns import Return
from syncbridge.ports.backend import Capability
from syncbridge.reports.return_desk import expected_under
from syncbridge.reports.return_lists import list_returns, returnable_units
from syncbridge.web.console import finding
from syncbridge.web.console.access import actor, operators_only, user_name
from syncbridge.web.console.forms import Announce, complaints
from syncbridge.web.parts import Parts

log = structlog.get_logger(__name__)

_MOST_SHOWN = 1000
_MOST_IN_ADDRESS = 40
"""Numbers that an address may hold: servers refuse one beyond 4 kB."""


@dataclass(frozen=True)
class Plan:
    """What one authorisation would be: to whom, for which goods (units by SKU), and whether a person announces it there."""

    one: Return
    goods: Mapping[str, int]
    by_hand: bool


def blueprint(parts: Parts) -> Blueprint:
    """Return the pages that announce."""
    pages = Blueprint("announce", __name__)

    @pages.get("/orders/<int:order_id>/announce")
    @operators_only
    def choose(order_id: int) -> ResponseReturnValue:
        return _form(parts.context(), order_id, Announce(formdata=None), [], 200)

    @pages.post("/orders/<int:order_id>/announce/check")
    @operators_only
    def check(order_id: int) -> ResponseReturnValue:
        context, form = parts.context(), Announce()
        if not form.validate():
            return _form(context, order_id, form, complaints(form), 400)
        if form.change.data:
            return _form(context, order_id, form, [], 200)
        try:
            foreseen = _announce(context, order_id, form, dry_run=True)
        except NotReturnable as error:
            return _form(context, order_id, form, [_sentence(error)], 409)
        if not foreseen.returns:
            return redirect(_result(order_id, foreseen), 303)
        with context.ledger.reading() as connection:
            skus = {unit.order_item_id: unit.sku for unit in returnable_units(connection, order_id)}
        plans = [
            Plan(one, Counter(skus.get(unit, "?") for unit in one.units), _by_hand(context, one.account))
            for one in foreseen.returns
        ]
        return render_template("announce_check.html", order_id=order_id, form=form, plans=plans, already=foreseen.already)

    @pages.post("/orders/<int:order_id>/announce")
    @operators_only
    def carry_out(order_id: int) -> ResponseReturnValue:
        context, form = parts.context(), Announce()
        if not form.validate():
            return _form(context, order_id, form, complaints(form), 400)
        try:
            made = _announce(context, order_id, form, dry_run=False)
        except NotReturnable as error:
            return _form(context, order_id, form, [_sentence(error)], 409)
        log.info(
            "console_return_announced",
            user=user_name(),
            order=order_id,
            made=[one.rma_number for one in made.returns],
            already=[one.rma_number for one in made.already],
        )
        # Reloading what follows announces nothing.
        return redirect(_result(order_id, made), 303)

    @pages.get("/orders/<int:order_id>/announced")
    def announced(order_id: int) -> ResponseReturnValue:
        with parts.context().ledger.reading() as connection:
            finding.order_known(connection, order_id)
            rows, _more = list_returns(
                connection, state=None, source=None, order_id=order_id, everything=True, limit=_MOST_SHOWN
            )
        made, already = (
            [row for row in rows if row.rma_number in request.args.getlist(name)] for name in ("made", "already")
        )
        return render_template("announced.html", order_id=order_id, made=made, already=already)

    return pages


def _announce(context: Context, order_id: int, form: Announce, *, dry_run: bool) -> Announced:
    units = sorted(set(form.units.data))
    with context.ledger.reading() as connection:
        finding.order_known(connection, order_id)
    return return_expect.announce(
        context, order_id, units, reason=ReturnReason(form.reason.data), actor=actor(), dry_run=dry_run
    )


def _form(
    context: Context, order_id: int, form: Announce, trouble: Sequence[str], status: int
) -> ResponseReturnValue:
    with context.ledger.reading() as connection:
        finding.order_known(connection, order_id)
        units = returnable_units(connection, order_id)
        expected = expected_under(connection, order_id)
    chosen = set(form.units.data or ())
    text = render_template(
        "announce.html",
        order_id=order_id,
        form=form,
        units=units,
        expected=expected,
        chosen=chosen,
        trouble=trouble,
    )
    return make_response(text, status)


def _result(order_id: int, made: Announced) -> str:
    return url_for(
        "announce.announced",
        order_id=order_id,
        made=[one.rma_number for one in made.returns][:_MOST_IN_ADDRESS],
        already=[one.rma_number for one in made.already][:_MOST_IN_ADDRESS],
    )


def _by_hand(context: Context, account: str) -> bool:
    return context.backend_named(account).capabilities.returns is Capability.MANUAL


def _sentence(error: NotReturnable) -> str:
    return f"Nothing was announced: {error}."
