"""Writing what upstreams said: a whole group in one statement, guarded row by row.

Success is a fact whoever hears it, even over a refusal; everything else counts only from the claim
that is still the row's own and only while the row is open. So a second recorder, or a worker that
overslept its lease, changes nothing.

A refund that its upstream has spoken of since it was claimed (`hinted_at`) neither ends nor waits
as `processing`: its outcome may be older than that request for a look-up, so it is due at once.
"""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any, Final, NamedTuple

import orjson
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.core.dialect import SQLITE_FORMAT
from app.db.core.driver import fetch
from app.db.evidence import links
from app.db.jobs import client_news, completion, job_events
from app.db.refunds import history, legs
from app.domain.days import instant_text
from app.domain.events import EventType
from app.domain.nouns.deeds import DeedKind, JobDeed
from app.domain.refund_ids import next_leg_id
from app.domain.refund_update import RefundUpdate
from app.domain.statuses import IN_PROCESS, RETURNED_TWICE, JobStatus, RefundStatus


class Recorded(NamedTuple):
    """One outcome to write: which claim of which refund came to what.

    Without `due_in_seconds` no machine goes on, and it takes a place in the order of outcomes.
    """

    id: str
    epoch: int
    update: RefundUpdate
    leg: int = 1


# What is written of each, under the names of its fields; `seq` is its place in the group.
_WRITTEN: Final = (
    *("id", "epoch", "seq"),
    *(each.name for each in fields(RefundUpdate) if each.name != "next_leg"),
)
# Who changes a refund, and to what: the same words for both databases.
_LOOKUP_REQUESTED: Final = "v.status = 'processing' AND r.hinted_at IS NOT NULL"
# Its upstream made it after all, when another leg had followed: a person looks at both.
_LATE: Final = "v.definitive AND r.followed"
_DETAIL_OF_LATE: Final = "the upstream made it after it had refused it, and another leg followed"
# Ignore a late success that has been reversed since: it was recorded under this epoch or a later
# one, or the failure of that very refund of the upstream's is what is recorded.
_MAY_CHANGE: Final = """r.id = v.id
  AND (r.epoch = v.epoch AND r.status IN ('submitted', 'indeterminate', 'processing')\
 AND r.due_at IS NOT NULL
       OR v.definitive AND r.status NOT IN ('succeeded', 'resolved')
         AND NOT (r.followed AND r.status = 'indeterminate') AND NOT EXISTS (
         SELECT 1 FROM refund_history AS h\
 WHERE h.refund_id = r.id AND h.status = 'succeeded' AND h.epoch >= v.epoch)
         AND NOT (r.status IN ('rejected', 'replaced')
           AND coalesce(r.upstream_reference = v.upstream_reference, false)))"""
_HAS_ENDPOINTS: Final = (
    "EXISTS (SELECT 1 FROM webhook_endpoints AS e WHERE e.business_id = {business_id})"
)
# Whether clients are told by an event or by a message: once all refunds are written, that is. In
# RETURNING, SQLite 3.40 says of a bare column that it is NOT NULL though it is not so.
_TELLS_CLIENTS: Final = f"""CAST(messages AS text) IS NOT NULL AS is_told,
  EXISTS (SELECT 1 FROM webhook_endpoints AS e WHERE e.business_id = jobs.business_id
    AND (e.event_types IS NULL
      OR ' ' || e.event_types || ' ' LIKE '% {EventType.CLIENT_SETTLED} %')) AS is_heard,
  expanded_sessions = accepted_sessions AS is_expanded"""  # noqa: S608 - only our own words
_OPEN_JOB: Final = f"status IN {tuple(map(str, IN_PROCESS))}"


