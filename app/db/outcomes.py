"""Writing what upstreams said: a whole group of outcomes in one statement, guarded row by row.

Success is a fact whoever heard it, even over a refusal; everything else counts only from the claim that is still the
row's own and only while the row is open. So a second recorder, or a worker that overslept its lease, changes nothing.

A refund that its upstream has spoken of since it was claimed (`hinted_at`) does not rest or wait as `processing`: what
was heard may be older than the hint, so it is due at once.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import history, job_sessions
from app.db.dialect import SQLITE_FORMAT, later
from app.db.tables import IN_PROCESS, JobStatus, jobs, refunds


@dataclass(frozen=True, slots=True)
class Recorded:
    """One outcome to write.

    Without `due_in_seconds` the row comes to rest and takes a place in the job's order of outcomes; `uncounted` calls
    are taken off its attempts.
    """

    id: str
    epoch: int
    status: str
    definitive: bool
    uncounted: bool
    due_in_seconds: float | None
    upstream_reference: str | None
    failure_code: str | None
    failure_detail: str | None


_VALUES_POSTGRESQL = """
jsonb_to_recordset(CAST(:outcomes AS jsonb)) AS v(rid uuid, ep integer, st text, def boolean, unc integer,
  due double precision, seq bigint, ref text, code text, detail text)"""
_VALUES_SQLITE = """
(SELECT value ->> 'rid' AS rid, value ->> 'ep' AS ep, value ->> 'st' AS st, value ->> 'def' AS def,
  value ->> 'unc' AS unc, value ->> 'due' AS due, value ->> 'seq' AS seq, value ->> 'ref' AS ref,
  value ->> 'code' AS code, value ->> 'detail' AS detail FROM json_each(:outcomes)) AS v"""


def _record(*, postgresql: bool) -> sa.TextualSelect:
    if postgresql:
        values, clock = _VALUES_POSTGRESQL, "clock_timestamp()"
        due = "clock_timestamp() + make_interval(secs => v.due)"
    else:
        values, clock = _VALUES_SQLITE, f"strftime('{SQLITE_FORMAT}', 'now')"
        due = f"strftime('{SQLITE_FORMAT}', 'now', v.due || ' seconds')"
    hinted = "v.st = 'processing' AND r.hinted_at IS NOT NULL"
    statement = f"""
UPDATE refunds AS r SET
  status = v.st,
  due_at = CASE WHEN {hinted} THEN {clock} WHEN v.due IS NULL THEN NULL ELSE {due} END,
  attempts = r.attempts - v.unc,
  upstream_reference = coalesce(v.ref, r.upstream_reference),
  failure_code = CASE WHEN NOT ({hinted}) THEN v.code END,
  failure_detail = CASE WHEN NOT ({hinted}) THEN v.detail END,
  outcome_seq = CASE WHEN NOT ({hinted}) THEN v.seq END,
  settled_at = CASE WHEN v.seq IS NULL OR {hinted} THEN NULL ELSE {clock} END,
  hinted_at = CASE WHEN v.st IN ('pending', 'indeterminate') THEN r.hinted_at END
FROM {values}
WHERE r.id = v.rid
  AND (v.def AND r.status NOT IN ('succeeded', 'resolved')
       OR r.epoch = v.ep AND r.status IN ('submitted', 'indeterminate', 'processing') AND r.due_at IS NOT NULL)
RETURNING id
"""  # noqa: S608 - only our own words are in it; the values are one bound parameter
    return sa.text(statement).columns(refunds.c.id)


_RECORD = {True: _record(postgresql=True), False: _record(postgresql=False)}


async def record(
    conn: AsyncConnection, job_id: str, outcomes: Sequence[Recorded], *, actor: str, heartbeat_seconds: float
) -> list[str]:
    """Write a group of one job's outcomes; returns the ids of the refunds that changed.

    The job's row is taken first and its counter raised: so numbers are given in the order in which groups commit, and a
    reader that has seen number n has seen all below it (ADR 0006). The job is due `heartbeat_seconds` from now, should
    this worker never be heard of again.
    """
    resting = sum(outcome.due_in_seconds is None for outcome in outcomes)
    last, job_status = await _number(conn, job_id, resting, heartbeat_seconds)
    seq = last - resting
    values = []
    for outcome in outcomes:
        seq += outcome.due_in_seconds is None
        values.append(_as_json(outcome, seq))
    statement = _RECORD[conn.dialect.name == "postgresql"]
    changed = list((await conn.execute(statement, {"outcomes": json.dumps(values)})).scalars())
    if changed:
        await history.append(conn, changed, actor=actor)
    if changed and job_status == JobStatus.COMPLETED_WITH_FAILURES:
        await job_sessions.complete_if_nobody_is_needed(conn, job_id)  # a late word may have been the last failure's
    return changed


async def _number(conn: AsyncConnection, job_id: str, count: int, heartbeat_seconds: float) -> tuple[int, str]:
    open_job = jobs.c.status.in_(IN_PROCESS)
    statement = (
        sa.update(jobs)
        .where(jobs.c.id == job_id)
        .values(
            outcome_seq=jobs.c.outcome_seq + count,
            due_at=sa.case((open_job, later(heartbeat_seconds)), else_=None),
        )
        .returning(jobs.c.outcome_seq, jobs.c.status)
    )
    seq, status = (await conn.execute(statement)).one()
    return seq, status


def _as_json(outcome: Recorded, seq: int) -> dict[str, Any]:
    return {
        "rid": outcome.id,
        "ep": outcome.epoch,
        "st": outcome.status,
        "def": outcome.definitive,
        "unc": int(outcome.uncounted),
        "due": outcome.due_in_seconds,
        "seq": seq if outcome.due_in_seconds is None else None,
        "ref": outcome.upstream_reference,
        "code": outcome.failure_code,
        "detail": outcome.failure_detail,
    }
