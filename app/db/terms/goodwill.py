"""Credits on top, in the database: for which bookings, frozen at acceptance, and as lines.

Who gets them is `domain.goodwill`, compiled. Once to a client means for the first of their bookings
in the order of starts: which one that is a plan reckons over its sessions, and an acceptance keeps
it in `job_goodwill`. From then on that table alone is asked, whatever part of a job is read.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.core import statistics
from app.db.core.driver import fetch
from app.db.jobs.entitlements import in_session
from app.db.tables import bookings, job_goodwill, payment_lines
from app.db.terms import rule_tree
from app.db.terms.owed_lines import TermsShape
from app.db.terms.rule_tree import word
from app.domain.owed.goodwill import GoodwillPer
from app.domain.statuses import TAKES_A_PLACE, Method, RefundForm

LINE_NO: Final = -1  # of a grant: no payment line has it
_TEXT: Final = sa.Text()
_NUMBER: Final = sa.BigInteger()
_NO_TEXT: Final = sa.cast(sa.null(), _TEXT)
_NO_NUMBER: Final = sa.cast(sa.null(), _NUMBER)
_NOTHING: Final = sa.literal_column("0", _NUMBER)


def given_bookings(
    source: sa.FromClause,
    as_of: sa.ColumnElement[Any],
    shape: TermsShape,
    overrides: sa.FromClause | None,
) -> sa.Subquery:
    """The bookings of `source`'s sessions that goodwill is given for; see `owed_lines`.

    Returns: business_id, session_id, position, booking_id, client_id.
    """
    found = _with_means(source, as_of, overrides)
    gives = rule_tree.gives_goodwill(
        shape.terms, include_attended=shape.include_attended, booking=found
    )
    names = ("business_id", "session_id", "position", "booking_id", "client_id")
    columns = [found.c[name] for name in names]
    if shape.terms.goodwill.per is GoodwillPer.BOOKING:
        return sa.select(*columns).where(gives).subquery("given")
    place = sa.func.row_number().over(
        partition_by=found.c.client_id,
        order_by=(found.c.starts_at, found.c.session_id, found.c.booking_id),
    )
    ranked = sa.select(*columns, place.label("place")).where(gives).subquery("ranked")
    first = (ranked.c[name] for name in names)
    return sa.select(*first).where(ranked.c.place == sa.literal_column("1")).subquery("given")


def _with_means(
    source: sa.FromClause, as_of: sa.ColumnElement[Any], overrides: sa.FromClause | None
) -> sa.Subquery:
    """Each booking that had a place, with all that decides whether it gets goodwill."""
    rows = sa.join(source, bookings, in_session(source))
    action: sa.ColumnElement[Any] = _NO_TEXT
    if overrides is not None:
        said = sa.and_(overrides.c.booking_id == bookings.c.id, overrides.c.line_no == 0)
        rows = rows.outerjoin(overrides, said)
        action = overrides.c.action
    places = [word(status) for status in TAKES_A_PLACE]
    return (
        sa.select(
            *(source.c[name] for name in ("business_id", "session_id", "position", "starts_at")),
            bookings.c.id.label("booking_id"),
            bookings.c.client_id,
            bookings.c.status,
            (source.c.starts_at <= as_of).label("started"),
            action.label("action"),
            _means().label("means"),
        )
        .select_from(rows)
        .where(bookings.c.status.in_(places))
        # OFFSET keeps the databases from looking lines up anew for each use of them.
        .offset(_NOTHING)
        .subquery("with_means")
    )


def _means() -> sa.ColumnElement[int]:
    """What was paid of a booking with: `BY_PAYMENT`, `BY_CREDITS`, both added, or 0.

    Looked up for each, and not joined: that would be sorted to be counted.
    """
    by_payment, by_credits = (
        sa.func.max(sa.case((column > _NOTHING, sa.literal_column(str(means), _NUMBER)), else_=0))
        for column, means in (
            (payment_lines.c.amount_minor, rule_tree.BY_PAYMENT),
            (payment_lines.c.credits, rule_tree.BY_CREDITS),
        )
    )
    found = (
        sa.select(by_payment + by_credits)
        .where(
            payment_lines.c.business_id == bookings.c.business_id,
            payment_lines.c.booking_id == bookings.c.id,
        )
        .correlate(bookings)
    )
    return sa.func.coalesce(found.scalar_subquery(), _NOTHING)


def lines_of(given: sa.FromClause) -> sa.Select[Any]:
    """A grant for each of these bookings, in the columns of `entitlements.entitlement_lines`."""
    names = ("business_id", "session_id", "position", "booking_id", "client_id")
    return sa.select(
        *(given.c[name] for name in names),
        sa.literal_column(str(LINE_NO), sa.Integer).label("line_no"),
        word(Method.CREDIT).label("method"),
        _NO_TEXT.label("payment_id"),
        _NO_NUMBER.label("amount_minor"),
        _NO_TEXT.label("currency"),
        _NO_TEXT.label("account_id"),
        sa.cast(sa.bindparam("goodwill_credits", type_=_NUMBER), _NUMBER).label("credits"),
        _NOTHING.label("kept_amount_minor"),
        _NOTHING.label("kept_credits"),
        _NO_TEXT.label("kept_by"),
        _NO_TEXT.label("skip_reason"),
        word(RefundForm.GOODWILL).label("returned_as"),
        sa.false().label("is_asked"),
    )


def with_grants(lines: sa.Subquery, given: sa.FromClause) -> sa.Subquery:
    """The same lines, and the grants for these bookings."""
    return sa.union_all(sa.select(*lines.c), lines_of(given)).subquery("with_grants")


def frozen_bookings(accepted: sa.FromClause) -> sa.Subquery:
    """The bookings that a job's acceptance has chosen, of its sessions `accepted`.

    The job's id is the parameter `of_job`.
    """
    of_job = sa.bindparam("of_job", type_=job_goodwill.c.job_id.type)
    same = sa.and_(
        job_goodwill.c.job_id == of_job, job_goodwill.c.session_id == accepted.c.session_id
    )
    return (
        sa.select(
            *(accepted.c[name] for name in ("business_id", "session_id", "position")),
            job_goodwill.c.booking_id,
            job_goodwill.c.client_id,
        )
        .select_from(sa.join(accepted, job_goodwill, same))
        .subquery("frozen")
    )


@cache
def _counting(given: sa.Subquery) -> sa.Select[Any]:
    return sa.select(sa.func.count().label("grants")).select_from(given)


async def count(
    conn: AsyncConnection,
    given: sa.Subquery,
    parameters: Mapping[str, Any],
    *,
    plan_anew: bool = False,
) -> int:
    """For how many bookings goodwill is given; for `plan_anew` see `fetch`."""
    [row] = await fetch(conn, _counting(given), parameters, plan_anew=plan_anew)
    return int(row["grants"])


@cache
def _freezing(given: sa.Subquery, per: GoodwillPer) -> sa.Insert:
    of_job = sa.bindparam("of_job", type_=job_goodwill.c.job_id.type)
    names = ["business_id", "session_id", "booking_id", "client_id"]
    rows = sa.select(of_job, word(per), *(given.c[name] for name in names))
    return sa.insert(job_goodwill).from_select(["job_id", "per", *names], rows)


async def freeze(
    conn: AsyncConnection,
    job_id: str,
    given: sa.Subquery,
    parameters: Mapping[str, Any],
    per: GoodwillPer,
) -> None:
    """Keep for which bookings a job, whose sessions are written, gives goodwill."""
    # Each booking's session is looked up, and of a table that was never counted PostgreSQL reads
    # all sessions of the job for it.
    await statistics.count_young_job_sessions(conn)
    await conn.execute(_freezing(given, per), {**parameters, "of_job": job_id})