def _changes(*, clock: str, due: str, last: str) -> str:
    return f"""
  status = CASE WHEN {_LATE} THEN 'indeterminate' ELSE v.status END,
  followed = r.followed OR v.status = 'replaced',
  due_at = CASE WHEN {_LOOKUP_REQUESTED} THEN {clock}
    WHEN v.due_in_seconds IS NULL THEN NULL ELSE {due} END,
  attempts = r.attempts - CAST(v.uncounted AS integer),
  key_generation = r.key_generation + CAST(v.new_key AS integer),
  upstream_reference = coalesce(v.upstream_reference, r.upstream_reference),
  expires_before = coalesce(v.expires_before, r.expires_before),
  expires_after = coalesce(v.expires_after, r.expires_after),
  failure_code = CASE WHEN {_LATE} THEN '{RETURNED_TWICE}'\
 WHEN NOT ({_LOOKUP_REQUESTED}) THEN v.failure_code END,
  failure_detail = CASE WHEN {_LATE} THEN '{_DETAIL_OF_LATE}'\
 WHEN NOT ({_LOOKUP_REQUESTED}) THEN v.failure_detail END,
  outcome_seq = CASE WHEN NOT ({_LOOKUP_REQUESTED}) THEN {last} + v.seq END,
  settled_at = CASE WHEN v.seq IS NULL OR {_LOOKUP_REQUESTED} THEN NULL ELSE {clock} END,
  hinted_at = CASE WHEN v.status IN ('pending', 'indeterminate') THEN r.hinted_at END"""


_ACTOR: Final = "CAST(:actor AS text)"
_AT: Final = "(SELECT at FROM job)"  # the same for the whole group
# One statement for the job's counter, the refunds and their history. No refund is locked before the
# job's row is: each is joined to what that update returns. A row that changes while this waits for
# the job is judged as it is then. Of an array the planner supposes a few elements and looks each up
# by its id, whatever it believes of the table.
_POSTGRESQL: Final = sa.text(f"""
WITH job AS (
  UPDATE jobs SET
    outcome_seq = outcome_seq + CAST(:final AS integer),
    version = version + 1,
    due_at = CASE WHEN {_OPEN_JOB}
      THEN clock_timestamp() +\
 make_interval(secs => CAST(:heartbeat_seconds AS double precision)) END
  WHERE id = CAST(:job_id AS uuid)
  RETURNING outcome_seq - CAST(:final AS integer) AS last, status, business_id,
    clock_timestamp() AS at,
    {_TELLS_CLIENTS}
), v AS MATERIALIZED (
  SELECT * FROM jsonb_to_recordset(CAST(:outcomes AS jsonb))\
 AS v(id uuid, epoch integer, seq bigint,
    status text, due_in_seconds double precision, definitive boolean, uncounted boolean,
    upstream_reference text, failure_code text, failure_detail text, new_key boolean,
    expires_before timestamptz, expires_after timestamptz)
), r AS (
  UPDATE refunds AS r SET {
    _changes(
        clock="clock_timestamp()",
        due="clock_timestamp() + make_interval(secs => v.due_in_seconds)",
        last="job.last",
    )
}
  FROM job, v
  WHERE r.id = ANY (ARRAY(SELECT id FROM v)) AND {_MAY_CHANGE}
  RETURNING r.*
), remembered AS (
  {history.of("r", actor=_ACTOR, clock=_AT)} RETURNING id, refund_id
), {links.of_outcomes("r", "remembered", actor=_ACTOR, at=_AT)}
SELECT job.status, job.business_id, {
    _HAS_ENDPOINTS.format(business_id="job.business_id")
} AS has_endpoints, job.is_told, job.is_heard, job.is_expanded,
  ARRAY(SELECT id::text FROM r) AS changed,
  ARRAY(SELECT id::text FROM r WHERE failure_code = '{RETURNED_TWICE}') AS late
FROM job
""")  # noqa: S608 - only our own words are in it; every value is a parameter

_SQLITE_CLOCK: Final = f"strftime('{SQLITE_FORMAT}', 'now')"
_SQLITE_JOB: Final = sa.text(f"""
UPDATE jobs SET
  outcome_seq = outcome_seq + :final,
  version = version + 1,
  due_at = CASE WHEN {_OPEN_JOB}\
 THEN strftime('{SQLITE_FORMAT}', 'now', :heartbeat_seconds || ' seconds') END
WHERE id = :job_id
RETURNING status, outcome_seq - :final, business_id,\
 {_HAS_ENDPOINTS.format(business_id="jobs.business_id")}, {_TELLS_CLIENTS}
""")  # noqa: S608 - as above
_SQLITE_REFUNDS: Final = sa.text(f"""
UPDATE refunds AS r SET {
    _changes(
        clock=_SQLITE_CLOCK,
        due=f"strftime('{SQLITE_FORMAT}', 'now', v.due_in_seconds || ' seconds')",
        last=":last",
    )
}
FROM (
  SELECT {", ".join(f"value ->> '{name}' AS {name}" for name in _WRITTEN)}
  FROM json_each(:outcomes)) AS v
WHERE {_MAY_CHANGE}
RETURNING id, failure_code
""")  # noqa: S608 - as above


