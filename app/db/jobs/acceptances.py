"""Writing an acceptance: the job and its sessions, in one go.

What became of each chosen session is kept, and the accepted ones are cancelled, unless the job
awaits an approval: then with that. The job's chain begins with it. The job's row comes first: where
its idempotency key is taken, nothing at all is written.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import orjson
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.aside import aside
from app.db.core import changes
from app.db.core.driver import fetch
from app.db.evidence import links
from app.db.jobs.job import GIVEN, Job, NewJob, columns_of
from app.db.tables import job_sessions, jobs
from app.domain.nouns.deeds import JobDeed
from app.domain.statuses import JobStatus, SessionOutcome


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one chosen session.

    `held_by_job_id` is the job that has it, where the accepted one could not.
    """

    session_id: str
    outcome: SessionOutcome
    held_by_job_id: str | None


class Clock(NamedTuple):
    """What the clocks show at a session's start, in a zone that this process knows.

    `starts_local` is written as `2026-12-06T23:15:00`. It is kept with the session: the database
    has zone rules of its own, of another release.
    """

    timezone: str
    starts_local: str


_GIVEN: Final = (*GIVEN, "expanded_sessions", "outcome_seq")
_JOB: Final = f"""
INSERT INTO jobs ({", ".join(_GIVEN)}) VALUES ({", ".join(f":{name}" for name in _GIVEN)})
ON CONFLICT (business_id, idempotency_key) DO NOTHING RETURNING id, requested_at
"""  # noqa: S608 - only our own words are in it; every value is a parameter
_OUTCOME: Final = """
job_id, session_id, business_id, seq, position, outcome, held_by_job_id,
session_name, session_starts_at, session_ends_at, session_timezone, session_starts_local,\
 location, instructor
"""


# What an approval changes, of a job that is locked: the rest stays as it was asked.
_APPROVED: Final = (
    "status",
    "policy",
    "hold_until",
    "approved_at",
    "due_at",
    "accepted_sessions",
    "totals",
)
_APPROVAL: Final = f"""
UPDATE jobs SET {", ".join(f"{name} = :{name}" for name in _APPROVED)}, version = version + 1
WHERE id = :id RETURNING id, approved_at AS requested_at
"""  # noqa: S608 - as above


def _of_job(statement: str, names: Sequence[str] = _GIVEN) -> sa.TextClause:
    return sa.text(statement).bindparams(
        *(sa.bindparam(name, type_=jobs.c[name].type) for name in names)
    )


# Every part of it sees the rows as they were before, locked by this transaction.
_CHOSEN: Final = f"""
chosen AS MATERIALIZED (
  SELECT * FROM json_to_recordset(CAST(:outcomes AS json))
    AS c(id text, seq integer, position integer, outcome text, held_by uuid, timezone text,\
 starts_local text)
), written AS (
  INSERT INTO job_sessions ({_OUTCOME})
  SELECT job.id, s.id, s.business_id, c.seq, c.position, c.outcome, c.held_by,
    s.name, s.starts_at, s.ends_at, c.timezone, c.starts_local, s.location, s.instructor
  FROM job, chosen AS c JOIN sessions AS s ON s.business_id = :business_id AND s.id = c.id
)"""  # noqa: S608 - as above
_CANCELLED: Final = """, cancelled AS (
  UPDATE sessions AS s SET status = 'cancelled', job_id = job.id, cancelled_at = job.requested_at,
    revision = s.revision + 1, changed_at = job.requested_at
  FROM job, chosen AS c
  WHERE s.business_id = :business_id AND s.id = c.id AND c.position IS NOT NULL
)"""
_IS_HEARD: Final = """
SELECT EXISTS (SELECT 1 FROM webhook_endpoints AS e WHERE e.business_id = :business_id) AS is_heard\
 FROM job
"""
_WRITTEN: Final = f"WITH job AS ({_JOB}), {_CHOSEN}{links.FIRST_OF_JOB}"
_POSTGRESQL: Final = _of_job(f"{_WRITTEN}{_CANCELLED}{_IS_HEARD}")
_POSTGRESQL_ASKED: Final = _of_job(f"{_WRITTEN}{_IS_HEARD}")
_POSTGRESQL_APPROVED: Final = _of_job(
    f"WITH job AS ({_APPROVAL}), {_CHOSEN}{_CANCELLED}{_IS_HEARD}", ("id", *_APPROVED)
)

