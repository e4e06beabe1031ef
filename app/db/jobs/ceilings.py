"""What may be given back over all jobs: never more than was paid.

That is of one payment, or to one account for one booking. The ceiling is the largest sum that the
schedule has named at one time, counting lines that are settled no more. So a booking that comes
again under another id, after its payment was returned, raises nothing (ADR 0012). Rows that claim
more than the ceiling can't be: `never_more_than_was_paid` is a CHECK. What would is held back, for
a person to look at.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.core.dialect import in_list, insert_in
from app.db.core.refund_ranges import in_sessions
from app.db.tables import NOT_WITHDRAWN, bookings, ceilings, payment_lines, refunds
from app.domain.statuses import (
    ALREADY_REFUNDED,
    ALREADY_REFUNDED_HERE,
    BookingStatus,
    Method,
    RefundForm,
    RefundStatus,
)

_KEY: Final = ("business_id", "method", "subject_id", "booking_id", "currency")
_TEXT: Final = sa.Text()


def key_columns(lines: sa.FromClause) -> tuple[sa.ColumnElement[Any], ...]:
    """Which ceiling a line is under.

    A payment's is for all its bookings, an account's for one booking.
    """
    of_payment = lines.c.method == sa.literal_column(f"'{Method.PAYMENT}'")
    nothing = sa.literal_column("''", _TEXT)
    return (
        lines.c.business_id.label("business_id"),
        lines.c.method.label("method"),
        sa.func.coalesce(lines.c.payment_id, lines.c.account_id).label("subject_id"),
        sa.case((of_payment, nothing), else_=lines.c.booking_id).label("booking_id"),
        sa.func.coalesce(lines.c.currency, nothing).label("currency"),
    )


def is_owed(lines: sa.FromClause) -> sa.ColumnElement[bool]:
    """Whether a line or refund is of what was paid: goodwill is not."""
    return lines.c.line_no >= sa.literal_column("0")


def amount_of(lines: sa.FromClause) -> sa.ColumnElement[int]:
    """How much of it: minor units or credits."""
    return sa.func.coalesce(lines.c.amount_minor, lines.c.credits)


def held_back(rows: sa.FromClause) -> sa.ColumnElement[bool]:
    """Whether a refund was rejected as it was written: it is never sent.

    Others had claimed all that was paid.
    """
    return sa.and_(
        rows.c.status == RefundStatus.REJECTED,
        sa.func.coalesce(rows.c.failure_code, "") == ALREADY_REFUNDED_HERE,
        rows.c.attempts == 0,
    )


async def observe(conn: AsyncConnection, lines: sa.Subquery, parameters: Mapping[str, Any]) -> None:
    """Lock the ceilings of these lines, raised to what the schedule names now.

    One that is higher than that already stays as it is.
    """
    await conn.execute(_observation(lines, conn.dialect.name), parameters)


@cache
def _observation(lines: sa.Subquery, dialect: str) -> sa.Insert:
    key, paid, _ = _named(lines)
    # SQLite needs a WHERE before ON CONFLICT.
    rows = (
        sa.select(*key, paid, sa.literal_column("0", sa.BigInteger))
        .where(sa.true())
        .group_by(*key)
        .order_by(*key)
    )
    statement = insert_in(dialect, ceilings).from_select([*_KEY, "paid", "claimed"], rows)
    larger = sa.case(
        (statement.excluded.paid > ceilings.c.paid, statement.excluded.paid),
        else_=ceilings.c.paid,
    )
    return statement.on_conflict_do_update(index_elements=list(_KEY), set_={"paid": larger})


def first_claims(lines: sa.FromClause) -> tuple[sa.CTE, sa.CTE]:
    """On PostgreSQL: the ceilings of these lines, and those that this statement makes.

    Those that it makes it claims wholly. The others were there before: what may be claimed of them
    is to be seen once they are locked (`observe`).
    """
    key, paid, claimed = _named(lines)
    wanted = sa.select(*key, paid, claimed).group_by(*key).order_by(*key).cte("wanted")
    inserted = insert_in("postgresql", ceilings).from_select(
        [*_KEY, "paid", "claimed"], sa.select(*wanted.c)
    )
    made = (
        inserted.on_conflict_do_nothing()
        .returning(*(ceilings.c[name] for name in _KEY))
        .cte("made")
    )
    return wanted, made


def _named(
    lines: sa.FromClause,
) -> tuple[list[sa.ColumnElement[Any]], sa.Label[int], sa.Label[int]]:
    """Groups of lines by ceiling, to be taken in the order of their key.

    All take them so, or two jobs could wait for each other. Of each group what was `paid`, as the
    schedule names it now, and what these lines would have `claimed` of that. What is given on top
    of all lines is under no ceiling.
    """
    live = (
        sa.select(
            *key_columns(lines),
            amount_of(lines).label("amount"),
            (amount_of(lines) + _others(lines)).label("sum"),
        )
        .where(lines.c.skip_reason.is_(None), is_owed(lines))
        .subquery("live")
    )
    claimed = sa.func.sum(live.c.amount)
    of_payment = live.c.method == sa.literal_column(f"'{Method.PAYMENT}'")
    paid = sa.case((of_payment, sa.func.max(live.c.sum)), else_=claimed)
    return (
        [live.c[name] for name in _KEY],
        sa.cast(paid, sa.BigInteger).label("paid"),
        sa.cast(claimed, sa.BigInteger).label("claimed"),
    )


def _others(lines: sa.FromClause) -> sa.ColumnElement[int]:
    """What other lines of the same payment come to that have no refund row yet.

    Only those count that stand in the schedule.
    """
    other = payment_lines.alias("other")
    settled = sa.exists().where(
        refunds.c.business_id == other.c.business_id,
        refunds.c.booking_id == other.c.booking_id,
        refunds.c.line_no == other.c.line_no,
        sa.text(f"({NOT_WITHDRAWN})"),  # as the index of a booking's lines has it
    )
    stands = sa.exists().where(
        bookings.c.business_id == other.c.business_id,
        bookings.c.id == other.c.booking_id,
        bookings.c.status != sa.literal_column(f"'{BookingStatus.CANCELLED}'"),
    )
    query = sa.select(sa.func.sum(other.c.amount_minor)).where(
        other.c.business_id == lines.c.business_id,
        other.c.payment_id == lines.c.payment_id,
        other.c.currency == lines.c.currency,
        sa.or_(other.c.booking_id != lines.c.booking_id, other.c.line_no != lines.c.line_no),
        stands,
        ~settled,
    )
    return sa.func.coalesce(query.scalar_subquery(), sa.literal_column("0", sa.BigInteger))


class Sibling(NamedTuple):
    """Another refund of the same payment, or to the same account for the same booking."""

    id: str
    booking_id: str
    status: str


async def sibling_of(conn: AsyncConnection, refund_id: str) -> Sibling | None:
    """The other refund that has likeliest returned what this one was to.

    It is one that is done, or else one under way. One under way that waits for its siblings itself
    is none.
    """
    this, other = refunds.alias("this"), refunds.alias("other")
    done = other.c.status.in_((RefundStatus.SUCCEEDED, RefundStatus.PROCESSING))
    under_way = sa.and_(
        other.c.status.in_((RefundStatus.SUBMITTED, RefundStatus.INDETERMINATE)),
        sa.func.coalesce(other.c.failure_code, "") != ALREADY_REFUNDED,
    )
    query = (
        sa.select(sa.cast(other.c.id, _TEXT), other.c.booking_id, other.c.status)
        .where(
            this.c.id == refund_id,
            other.c.id != this.c.id,
            _of_the_same(this, other),
            other.c.returned_as != RefundForm.STORE_CREDIT,  # which leaves the payment as it was
            sa.or_(done, under_way),
        )
        .order_by(
            sa.case((other.c.status == RefundStatus.SUCCEEDED, 0), (done, 1), else_=2), other.c.id
        )
        .limit(1)
    )
    row = (await conn.execute(query)).one_or_none()
    return None if row is None else Sibling(*row)


def _of_the_same(this: sa.FromClause, other: sa.FromClause) -> sa.ColumnElement[bool]:
    """Whether two lines or refunds are of the same payment or account.

    Those of an account must be for the same booking, too.
    """
    of_account = sa.and_(
        other.c.account_id == this.c.account_id, other.c.booking_id == this.c.booking_id
    )
    return sa.and_(
        other.c.business_id == this.c.business_id,
        sa.or_(other.c.payment_id == this.c.payment_id, of_account),
    )


@cache
def within(lines: sa.Subquery) -> sa.Subquery:
    """The same lines, with a reason where one would exceed its ceiling.

    The reason is in `skip_reason` and `skip_detail`; the ceiling is as it was observed. Of one
    ceiling's lines the first are returned, in the order of sessions and bookings, as far as it
    reaches.
    """
    live = sa.case(
        (lines.c.skip_reason.is_(None), amount_of(lines)),
        else_=sa.literal_column("0", sa.BigInteger),
    )
    key = key_columns(lines)
    so_far = sa.func.sum(live).over(
        partition_by=key,
        order_by=(lines.c.position, lines.c.booking_id, lines.c.line_no),
        rows=(None, 0),
    )
    kept = [column for column in lines.c if column.name != "skip_reason"]
    counted = sa.select(
        *kept,
        lines.c.skip_reason.label("own_reason"),
        so_far.label("so_far"),
        *(one.label(f"of_{one.name}") for one in key),
    ).subquery("counted")
    room = ceilings.c.paid - ceilings.c.claimed  # none where nothing was observed
    exceeds = sa.and_(
        counted.c.own_reason.is_(None),
        is_owed(counted),
        counted.c.so_far > sa.func.coalesce(room, 0),
    )
    under = sa.and_(*(ceilings.c[name] == counted.c[f"of_{name}"] for name in _KEY))
    detail = sa.literal_column("'all that was paid is claimed by '", _TEXT) + sa.func.coalesce(
        _sibling(counted), sa.literal_column("'refunds of this job'", _TEXT)
    )
    columns = [counted.c[column.name] for column in kept]
    return (
        sa.select(
            *columns,
            sa.case(
                (exceeds, sa.literal_column(f"'{ALREADY_REFUNDED_HERE}'", _TEXT)),
                else_=counted.c.own_reason,
            ).label("skip_reason"),
            sa.case((exceeds, detail)).label("skip_detail"),
        )
        .select_from(counted.outerjoin(ceilings, under))
        .subquery("within")
    )


def _sibling(lines: sa.Subquery) -> sa.ScalarSelect[str]:
    """The first refund row that claims under the same key, as words.

    The key is the payment, or the account for the booking.
    """
    sibling = refunds.alias("sibling")
    named = sa.literal_column("'refund '", _TEXT) + sa.cast(sibling.c.id, _TEXT)
    return (
        sa.select(named)
        .where(
            _of_the_same(lines, sibling),
            sibling.c.status != RefundStatus.SKIPPED,
            ~held_back(sibling),
        )
        .order_by(sibling.c.id)
        .limit(1)
        .scalar_subquery()
    )


async def claim(
    conn: AsyncConnection, job_id: str, positions: range, *, only: Sequence[str] | None = None
) -> None:
    """Count what the refund rows just written for these sessions of the job claim.

    With `only`, just those of these ids.

    Raises:
        sqlalchemy.exc.IntegrityError: more than was paid.
    """
    key = key_columns(refunds)
    written = (
        sa.select(*key, sa.cast(sa.func.sum(amount_of(refunds)), sa.BigInteger).label("amount"))
        .where(
            refunds.c.job_id == job_id,
            in_sessions(refunds.c.id, job_id, positions),
            refunds.c.status == RefundStatus.PENDING,
            is_owed(refunds),
            sa.true() if only is None else in_list(refunds.c.id, only),
        )
        .group_by(*key)
        .subquery("written")
    )
    same = (ceilings.c[name] == written.c[name] for name in _KEY)
    await conn.execute(
        sa.update(ceilings).values(claimed=ceilings.c.claimed + written.c.amount).where(*same)
    )