async def record(
    conn: AsyncConnection,
    job_id: str,
    outcomes: Sequence[Recorded],
    *,
    actor: str,
    heartbeat_seconds: float,
) -> list[str]:
    """Write a group of one job's outcomes; returns the ids of the refunds that changed.

    What has changed is a link of the job's chain. The job's row is taken first, its counter raised:
    so numbers are given in the order in which groups commit, and a reader that has seen number n
    has seen all below it (ADR 0006). The job is due `heartbeat_seconds` from now, should this
    worker never be heard of again.
    """
    seq = 0
    values = []
    deed = JobDeed(DeedKind.OUTCOMES, actor)
    for outcome in outcomes:
        seq += outcome.update.due_in_seconds is None
        values.append(_as_json(outcome, seq))
    of_job = {"job_id": job_id, "final": seq, "heartbeat_seconds": heartbeat_seconds}
    encoded = orjson.dumps(values).decode()
    if conn.dialect.name == "postgresql":
        everything = of_job | {"outcomes": encoded, "actor": actor, "facts": deed.text()}
        [row] = await fetch(conn, _POSTGRESQL, everything)
        status, business_id, has_endpoints, *clients, changed, late = row.values()
    else:
        of_business = (await conn.execute(_SQLITE_JOB, of_job)).one()
        status, last, business_id, has_endpoints, *clients = of_business
        refunds = await conn.execute(_SQLITE_REFUNDS, {"outcomes": encoded, "last": last})
        codes: dict[str, str | None] = dict(map(tuple, refunds.all()))
        changed, late = [*codes], [id_ for id_ in codes if codes[id_] == RETURNED_TWICE]
        written = await history.append(conn, changed, actor=actor)
        await links.add_outcomes(conn, job_id, deed, written)
    if following := _following(outcomes, changed):
        await legs.add(conn, following)
    needless: list[str] = []
    if doubted := [*late, *_later_refusals(outcomes, changed)]:
        needless = await legs.leave_out_needless(conn, job_id, doubted, actor=actor)
    if late:
        await completion.fail_if_somebody_is_needed(conn, job_id)
    told = [*dict.fromkeys((*changed, *needless))]
    if changed and has_endpoints:
        await job_events.refunds_finalised(conn, business_id, told)
    is_told, is_heard, is_expanded = map(bool, clients)
    if seq and changed and is_expanded:
        await client_news.settled(
            conn, business_id, job_id, told, is_told=is_told, is_heard=is_heard
        )
    if changed and status == JobStatus.COMPLETED_WITH_FAILURES:
        # A late word may have been the last failure's.
        await completion.complete_if_nobody_is_needed(conn, job_id)
    return list(changed)


def _following(outcomes: Sequence[Recorded], changed: Sequence[str]) -> list[legs.FollowingLeg]:
    """The legs that follow those which became `replaced`."""
    return [
        legs.FollowingLeg(next_leg_id(one.id, one.leg + 1), one.id, leg.form, leg.amount_minor)
        for one in outcomes
        if (leg := one.update.next_leg) is not None and one.id in changed
    ]


def _later_refusals(outcomes: Sequence[Recorded], changed: Sequence[str]) -> list[str]:
    """Legs that followed others and came to nothing."""
    in_vain = (RefundStatus.REJECTED, RefundStatus.REPLACED, RefundStatus.SKIPPED)
    return [
        one.id
        for one in outcomes
        if one.leg > 1 and one.update.status in in_vain and one.id in changed
    ]


def _as_json(outcome: Recorded, seq: int) -> dict[str, Any]:
    update = outcome.update
    return {
        "id": outcome.id,
        "epoch": outcome.epoch,
        "seq": seq if update.due_in_seconds is None else None,
        "status": update.status,
        "due_in_seconds": update.due_in_seconds,
        "definitive": update.definitive,
        "uncounted": update.uncounted,
        "upstream_reference": update.upstream_reference,
        "failure_code": update.failure_code,
        "failure_detail": update.failure_detail,
        "new_key": update.new_key,
        "expires_before": update.expires_before and instant_text(update.expires_before),
        "expires_after": update.expires_after and instant_text(update.expires_after),
    }
