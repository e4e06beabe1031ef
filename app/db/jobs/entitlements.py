"""What the bookings of chosen sessions get back, as one SELECT.

The plan, the 202's CSV and the expansion all read it. A row is a payment line to return whole, one
that is kept whole and why, or (line 0, method `none`) a booking of which nothing was paid. A line
of 0 counts as nothing paid. The rule itself is `policy`'s; here it becomes the CASE that the
database runs, so the two can't differ.
"""

from collections.abc import Callable, Iterable
from typing import Any

import sqlalchemy as sa

from app.db.tables import bookings, payment_lines
from app.domain.statuses import COUNTED, COUNTED_BY_TERMS, Method, RefundForm

# `rule(status, started, paid)` gives a skip reason or None.
Rule = Callable[[str, bool, bool], str | None]


def entitlement_lines(
    source: sa.FromClause, as_of: sa.ColumnElement[Any], rule: Rule, *, names_kept: bool
) -> sa.Subquery:
    """The lines of all bookings of `source`'s sessions, as at `as_of`.

    Args:
        source: has `business_id`, `session_id`, `position` and `starts_at`.
        as_of: the instant that tells started sessions from those to come.
        rule: the policy.
        names_kept: whether what was paid and is kept has a row a line, or (the first policy) one
            without a sum.

    Returns: business_id, session_id, position, booking_id, client_id, line_no, method, payment_id,
    amount_minor, currency, account_id, credits, kept_amount_minor, kept_credits, kept_by,
    skip_reason, returned_as. What was paid of a line is what is returned and what is kept of it.
    """
    started = source.c.starts_at <= as_of
    skipped_though_paid = _case(started, rule, paid=True)
    lines = sa.join(source, bookings, in_session(source)).outerjoin(
        payment_lines,
        sa.and_(
            payment_lines.c.business_id == bookings.c.business_id,
            payment_lines.c.booking_id == bookings.c.id,
            is_paid(),
            sa.true() if names_kept else skipped_though_paid.is_(None),
        ),
    )
    nothing = payment_lines.c.line_no.is_(None)
    kept = sa.and_(~nothing, skipped_though_paid.is_not(None))
    return (
        sa.select(
            source.c.business_id,
            source.c.session_id,
            source.c.position,
            bookings.c.id.label("booking_id"),
            bookings.c.client_id,
            sa.func.coalesce(payment_lines.c.line_no, 0).label("line_no"),
            sa.func.coalesce(payment_lines.c.method, Method.NONE.value).label("method"),
            payment_lines.c.payment_id,
            _unless(kept, payment_lines.c.amount_minor).label("amount_minor"),
            payment_lines.c.currency,
            payment_lines.c.account_id,
            _unless(kept, payment_lines.c.credits).label("credits"),
            _where(kept, payment_lines.c.amount_minor).label("kept_amount_minor"),
            _where(kept, payment_lines.c.credits).label("kept_credits"),
            sa.case((kept, skipped_though_paid)).label("kept_by"),
            sa.case((nothing, _case(started, rule, paid=False)), else_=skipped_though_paid).label(
                "skip_reason"
            ),
            sa.literal_column(f"'{RefundForm.ORIGINAL}'", sa.Text).label("returned_as"),
        )
        .select_from(lines)
        .where(is_counted())
        .subquery("returns")
    )


def is_counted(*, by_terms: sa.ColumnElement[bool] | None = None) -> sa.ColumnElement[bool]:
    """Whether a booking counts, and so is settled.

    If nothing is returned, it is settled by a line that says why. A job with terms (`by_terms`)
    settles those that were cancelled late or missed as well.
    """
    counted = bookings.c.status.in_(_words(COUNTED))
    if by_terms is None:
        return counted
    return sa.or_(counted, sa.and_(by_terms, bookings.c.status.in_(_words(COUNTED_BY_TERMS))))


def _words(statuses: Iterable[str]) -> list[sa.ColumnElement[str]]:
    return [sa.literal_column(f"'{status}'") for status in statuses]


def is_paid() -> sa.ColumnElement[bool]:
    """Whether a payment line is of more than 0."""
    return sa.or_(payment_lines.c.amount_minor > 0, payment_lines.c.credits > 0)


def _unless(kept: sa.ColumnElement[bool], paid: sa.ColumnElement[int]) -> sa.ColumnElement[int]:
    """What is returned of a line: nothing where it is kept.

    NULL where it is not of this kind.
    """
    return sa.case(
        (sa.and_(kept, paid.is_not(None)), sa.literal_column("0", sa.BigInteger)), else_=paid
    )


def _where(kept: sa.ColumnElement[bool], paid: sa.ColumnElement[int]) -> sa.ColumnElement[int]:
    """What is kept of a line; 0, too, where it is not of this kind."""
    nothing = sa.literal_column("0", sa.BigInteger)
    return sa.case((kept, sa.func.coalesce(paid, nothing)), else_=nothing)


def in_session(source: sa.FromClause) -> sa.ColumnElement[bool]:
    """Whether a booking is of one of the source's sessions."""
    return sa.and_(
        bookings.c.business_id == source.c.business_id, bookings.c.session_id == source.c.session_id
    )


def _case(
    started: sa.ColumnElement[bool], rule: Rule, *, paid: bool
) -> sa.ColumnElement[str | None]:
    """The policy's truth table over booking status and started, as SQL text (or NULL)."""
    branches = [
        (
            sa.and_(
                bookings.c.status == sa.literal_column(f"'{status}'"), started.is_(has_started)
            ),
            reason,
        )
        for status in COUNTED
        for has_started in (True, False)
        if (reason := rule(status, has_started, paid)) is not None
    ]
    if not branches:
        return sa.cast(sa.null(), sa.Text)
    return sa.case(
        *((when, sa.literal_column(f"'{reason}'", sa.Text)) for when, reason in branches),
        else_=None,
    )
