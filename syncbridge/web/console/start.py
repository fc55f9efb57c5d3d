"""The start page: what is open, what waits for a decision; and the search box of every page."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from syncbridge.reports import return_desk
from syncbridge.web.console import finding
from syncbridge.web.console.forms import Find
from syncbridge.web.parts import Parts

MOST_WAITING = 20


def blueprint(parts: Parts) -> Blueprint:
    """Return the start page and the search."""
    pages = Blueprint("start", __name__)

    @pages.get("/")
    def show() -> ResponseReturnValue:
        context = parts.context()
        with context.ledger.reading() as connection:
            counts = return_desk.open_counts(connection)
            waiting, more = return_desk.waiting_receipts(connection, MOST_WAITING)
        return render_template("start.html", counts=counts, waiting=waiting, more=more, now=context.now())

    @pages.post("/find")
    def find() -> ResponseReturnValue:
        # By POST: what people paste may be personal data, and must not get into an address.
        text = Find().text.data or ""
        if not text:
            return redirect(url_for("start.show"), 303)
        with parts.context().ledger.reading() as connection:
            what, found = finding.anything_named(connection, text)
        if what == "return":
            return redirect(url_for("returns.show", rma=found), 303)
        return redirect(url_for("orders.show", order_id=found), 303)

    return pages