# Without statistics SQLite reads all sessions of the business and the list again for each: it
# reorders no CROSS JOIN.
_SQLITE_JOB: Final = _of_job(_JOB)
_SQLITE_APPROVAL: Final = _of_job(_APPROVAL, ("id", *_APPROVED))
_SQLITE_OUTCOMES: Final = sa.text(f"""
INSERT INTO job_sessions ({_OUTCOME})
SELECT :id, s.id, s.business_id, c.value ->> 'seq', c.value ->> 'position', c.value ->> 'outcome',
  c.value ->> 'held_by', s.name, s.starts_at, s.ends_at, c.value ->> 'timezone',\
 c.value ->> 'starts_local',
  s.location, s.instructor
FROM json_each(:outcomes) AS c CROSS JOIN sessions AS s\
 ON s.business_id = :business_id AND s.id = c.value ->> 'id'
""")  # noqa: S608 - as above
_SQLITE_CANCELLED: Final = sa.text("""
UPDATE sessions SET status = 'cancelled', job_id = :id, cancelled_at = :requested_at,
  revision = revision + 1, changed_at = :requested_at
WHERE business_id = :business_id
  AND id IN (SELECT value ->> 'id' FROM json_each(:outcomes) WHERE value ->> 'position' IS NOT NULL)
""").bindparams(sa.bindparam("requested_at", type_=jobs.c.requested_at.type))


async def write(
    conn: AsyncConnection,
    job: NewJob,
    outcomes: Sequence[Outcome],
    clocks: Mapping[str, Clock],
    deed: JobDeed,
) -> bool | None:
    """Write them, for sessions that the transaction has locked.

    A job that awaits an approval cancels none of them yet.

    Args:
        conn: in a transaction that writes.
        job: what the acceptance gives it.
        outcomes: of every chosen session, in the job's order.
        clocks: of every chosen session, by its id.
        deed: what the job's chain begins with.

    Returns:
        None where the job's key is taken, else whether the business may have an endpoint to tell.
    """
    cancels = job.status is not JobStatus.AWAITING_APPROVAL
    if cancels:
        changes.note_schedule(job.business_id)
    chosen = await aside(len(outcomes), _as_json, outcomes, clocks)
    parameters = columns_of(job) | {"expanded_sessions": 0, "outcome_seq": 0, "outcomes": chosen}
    parameters |= links.first(deed)
    if conn.dialect.name == "postgresql":
        rows = await fetch(conn, _POSTGRESQL if cancels else _POSTGRESQL_ASKED, parameters)
        return bool(rows[0]["is_heard"]) if rows else None
    if (await conn.execute(_SQLITE_JOB, parameters)).first() is None:
        return None
    await conn.execute(_SQLITE_OUTCOMES, parameters)
    if cancels:
        await conn.execute(_SQLITE_CANCELLED, parameters)
    await links.begin(conn, parameters)
    return True


async def write_approved(
    conn: AsyncConnection,
    job: Job,
    outcomes: Sequence[Outcome],
    clocks: Mapping[str, Clock],
) -> bool:
    """Cancel the sessions of a locked job that was approved, as they are now.

    Args:
        conn: in a transaction that writes, with the sessions locked.
        job: as it is from the approval on.
        outcomes: of every session of its request that is still there, in the job's order.
        clocks: of each of these, by its id.

    Returns:
        Whether the business may have an endpoint to tell.
    """
    changes.note_schedule(job.business_id)
    # What was only asked for is not kept beside what is done. Nothing refers to these rows yet.
    await conn.execute(sa.delete(job_sessions).where(job_sessions.c.job_id == job.id))
    chosen = await aside(len(outcomes), _as_json, outcomes, clocks)
    approved = columns_of(job)
    parameters = {name: approved[name] for name in ("id", "business_id", *_APPROVED)}
    parameters |= {"outcomes": chosen}
    if conn.dialect.name == "postgresql":
        rows = await fetch(conn, _POSTGRESQL_APPROVED, parameters)
        return bool(rows[0]["is_heard"])
    await conn.execute(_SQLITE_APPROVAL, parameters)
    await conn.execute(_SQLITE_OUTCOMES, parameters)
    await conn.execute(_SQLITE_CANCELLED, parameters | {"requested_at": job.approved_at})
    return True


def _as_json(outcomes: Sequence[Outcome], clocks: Mapping[str, Clock]) -> str:
    rows = []
    position = 0
    for seq, one in enumerate(outcomes, start=1):
        accepted = one.outcome is SessionOutcome.ACCEPTED
        rows.append(
            {
                "id": one.session_id,
                "seq": seq,
                "position": position if accepted else None,
                "outcome": one.outcome,
                "held_by": one.held_by_job_id,
                "timezone": clocks[one.session_id].timezone,
                "starts_local": clocks[one.session_id].starts_local,
            }
        )
        position += accepted
    return orjson.dumps(rows).decode()
