"""A rule of `domain.owed.terms` as CASEs: asked of every combination, and told by the database.

A question whose answer makes no difference is not asked there.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from app.db.tables import bookings, payment_lines
from app.domain.owed import goodwill
from app.domain.owed import terms as rule
from app.domain.owed.terms import OverrideAction, SkipReason, Terms
from app.domain.statuses import COUNTED_BY_TERMS, TAKES_A_PLACE, Method

BY_PAYMENT: Final = 1
BY_CREDITS: Final = 2
_TEXT: Final = sa.Text()


class _Answer(NamedTuple):
    """A value that a line may have, and how the database sees that it does."""

    value: Any
    seen: sa.ColumnElement[bool]


_Question = Sequence[_Answer]
# An outcome, or one for each answer to a question.
_Tree = str | tuple[tuple[_Answer, "_Tree"], ...]


def trees(
    terms: Terms,
    *,
    include_attended: bool,
    action: sa.ColumnElement[Any] | None,
    started: sa.ColumnElement[bool],
) -> tuple[sa.ColumnElement[str], sa.ColumnElement[str]]:
    """What becomes of a line, and why a booking without any has nothing to return.

    `action` is what a person said of it; None: nobody said anything of any.
    """
    actions = [_Answer(None, sa.true())]
    if action is not None:
        actions = [*(_Answer(one, is_word(action, one)) for one in OverrideAction), *actions]
    methods = [
        _Answer(one, is_word(payment_lines.c.method, one))
        for one in (Method.CREDIT, Method.PAYMENT)
    ]
    statuses = [_Answer(one, is_word(bookings.c.status, one)) for one in reversed(COUNTED_BY_TERMS)]
    begun = [_Answer(True, started), _Answer(False, ~started)]

    def of_line(action: Any, method: Any, status: Any, begun: Any) -> str:
        return rule.treatment(
            status, method, action, terms, started=begun, include_attended=include_attended
        )

    def unpaid(action: Any, status: Any, begun: Any) -> str:
        kept_by = rule.booking_kept_by(
            status, action, terms, started=begun, include_attended=include_attended
        )
        return kept_by or SkipReason.NOTHING_PAID

    return (
        _case(_grown(of_line, [actions, methods, statuses, begun])),
        _case(_grown(unpaid, [actions, statuses, begun])),
    )


def gives_goodwill(
    terms: Terms, *, include_attended: bool, booking: sa.FromClause
) -> sa.ColumnElement[bool]:
    """Whether goodwill is given for a booking.

    It has `status`, `started`, `action` (what a person said of it as a whole), and by which
    `means` it was paid: `BY_PAYMENT`, `BY_CREDITS`, both added, or 0.
    """
    actions = [*(_Answer(one, is_word(booking.c.action, one)) for one in OverrideAction)]
    actions.append(_Answer(None, sa.true()))
    statuses = [_Answer(one, is_word(booking.c.status, one)) for one in TAKES_A_PLACE]
    begun = [_Answer(True, booking.c.started), _Answer(False, ~booking.c.started)]
    paid, credited = (
        [_Answer(True, has), _Answer(False, ~has)]
        for has in (_has(booking.c.means, one) for one in (BY_PAYMENT, BY_CREDITS))
    )

    def given(action: Any, status: Any, begun: Any, paid: Any, credited: Any) -> str:
        kept_by = rule.booking_kept_by(
            status, action, terms, started=begun, include_attended=include_attended
        )
        gives = goodwill.gives(
            terms.goodwill,
            status,
            is_kept=kept_by is not None,
            has_payment=paid,
            has_credits=credited,
        )
        return "given" if gives else "none"

    return is_word(_case(_grown(given, [actions, statuses, begun, paid, credited])), "given")


def _has(means: sa.ColumnElement[int], one: int) -> sa.ColumnElement[bool]:
    """Whether a booking was paid with this, alone or beside the other."""
    both = (one, BY_PAYMENT + BY_CREDITS)
    return means.in_([sa.literal_column(str(number), sa.BigInteger) for number in both])


def _grown(decide: Callable[..., str], asked: Sequence[_Question], *known: Any) -> _Tree:
    if not asked:
        return str(decide(*known))
    question, *rest = asked
    branches = tuple((one, _grown(decide, rest, *known, one.value)) for one in question)
    last = branches[-1][1]
    return last if all(branch is last or branch == last for _, branch in branches) else branches


def _case(tree: _Tree) -> sa.ColumnElement[str]:
    if isinstance(tree, str):
        return word(tree)
    *some, (_, last) = tree
    others = [(one.seen, _case(branch)) for one, branch in some if branch is not last]
    return sa.case(*others, else_=_case(last))


def is_word(column: sa.ColumnElement[Any], one: str) -> sa.ColumnElement[bool]:
    """Whether a column is one of our own words."""
    return column == word(one)


def word(one: str) -> sa.ColumnElement[str]:
    """One of our own words, as the statement's text."""
    return sa.literal_column(f"'{one}'", _TEXT)
