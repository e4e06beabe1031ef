"""The legs of a line: the next one is written in the transaction that records a refusal.

So a line is never without a leg that a machine or a person has in hand, and never has two: the
leg that is followed is `replaced` by then. Should its upstream have made it after all, the line is
a person's (`RETURNED_TWICE`), unless the next leg has not been sent: that one is then left out.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import orjson
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.core.dialect import SQLITE_FORMAT, in_list, now
from app.db.refunds import history
from app.db.tables import ceilings, jobs, refunds
from app.domain.statuses import (
    ALREADY_REFUNDED_HERE,
    OF_CREDITS,
    RETURNED_TWICE,
    Method,
    RefundForm,
    RefundStatus,
)
from app.domain.terms import SkipReason


class LineSoFar(NamedTuple):
    """The forms that a line has been tried in, and whether it is all that its payment paid."""

    forms: frozenset[RefundForm]
    is_whole: bool


class FollowingLeg(NamedTuple):
    """A leg to write: its id, the one that it follows, its form and amount (minor units)."""

    id: str
    follows: str
    form: RefundForm
    amount_minor: int


_COPIED: Final = (
    "business_id, job_id, session_id, booking_id, client_id, line_no, method, payment_id, currency"
)
_KEPT: Final = """r.kept_amount_minor + r.amount_minor - n.amount_minor, 0,
  coalesce(r.kept_by, CASE WHEN n.amount_minor < r.amount_minor THEN '{part_refunded}' END)"""


def _insertion(given: str, *, id_: str, clock: str) -> sa.TextClause:
    kept = _KEPT.format(part_refunded=SkipReason.PART_REFUNDED)
    copied = ", ".join(f"r.{name}" for name in _COPIED.split(", "))
    return sa.text(f"""
INSERT INTO refunds (id, {_COPIED}, leg, returned_as, upstream, amount_minor,
  kept_amount_minor, kept_credits, kept_by,
  status, due_at, first_due_at, epoch, attempts, key_generation)
SELECT {id_}, {copied}, r.leg + 1, n.form,
  CASE WHEN n.form IN {tuple(map(str, OF_CREDITS))} THEN 'credit' ELSE r.method END, n.amount_minor,
  {kept},
  'pending', {clock}, {clock}, 0, 0, 0
FROM refunds AS r JOIN {given} AS n ON r.id = n.follows
""")  # noqa: S608 - only our own words are in it; every value is a parameter


_INSERTION: Final = {
    "postgresql": _insertion(
        "(SELECT * FROM jsonb_to_recordset(CAST(:legs AS jsonb))"
        " AS g(id uuid, follows uuid, form text, amount_minor bigint))",
        id_="n.id",
        clock="clock_timestamp()",
    ),
    "sqlite": _insertion(
        "(SELECT value ->> 'id' AS id, value ->> 'follows' AS follows, value ->> 'form' AS form,"
        " value ->> 'amount_minor' AS amount_minor FROM json_each(:legs))",
        id_="n.id",
        clock=f"strftime('{SQLITE_FORMAT}', 'now')",
    ),
}


async def add(conn: AsyncConnection, legs: Sequence[FollowingLeg]) -> None:
    """Write the legs that follow these, which have just become `replaced`.

    They claim nothing of a ceiling: the line has claimed its sum once.
    """
    given = orjson.dumps([one._asdict() for one in legs]).decode()
    await conn.execute(_INSERTION[conn.dialect.name], {"legs": given})


async def line_so_far(conn: AsyncConnection, refund_id: str) -> LineSoFar:
    """What the line of this refund has been tried in."""
    this, leg = refunds.alias("this"), refunds.alias("leg")
    of_line = sa.and_(
        *(leg.c[name] == this.c[name] for name in ("job_id", "business_id", "booking_id")),
        leg.c.line_no == this.c.line_no,
    )
    of_payment = sa.and_(
        ceilings.c.business_id == this.c.business_id,
        ceilings.c.method == Method.PAYMENT.value,
        ceilings.c.subject_id == this.c.payment_id,
        ceilings.c.booking_id == "",
        ceilings.c.currency == this.c.currency,
    )
    is_whole = sa.and_(this.c.kept_amount_minor == 0, ceilings.c.paid == this.c.amount_minor)
    query = (
        sa.select(leg.c.returned_as, sa.func.coalesce(is_whole, sa.false()))
        .select_from(this.join(leg, of_line).outerjoin(ceilings, of_payment))
        .where(this.c.id == refund_id)
    )
    rows = (await conn.execute(query)).all()
    return LineSoFar(
        frozenset(RefundForm(form) for form, _ in rows), any(whole for _, whole in rows)
    )


async def stop_unsent(
    conn: AsyncConnection, job_id: str, refund_ids: Sequence[str], *, actor: str
) -> None:
    """Leave out the next legs of refunds that have succeeded after all, where none was sent.

    These refunds are then the ones that returned their lines. The job's row is locked already.
    """
    first, following = refunds.alias("first"), refunds
    same_line = (
        following.c[name] == first.c[name] for name in ("business_id", "booking_id", "line_no")
    )
    unsent = (
        sa.select(first.c.id, following.c.id)
        .select_from(first.join(following, sa.and_(*same_line, following.c.leg == first.c.leg + 1)))
        .where(
            in_list(first.c.id, refund_ids),
            following.c.job_id == job_id,
            following.c.status == RefundStatus.PENDING,
            following.c.attempts == 0,
        )
        .with_for_update(of=following)
    )
    pairs = (await conn.execute(unsent)).all()
    for first_id, following_id in pairs:
        place = (
            sa.update(jobs).where(jobs.c.id == job_id).values(outcome_seq=jobs.c.outcome_seq + 1)
        )
        seq = await conn.scalar(place.returning(jobs.c.outcome_seq))
        await conn.execute(
            sa.update(refunds)
            .where(refunds.c.id == following_id)
            .values(
                status=RefundStatus.SKIPPED,
                due_at=None,
                epoch=refunds.c.epoch + 1,
                outcome_seq=seq,
                settled_at=now(),
                failure_code=ALREADY_REFUNDED_HERE,
                failure_detail=f"by refund {first_id}, which had been refused before",
            )
        )
        await conn.execute(
            sa.update(refunds)
            .where(refunds.c.id == first_id, refunds.c.failure_code == RETURNED_TWICE)
            .values(status=RefundStatus.SUCCEEDED, failure_code=None, failure_detail=None)
        )
    if pairs:
        await history.append(conn, [str(one) for pair in pairs for one in pair], actor=actor)
