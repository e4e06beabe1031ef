"""What of a job has not come back yet, and how its people stand.

A client stands where the worst of their refunds does: one that needs a person, or one that is
under way, counts before all that has come back.
"""

from enum import IntEnum
from typing import Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.refunds.refund import REFUNDS, refund_of
from app.db.tables import refunds
from app.domain.nouns.cancellations import Refund
from app.domain.statuses import NEEDS_A_PERSON, OPEN, WAIVED, Method, RefundStatus


class Standing(IntEnum):
    """How one client stands; the worst is the highest."""

    NOTHING = 0
    RETURNED = 1
    UNDER_WAY = 2
    NEEDS_A_PERSON = 3


class PeopleOfJob(NamedTuple):
    """Clients of a job by how they stand, as far as their refunds are written."""

    nothing: int
    returned: int
    under_way: int
    need_a_person: int


IS_A_PERSONS: Final = sa.and_(
    refunds.c.status.in_(sorted(NEEDS_A_PERSON)),
    refunds.c.due_at.is_(None),
    refunds.c.method != Method.NONE.value,
)
IS_UNDER_WAY: Final = sa.and_(
    refunds.c.status.in_(sorted(OPEN)),
    sa.or_(refunds.c.due_at.is_not(None), refunds.c.status.not_in(sorted(NEEDS_A_PERSON))),
)
_CAME_BACK: Final = sa.or_(
    refunds.c.status == RefundStatus.SUCCEEDED.value,
    sa.and_(
        refunds.c.status == RefundStatus.RESOLVED.value,
        sa.func.coalesce(refunds.c.failure_code, "") != WAIVED,
    ),
)
_STANDING: Final = sa.case(
    (IS_A_PERSONS, Standing.NEEDS_A_PERSON.value),
    (IS_UNDER_WAY, Standing.UNDER_WAY.value),
    (_CAME_BACK, Standing.RETURNED.value),
    else_=Standing.NOTHING.value,
)


async def people(conn: AsyncConnection, job_id: str) -> PeopleOfJob:
    """How many of the job's clients stand how."""
    worst = (
        sa.select(sa.func.max(_STANDING).label("standing"))
        .where(refunds.c.job_id == job_id)
        .group_by(refunds.c.client_id)
        .subquery()
    )
    query = sa.select(worst.c.standing, sa.func.count()).group_by(worst.c.standing)
    counts = {Standing(standing): count for standing, count in (await conn.execute(query)).all()}
    return PeopleOfJob(*(counts.get(one, 0) for one in Standing))


async def page(
    conn: AsyncConnection, job_id: str, *, is_a_persons: bool, after_id: str | None, limit: int
) -> list[Refund]:
    """The job's refunds that a person (else: a machine) has still to bring to an end.

    In session order, from the one after `after_id`.
    """
    whose = IS_A_PERSONS if is_a_persons else IS_UNDER_WAY
    query = REFUNDS.where(refunds.c.job_id == job_id, whose)
    if after_id is not None:
        query = query.where(refunds.c.id > after_id)
    rows = await conn.execute(query.order_by(refunds.c.id).limit(limit))
    return [refund_of(*row) for row in rows.all()]
