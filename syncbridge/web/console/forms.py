"""The console's forms. Every one carries the session's CSRF token; what they allow is checked again by the flows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

from flask_wtf import FlaskForm
from wtforms import (
    HiddenField,
    PasswordField,
    RadioField,
    SelectField,
    SelectMultipleField,
    StringField,
    SubmitField,
    TextAreaField,
)
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, InputRequired, Length

from syncbridge.domain.returns import ReturnReason, ReturnSource, ReturnState

OPEN, EVERY = "open", "every"
MOST_UNITS = 5000
"""The most units that one order may have."""


def in_words(word: str) -> str:
    """Return a word of ours as people write it: too_small becomes "too small"."""
    return word.replace("_", " ")


def _stripped(text: str | None) -> str:
    return (text or "").strip()


def _whole_number(text: str) -> int:
    """Return an id; raises ValueError for what is none, and for what no database column holds."""
    number = int(text)
    if not 0 < number < 2**63:
        raise ValueError(text)
    return number


def _choices(first: Mapping[str, str], words: Iterable[StrEnum]) -> list[SelectChoice]:
    """Return what can be chosen: values with labels of their own, then words of ours."""
    labels = {**first, **{word.value: in_words(word.value) for word in words}}
    return [SelectChoice(value, label) for value, label in labels.items()]


class SignIn(FlaskForm):
    name = StringField("Name", [DataRequired("Give your name."), Length(max=80)], filters=[_stripped])
    password = PasswordField("Password", [InputRequired("Give your password."), Length(max=400)])
    next = HiddenField()


class Find(FlaskForm):
    """The search box of every page."""

    text = StringField("Order or RMA number", [Length(max=200)], filters=[_stripped])


class FilterReturns(FlaskForm):
    state = SelectField(
        "State",
        choices=_choices({OPEN: "open, or with goods that wait", EVERY: "all"}, ReturnState),
        default=OPEN,
    )
    source = SelectField("Source", choices=_choices({"": "any"}, ReturnSource), default="")
    order = StringField("Order", [Length(max=200)], filters=[_stripped])

    def known(self, name: str) -> str | None:
        """Return the choice made in a field; None where it is none of those that there are."""
        field = self[name]
        return field.data if field.data in [one.value for one in field.choices] else None


class Announce(FlaskForm):
    units = SelectMultipleField(
        "Units", [InputRequired("Choose at least one unit."), Length(max=MOST_UNITS)], coerce=_whole_number, validate_choice=False
    )
    reason = SelectField(
        "Reason",
        # That a cancellation came too late is for syncbridge itself to say.
        choices=_choices({"": "choose…"}, [one for one in ReturnReason if one is not ReturnReason.TOO_LATE_TO_CANCEL]),
        validators=[InputRequired("Choose the reason.")],
    )
    change = SubmitField("Change")


class Decide(FlaskForm):
    verdict = RadioField(
        "Decision",
        choices=_choices({"refund": "Refund", "refuse": "Refuse"}, ()),
        validators=[InputRequired("Choose: refund or refuse.")],
    )
    units = SelectMultipleField("Units", [Length(max=MOST_UNITS)], coerce=_whole_number, validate_choice=False)
    reason = TextAreaField(
        "Reason", [DataRequired("Say why: it is kept with the decision."), Length(max=500)], filters=[_stripped]
    )
    change = SubmitField("Change")

    @property
    def refunds(self) -> bool:
        return bool(self.verdict.data == "refund")


def complaints(form: FlaskForm) -> list[str]:
    """Return what is wrong with what was sent, in the sequence of the fields."""
    return list(dict.fromkeys(str(text) for texts in form.errors.values() for text in texts))
