"""What the bookings of chosen sessions get back: one SELECT, read by the plan, the 202's CSV and the expansion alike.

A row is a payment line to return whole, or (line 0, method `none`) a booking with nothing to return and why. The rule
itself is `policy`'s; here it becomes the CASE that the database runs, so the two can't differ.
"""

from collections.abc import Callable
from typing import Any, Final

import sqlalchemy as sa

from app.db.tables import BookingStatus, Method, bookings, payment_lines

COUNTED: Final = (BookingStatus.BOOKED, BookingStatus.WAITLISTED, BookingStatus.CHECKED_IN)

# `rule(status, started, paid)` gives a skip reason or None.
Rule = Callable[[str, bool, bool], str | None]


def returns(source: sa.FromClause, as_of: sa.ColumnElement[Any], rule: Rule) -> sa.Subquery:
    """The lines of all bookings of `source`'s sessions, as at `as_of`.

    Args:
        source: has `business_id`, `session_id`, `position` and `starts_at`.
        as_of: the instant that tells started sessions from those to come.
        rule: the policy.

    Returns:
        business_id, session_id, position, booking_id, client_id, line_no, method, payment_id, amount_minor, currency,
        account_id, credits, skip_reason.
    """
    started = source.c.starts_at <= as_of
    skipped_though_paid = _case(started, rule, paid=True)
    lines = sa.join(source, bookings, _in_session(source)).outerjoin(
        payment_lines,
        sa.and_(
            payment_lines.c.business_id == bookings.c.business_id,
            payment_lines.c.booking_id == bookings.c.id,
            skipped_though_paid.is_(None),
        ),
    )
    nothing = payment_lines.c.line_no.is_(None)
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
            payment_lines.c.amount_minor,
            payment_lines.c.currency,
            payment_lines.c.account_id,
            payment_lines.c.credits,
            sa.case((nothing, sa.func.coalesce(skipped_though_paid, _case(started, rule, paid=False)))).label(
                "skip_reason"
            ),
        )
        .select_from(lines)
        .where(is_counted())
        .subquery("returns")
    )


def is_counted() -> sa.ColumnElement[bool]:
    """Whether a booking counts: it is settled, if only by a line that says why nothing is returned."""
    counted: list[sa.ColumnElement[str]] = [sa.literal_column(f"'{status}'") for status in COUNTED]
    return bookings.c.status.in_(counted)


def _in_session(source: sa.FromClause) -> sa.ColumnElement[bool]:
    return sa.and_(bookings.c.business_id == source.c.business_id, bookings.c.session_id == source.c.session_id)


def _case(started: sa.ColumnElement[bool], rule: Rule, *, paid: bool) -> sa.ColumnElement[str | None]:
    """The policy's truth table over booking status and started, as SQL text (or NULL)."""
    branches = [
        (sa.and_(bookings.c.status == sa.literal_column(f"'{status}'"), started.is_(has_started)), reason)
        for status in COUNTED
        for has_started in (True, False)
        if (reason := rule(status, has_started, paid)) is not None
    ]
    if not branches:
        return sa.cast(sa.null(), sa.Text)
    return sa.case(*((when, sa.literal_column(f"'{reason}'", sa.Text)) for when, reason in branches), else_=None)
