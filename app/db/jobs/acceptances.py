"""Writing an acceptance: the job and its sessions, in one go.

What became of each chosen session is kept, and the accepted ones are cancelled. The job's row comes
first: where its idempotency key is taken, nothing at all is written.
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
from app.db.jobs.job import GIVEN, NewJob, columns_of
from app.db.tables import jobs
from app.domain.statuses import SessionOutcome


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


def _of_job(statement: str) -> sa.TextClause:
    return sa.text(statement).bindparams(
        *(sa.bindparam(name, type_=jobs.c[name].type) for name in _GIVEN)
    )


# Every part of it sees the rows as they were before, locked by this transaction.
_POSTGRESQL: Final = _of_job(f"""
WITH job AS ({_JOB}), chosen AS MATERIALIZED (
  SELECT * FROM json_to_recordset(CAST(:outcomes AS json))
    AS c(id text, seq integer, position integer, outcome text, held_by uuid, timezone text,\
 starts_local text)
), written AS (
  INSERT INTO job_sessions ({_OUTCOME})
  SELECT job.id, s.id, s.business_id, c.seq, c.position, c.outcome, c.held_by,
    s.name, s.starts_at, s.ends_at, c.timezone, c.starts_local, s.location, s.instructor
  FROM job, chosen AS c JOIN sessions AS s ON s.business_id = :business_id AND s.id = c.id
), cancelled AS (
  UPDATE sessions AS s SET status = 'cancelled', job_id = job.id, cancelled_at = job.requested_at,
    revision = s.revision + 1, changed_at = job.requested_at
  FROM job, chosen AS c
  WHERE s.business_id = :business_id AND s.id = c.id AND c.position IS NOT NULL
)
SELECT EXISTS (SELECT 1 FROM webhook_endpoints AS e WHERE e.business_id = :business_id) AS is_heard\
 FROM job
""")  # noqa: S608 - as above

# Without statistics SQLite reads all sessions of the business and the list again for each: it
# reorders no CROSS JOIN.
_SQLITE_JOB: Final = _of_job(_JOB)
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
) -> bool | None:
    """Write them, for sessions that the transaction has locked.

    Args:
        conn: in a transaction that writes.
        job: what the acceptance gives it.
        outcomes: of every chosen session, in the job's order.
        clocks: of every chosen session, by its id.

    Returns:
        None where the job's key is taken, else whether the business may have an endpoint to tell.
    """
    changes.note_schedule(job.business_id)
    chosen = await aside(len(outcomes), _as_json, outcomes, clocks)
    parameters = columns_of(job) | {"expanded_sessions": 0, "outcome_seq": 0, "outcomes": chosen}
    if conn.dialect.name == "postgresql":
        rows = await fetch(conn, _POSTGRESQL, parameters)
        return bool(rows[0]["is_heard"]) if rows else None
    if (await conn.execute(_SQLITE_JOB, parameters)).first() is None:
        return None
    await conn.execute(_SQLITE_OUTCOMES, parameters)
    await conn.execute(_SQLITE_CANCELLED, parameters)
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
