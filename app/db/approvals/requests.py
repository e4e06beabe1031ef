"""What a job asks an approval for, and what was done to it as a whole."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.tables.approvals import job_actions, job_approvals
from app.domain.approval import Exceeded
from app.domain.nouns.approvals import ActionOfJob, AskedApproval
from app.domain.plan_totals import PlanTotals
from app.domain.statuses import JobAction

_A: Final = job_approvals.c
_ACTION: Final = job_actions.c
OF_JOB: Final = sa.bindparam("of_job", type_=_A.job_id.type)
# What `asked` and `action` make of a row; instants as text, as rows within JSON have them.
ASKED: Final = sa.select(
    _A.asked_by,
    _A.plan_digest,
    _A.totals,
    _A.exceeded,
    _A.hold_seconds,
    _A.expires_at,
).where(_A.job_id == OF_JOB)
ACTIONS: Final = (
    sa.select(
        _ACTION.action,
        _ACTION.actor,
        _ACTION.actor_id,
        _ACTION.acted_at,
        _ACTION.note,
    )
    .where(_ACTION.job_id == OF_JOB)
    .order_by(_ACTION.acted_at, _ACTION.action)
)


async def add(conn: AsyncConnection, business_id: str, job_id: str, asked: AskedApproval) -> None:
    """Write what a job asks for, in the transaction that writes the job."""
    await conn.execute(
        sa.insert(job_approvals).values(
            job_id=job_id,
            business_id=business_id,
            asked_by=asked.asked_by,
            plan_digest=asked.plan_digest,
            totals=asdict(asked.totals),
            exceeded=[one.document() for one in asked.exceeded],
            hold_seconds=asked.hold_seconds,
            expires_at=asked.expires_at,
        )
    )


async def of_job(conn: AsyncConnection, job_id: str) -> AskedApproval | None:
    """What the job asked for; None: it needed no approval."""
    row = (await conn.execute(ASKED, {"of_job": job_id})).mappings().one_or_none()
    return None if row is None else asked_of(row)


async def actions(conn: AsyncConnection, job_id: str) -> list[ActionOfJob]:
    """What was done to the job, the first first."""
    rows = (await conn.execute(ACTIONS, {"of_job": job_id})).mappings()
    return [action_of(row) for row in rows]


async def approved_digest(conn: AsyncConnection, job_id: str) -> str | None:
    """The digest of the plan that was approved of this job; None: none was."""
    query = sa.select(_ACTION.plan_digest).where(
        _ACTION.job_id == job_id, _ACTION.action == JobAction.APPROVED
    )
    digest: str | None = await conn.scalar(query)
    return digest


async def add_action(
    conn: AsyncConnection,
    business_id: str,
    job_id: str,
    done: ActionOfJob,
    *,
    plan_digest: str | None = None,
) -> None:
    """Write that something was done to a locked job.

    Raises:
        sqlalchemy.exc.IntegrityError: it was done before.
    """
    await conn.execute(
        sa.insert(job_actions).values(
            job_id=job_id, business_id=business_id, plan_digest=plan_digest, **done._asdict()
        )
    )


def asked_of(row: Mapping[Any, Any]) -> AskedApproval:
    """What a row of `ASKED` says."""
    return AskedApproval(
        asked_by=row["asked_by"],
        plan_digest=row["plan_digest"],
        totals=PlanTotals(**row["totals"]),
        exceeded=tuple(map(Exceeded.of, row["exceeded"])),
        hold_seconds=row["hold_seconds"],
        expires_at=_instant(row["expires_at"]),
    )


def action_of(row: Mapping[Any, Any]) -> ActionOfJob:
    """What a row of `ACTIONS` says."""
    return ActionOfJob(
        JobAction(row["action"]),
        row["actor"],
        row["actor_id"],
        _instant(row["acted_at"]),
        row["note"],
    )


def actions_of(rows: Sequence[Mapping[str, Any]] | None) -> list[ActionOfJob]:
    """What rows of `ACTIONS` say that were read as JSON; None: there are none."""
    return [action_of(row) for row in rows or ()]


def _instant(value: dt.datetime | str) -> dt.datetime:
    """An instant of a row, or of one that PostgreSQL has written as JSON."""
    return value if isinstance(value, dt.datetime) else dt.datetime.fromisoformat(value)
