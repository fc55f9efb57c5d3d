"""An order's page: where its parts, units and parcels are, what comes back, what needs a person, what happened."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from syncbridge.reports.order_dossier import Dossier, dossier_of
from syncbridge.reports.return_lists import list_returns, returnable_units
from syncbridge.web.console import finding
from syncbridge.web.parts import Parts

MOST_FACTS = 60
"""Chosen: an order's usual life; the rest is a click away."""
MOST_RETURNS = 50


@dataclass(frozen=True)
class UnitGroup:
    """Units that are alike: of one line, in one state, in one shipment."""

    reference: str
    line_number: int | None
    sku: str
    state: str
    shipment: str | None
    count: int


def blueprint(parts: Parts) -> Blueprint:
    """Return the page of an order."""
    pages = Blueprint("orders", __name__)

    @pages.get("/orders/<int:order_id>")
    def show(order_id: int) -> ResponseReturnValue:
        context = parts.context()
        with context.ledger.reading() as connection:
            finding.order_known(connection, order_id)
            dossier = dossier_of(connection, order_id)
            returns, more_returns = list_returns(
                connection, state=None, source=None, order_id=order_id, everything=True, limit=MOST_RETURNS
            )
            can_come_back = bool(returnable_units(connection, order_id))
        facts = dossier.facts if "all" in request.args else dossier.facts[-MOST_FACTS:]
        return render_template(
            "order.html",
            dossier=dossier,
            groups=grouped(dossier),
            facts=facts,
            earlier=len(dossier.facts) - len(facts),
            returns=returns,
            more_returns=more_returns,
            can_come_back=can_come_back,
            now=context.now(),
        )

    return pages


def grouped(dossier: Dossier) -> list[UnitGroup]:
    """Return the units of an order, those that are alike together, in the sequence of their lines."""
    keys = {one.parcel: one.shipment_key or one.number for one in dossier.parcels}
    found = Counter(
        (unit.reference, unit.line_number, unit.sku, unit.state, keys.get(unit.parcel or 0)) for unit in dossier.units
    )
    return [UnitGroup(*alike, count) for alike, count in found.items()]
