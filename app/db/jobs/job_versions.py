"""A job as it is shown at one moment, and the version that names it.

A poll learns the version by one look. Whatever changes what a `JobView` says raises the version in
the same commit: on the job's row, or of a claim beside it. So one version never stands for two
views, and who has seen it need not have the refunds counted again.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from app.db.approvals import requests
from app.db.core.driver import Connection, Row, Single, fetch
from app.db.jobs import job_sessions
from app.db.jobs.job import COLUMNS, Job, job_of
from app.db.jobs.job_sessions import RefundGroup, refund_group
from app.db.tables import choices, job_claims, jobs, refunds
from app.domain.nouns.approvals import ActionOfJob, AskedApproval

_CLAIMS: Final = sa.func.coalesce(
    sa.select(sa.func.sum(job_claims.c.claims))
    .where(job_claims.c.job_id == jobs.c.id)
    .scalar_subquery(),
    0,
)
# The status and the counters beside the version are for workers of a build that doesn't know it,
# while they still run.
_VERSION: Final = (
    jobs.c.version,
    sa.cast(_CLAIMS, sa.BigInteger).label("claims"),
    jobs.c.outcome_seq,
    jobs.c.expanded_sessions,
    jobs.c.status,
)
_OF_VERSION: Final = frozenset(_VERSION)
_THIS: Final = (jobs.c.business_id == sa.bindparam("of_business"), jobs.c.id == job_sessions.OF_JOB)
_VERSION_OF: Final = sa.select(*_VERSION).where(*_THIS)


_ASKED: Final = sa.select(sa.func.count(sa.distinct(refunds.c.client_id))).where(
    refunds.c.job_id == job_sessions.OF_JOB, refunds.c.choose_until.is_not(None)
)
_CHOSEN: Final = (
    sa.select(choices.c.form, sa.func.count().label("count"))
    .where(choices.c.job_id == job_sessions.OF_JOB)
    .group_by(choices.c.form)
)


class Whole(NamedTuple):
    """A job and its version, its sessions by outcome, its refunds counted and summed.

    `asked` of its clients may choose, or might have; so many have `chosen` each form. `approval` is
    what it asked one for; `actions` were done to it as a whole, the first first.
    """

    job: Job
    version: str
    outcomes: Mapping[str, int]
    tally: Sequence[RefundGroup]
    asked: int
    chosen: Mapping[str, int]
    approval: AskedApproval | None
    actions: Sequence[ActionOfJob]


async def version_of(conn: Connection, business_id: str, job_id: str) -> str | None:
    """The version that a job of this business is at; None: no such job."""
    rows = await fetch(conn, _VERSION_OF, {"of_business": business_id, "of_job": job_id})
    return _version_in(rows[0]) if rows else None


def _version_in(row: Row) -> str:
    return "-".join(str(row[column.name]) for column in _VERSION)


async def whole(conn: Connection, business_id: str, job_id: str) -> Whole | None:
    """The job, all as of one moment.

    On PostgreSQL that is one statement, on SQLite the snapshot that `conn` is.
    """
    parameters = {"of_business": business_id, "of_job": job_id}
    if isinstance(conn, Single):
        rows = await fetch(conn, _whole(), parameters)
        if not rows:
            return None
        row = dict(rows[0])
        outcomes, tally = row.pop("outcomes") or {}, row.pop("tally") or []
        groups = [refund_group(*group.values()) for group in tally]
        asked, chosen = row.pop("asked"), row.pop("chosen") or {}
        approval, actions = row.pop("approval"), requests.actions_of(row.pop("actions"))
        return Whole(
            job_of(row),
            _version_in(row),
            outcomes,
            groups,
            asked,
            chosen,
            approval and requests.asked_of(approval),
            actions,
        )
    found = (await conn.execute(_row(), parameters)).mappings().one_or_none()
    if found is None:
        return None
    counts = await job_sessions.outcome_counts(conn, [job_id])
    tally = await job_sessions.tally(conn, job_id)
    asked = (await conn.execute(_ASKED, {"of_job": job_id})).scalar_one()
    forms = await conn.execute(_CHOSEN, {"of_job": job_id})
    chosen = {form: count for form, count in forms.all()}  # noqa: C416 - rows are no pairs to mypy
    approval = await requests.of_job(conn, job_id)
    actions = await requests.actions(conn, job_id)
    job, version = job_of(found), _version_in(found)
    return Whole(job, version, counts[job_id], tally, asked, chosen, approval, actions)


@cache
def _row() -> sa.Select[Any]:
    id_ = sa.cast(jobs.c.id, sa.Text).label("id")  # the driver's own is no text
    shown = (
        id_ if column is jobs.c.id else column for column in COLUMNS if column not in _OF_VERSION
    )
    return sa.select(*shown, *_VERSION).where(*_THIS)


@cache
def _whole() -> sa.Select[Any]:
    counts = job_sessions.OUTCOME_COUNTS.subquery("counts")
    groups = job_sessions.TALLY.subquery("groups")
    outcomes = sa.select(
        sa.func.json_object_agg(counts.c.outcome, counts.c.count)
    ).scalar_subquery()
    tally = (
        sa.select(sa.func.json_agg(sa.literal_column("groups")))
        .select_from(groups)
        .scalar_subquery()
    )
    forms = _CHOSEN.subquery("forms")
    chosen = sa.select(sa.func.json_object_agg(forms.c.form, forms.c.count)).scalar_subquery()
    approvals = requests.ASKED.subquery("approvals")
    approval = (
        sa.select(sa.func.row_to_json(sa.literal_column("approvals")))
        .select_from(approvals)
        .scalar_subquery()
    )
    done = requests.ACTIONS.subquery("done")
    actions = (
        sa.select(sa.func.json_agg(sa.literal_column("done"))).select_from(done).scalar_subquery()
    )
    return _row().add_columns(
        outcomes.label("outcomes"),
        tally.label("tally"),
        _ASKED.scalar_subquery().label("asked"),
        chosen.label("chosen"),
        approval.label("approval"),
        actions.label("actions"),
    )
