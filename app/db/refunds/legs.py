"""The legs of a line: the next is written with the recorded refusal.

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
from app.db.evidence import links
from app.db.refunds import history
from app.db.tables import ceilings, jobs, refunds
from app.domain.nouns.deeds import DeedKind, JobDeed
from app.domain.owed.terms import SkipReason
from app.domain.statuses import (
    ALREADY_REFUNDED_HERE,
    RETURNED_TWICE,
    Method,
    RefundForm,
    RefundStatus,
    upstream_of,
)


class LineSoFar(NamedTuple):
    """The forms a line was tried in, and whether it is its payment's whole.

    `is_left_out`: its last leg was not sent, since an earlier one had been made after all.
    """

    forms: frozenset[RefundForm]
    is_whole: bool
    is_left_out: bool = False


class FollowingLeg(NamedTuple):
    """A leg to write after another: its form and amount (minor units)."""

    id: str
    follows: str
    form: RefundForm
    amount_minor: int


_COPIED: Final = (
    "business_id, job_id, session_id, booking_id, client_id, line_no, method, payment_id, currency"
)
_KEPT: Final = """r.kept_amount_minor + r.amount_minor - n.amount_minor, 0,
  coalesce(r.kept_by, CASE WHEN n.amount_minor < r.amount_minor THEN '{part_refunded}' END)"""


def _insertion(given: str, *, clock: str) -> sa.TextClause:
    kept = _KEPT.format(part_refunded=SkipReason.PART_REFUNDED)
    copied = ", ".join(f"r.{name}" for name in _COPIED.split(", "))
    return sa.text(f"""
INSERT INTO refunds (id, {_COPIED}, leg, returned_as, upstream, amount_minor,
  kept_amount_minor, kept_credits, kept_by,
  status, due_at, first_due_at, epoch, attempts, key_generation)
SELECT n.id, {copied}, r.leg + 1, n.form,
  n.upstream, n.amount_minor,
  {kept},
  'pending', {clock}, {clock}, 0, 0, 0
FROM refunds AS r JOIN {given} AS n ON r.id = n.follows
""")  # noqa: S608 - only our own words are in it; every value is a parameter


_INSERTION: Final = {
    "postgresql": _insertion(
        "(SELECT * FROM jsonb_to_recordset(CAST(:legs AS jsonb))"
        " AS g(id uuid, follows uuid, form text, upstream text, amount_minor bigint))",
        clock="clock_timestamp()",
    ),
    "sqlite": _insertion(
        "(SELECT value ->> 'id' AS id, value ->> 'follows' AS follows, value ->> 'form' AS form,"
        " value ->> 'upstream' AS upstream,"
        " value ->> 'amount_minor' AS amount_minor FROM json_each(:legs))",
        clock=f"strftime('{SQLITE_FORMAT}', 'now')",
    ),
}


async def add(conn: AsyncConnection, legs: Sequence[FollowingLeg]) -> None:
    """Write the legs that follow these, which have just become `replaced`.

    They claim nothing of a ceiling: the line has claimed its sum once.
    """
    given = [one._asdict() | {"upstream": upstream_of(Method.PAYMENT, one.form)} for one in legs]
    await conn.execute(_INSERTION[conn.dialect.name], {"legs": orjson.dumps(given).decode()})


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
    is_left_out = sa.and_(
        ~leg.c.followed,
        leg.c.status == RefundStatus.SKIPPED,
        sa.func.coalesce(leg.c.failure_code, "") == ALREADY_REFUNDED_HERE,
    )
    query = (
        sa.select(leg.c.returned_as, sa.func.coalesce(is_whole, sa.false()), is_left_out)
        .select_from(this.join(leg, of_line).outerjoin(ceilings, of_payment))
        .where(this.c.id == refund_id)
    )
    rows = (await conn.execute(query)).all()
    return LineSoFar(
        frozenset(RefundForm(form) for form, *_ in rows),
        is_whole=any(whole for _, whole, _ in rows),
        is_left_out=any(left_out for *_, left_out in rows),
    )


async def leave_out_needless(
    conn: AsyncConnection, job_id: str, refund_ids: Sequence[str], *, actor: str
) -> list[str]:
    """Leave out last legs that were not made, where an earlier one was.

    Not made is what was not sent, or was refused. An earlier one that is then the only one which
    was made returned its line. The job's row is locked already.

    Returns:
        the refunds that changed.
    """
    changed: list[str] = []
    for line in await _lines_of(conn, job_id, refund_ids):
        *earlier, last = line
        late = [one for one in earlier if one.failure_code == RETURNED_TWICE]
        if not late:
            continue
        unsent = last.status == RefundStatus.PENDING and last.attempts == 0
        if unsent or last.status == RefundStatus.REJECTED:
            await _leave_out(conn, job_id, last.id, by=late[0].id)
            changed.append(last.id)
        elif last.status != RefundStatus.SKIPPED:
            continue
        if all(one in late or one.status == RefundStatus.REPLACED for one in earlier):
            changed += await _let_stand(conn, late)
    if changed:
        written = await history.append(conn, changed, actor=actor)
        await links.add(conn, job_id, JobDeed(DeedKind.OUTCOMES, actor), written)
    return changed


class _Leg(NamedTuple):
    id: str
    status: str
    failure_code: str | None
    attempts: int


async def _lines_of(
    conn: AsyncConnection, job_id: str, refund_ids: Sequence[str]
) -> list[list[_Leg]]:
    """All legs of these refunds' lines, locked, each line's in their order."""
    named, leg = refunds.alias("named"), refunds
    line = ("business_id", "booking_id", "line_no")
    query = (
        sa.select(
            *(leg.c[name] for name in line),
            sa.cast(leg.c.id, sa.Text),
            *(leg.c.status, leg.c.failure_code, leg.c.attempts),
        )
        .select_from(named.join(leg, sa.and_(*(leg.c[name] == named.c[name] for name in line))))
        .where(in_list(named.c.id, refund_ids), leg.c.job_id == job_id)
        .order_by(*(leg.c[name] for name in line), leg.c.leg)
        .with_for_update(of=leg)
    )
    lines: dict[tuple[str, ...], dict[str, _Leg]] = {}
    for *key, id_, status, code, attempts in (await conn.execute(query)).all():
        lines.setdefault(tuple(key), {})[id_] = _Leg(id_, status, code, attempts)
    return [[*legs.values()] for legs in lines.values()]


async def _leave_out(conn: AsyncConnection, job_id: str, refund_id: str, *, by: str) -> None:
    place = sa.update(jobs).where(jobs.c.id == job_id).values(outcome_seq=jobs.c.outcome_seq + 1)
    seq = await conn.scalar(place.returning(jobs.c.outcome_seq))
    await conn.execute(
        sa.update(refunds)
        .where(refunds.c.id == refund_id)
        .values(
            status=RefundStatus.SKIPPED,
            due_at=None,
            epoch=refunds.c.epoch + 1,
            outcome_seq=seq,
            settled_at=now(),
            failure_code=ALREADY_REFUNDED_HERE,
            failure_detail=f"by refund {by}, which had been refused before",
        )
    )


async def _let_stand(conn: AsyncConnection, late: Sequence[_Leg]) -> list[str]:
    """Let a late success have returned its line, unless there are two of them."""
    if len(late) > 1:
        return []
    await conn.execute(
        sa.update(refunds)
        .where(refunds.c.id == late[0].id)
        .values(status=RefundStatus.SUCCEEDED, failure_code=None, failure_detail=None)
    )
    return [late[0].id]
