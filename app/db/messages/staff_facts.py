"""What a job has come to, as its staff are told."""

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.tables import jobs, refunds
from app.db.tables.messages import messages
from app.domain.messages.staff import StaffFacts, StaffSum
from app.domain.statuses import NEEDS_A_PERSON, MessageKind, MessageStatus, RefundStatus

_NOT_TOLD = (MessageStatus.SUPPRESSED, MessageStatus.FAILED, MessageStatus.BOUNCED)


async def of_job(conn: AsyncConnection, job_id: str) -> StaffFacts:
    """The summary of a job that is there."""
    job = sa.select(jobs.c.reason, jobs.c.accepted_sessions).where(jobs.c.id == job_id)
    reason, sessions = (await conn.execute(job)).one()
    clients = sa.select(sa.func.count(refunds.c.client_id.distinct()))
    not_told = sa.select(sa.func.count(messages.c.addressee.distinct())).where(
        messages.c.job_id == job_id,
        messages.c.kind == MessageKind.CLIENT,
        messages.c.status.in_(_NOT_TOLD),
    )
    succeeded = refunds.c.status == RefundStatus.SUCCEEDED
    needs = sa.and_(
        refunds.c.status.in_(sorted(NEEDS_A_PERSON)),
        refunds.c.due_at.is_(None),
    )
    returned = await _sums(conn, job_id, succeeded, sa.literal(""))
    code = sa.func.coalesce(refunds.c.failure_code, refunds.c.status)
    needed = await _sums(conn, job_id, needs, code)
    return StaffFacts(
        reason=reason,
        sessions=sessions,
        clients=(await conn.execute(clients.where(refunds.c.job_id == job_id))).scalar_one(),
        returned=tuple(one for _, one in returned),
        needs_a_person=tuple(needed),
        clients_not_told=(await conn.execute(not_told)).scalar_one(),
    )


async def _sums(
    conn: AsyncConnection,
    job_id: str,
    which: sa.ColumnElement[bool],
    code: sa.ColumnElement[str],
) -> list[tuple[str, StaffSum]]:
    by = (code.label("code"), refunds.c.currency)
    query = (
        sa.select(
            *by,
            sa.func.count(),
            sa.func.coalesce(sa.func.sum(refunds.c.amount_minor), 0),
            sa.func.coalesce(sa.func.sum(refunds.c.credits), 0),
        )
        .where(refunds.c.job_id == job_id, which)
        .group_by(sa.text("1"), sa.text("2"))
    )
    rows = (await conn.execute(query)).all()
    return [
        (code_, StaffSum(lines, currency, int(amount), int(credits_)))
        for code_, currency, lines, amount, credits_ in sorted(
            rows, key=lambda row: (row[0], row[1] or "")
        )
    ]
