"""Returns: all of them by state, source and order; and each with what came and what became of its money."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from syncbridge.domain.returns import ReturnSource, ReturnState
from syncbridge.reports.return_lists import dossier_of, list_returns
from syncbridge.web.console import finding
from syncbridge.web.console.forms import EVERY, OPEN, FilterReturns
from syncbridge.web.parts import Parts

PAGE = 50


def blueprint(parts: Parts) -> Blueprint:
    """Return the list of returns and the page of each."""
    pages = Blueprint("returns", __name__)

    @pages.get("/returns")
    def index() -> ResponseReturnValue:
        context = parts.context()
        # Whatever else stands in the address is not followed.
        form = FilterReturns(formdata=MultiDict(request.args))
        form.state.data, form.source.data = form.known("state") or OPEN, form.known("source") or ""
        order = form.order.data if form.order.data and form.order.data.isdecimal() and len(form.order.data) < 19 else ""
        form.order.data = order
        chosen = form.state.data
        with context.ledger.reading() as connection:
            rows, more = list_returns(
                connection,
                state=None if chosen in (OPEN, EVERY) else ReturnState(chosen),
                source=ReturnSource(form.source.data) if form.source.data else None,
                order_id=int(order) if order else None,
                everything=chosen == EVERY,
                limit=PAGE,
                before=request.args.get("before"),
            )
        narrowed: dict[str, Any] = {
            name: value for name, value in (("state", chosen), ("source", form.source.data), ("order", order)) if value
        }
        return render_template(
            "returns.html",
            form=form,
            rows=rows,
            older=url_for("returns.index", **narrowed, before=rows[-1].rma_number) if more else None,
            newest=url_for("returns.index", **narrowed) if "before" in request.args else None,
            now=context.now(),
        )

    @pages.post("/returns")
    def narrow() -> ResponseReturnValue:
        # By POST, as an order's name can be any text; the address then holds its id.
        form = FilterReturns()
        wanted: dict[str, Any] = {name: form.known(name) or None for name in ("state", "source")}
        if form.order.data:
            with parts.context().ledger.reading() as connection:
                wanted["order"] = finding.order_named(connection, form.order.data)
        return redirect(url_for("returns.index", **wanted), 303)

    @pages.get("/returns/<rma>")
    def show(rma: str) -> ResponseReturnValue:
        context = parts.context()
        with context.ledger.reading() as connection:
            found = dossier_of(connection, finding.return_known(connection, rma))
        return render_template("return.html", found=found, now=context.now())

    return pages

