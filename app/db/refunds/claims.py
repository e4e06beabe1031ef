"""Taking due refunds, a batch by one statement.

So a worker asks once for what it will have called for next. A row is only ever claimed when it is
due, and a claim raises its epoch: what an earlier claim still hears is then no longer its to write
(`outcomes`). A claim is counted for the job's version (`job_versions`), in the same commit.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.core.dialect import SQLITE_FORMAT
from app.db.core.driver import fetch
from app.db.refunds import history
from app.domain.statuses import Method, RefundForm, RefundStatus, upstream_of


class ClaimedRefund(NamedTuple):
    """A refund that this worker may act on until its lease ends."""

    id: str
    epoch: int
    status: RefundStatus  # submitted: send it; indeterminate or processing: look it up
    payment_id: str | None
    amount_minor: int | None
    currency: str | None
    account_id: str | None
    credits: int | None
    client_id: str
    failure_code: str | None
    attempts: int
    key_generation: int
    upstream_reference: str | None
    age_seconds: float
    first_due_at: str  # from when its retry deadline counts, in the database's own words
    leg: int = 1
    returned_as: str = RefundForm.ORIGINAL
    followed: bool = False  # another leg has followed it
    bonus_minor: int = 0  # given on top

    @property
    def upstream(self) -> Method:
        """Of which it is asked."""
        method = Method.CREDIT if self.payment_id is None else Method.PAYMENT
        return upstream_of(method, RefundForm(self.returned_as))


# A submitted row that is due again is one whose worker's lease ran out: whether its call landed is
# unknown. A look from now on sees what a hint told of. A call may not: its answer under a known key
# is the first's.
_TAKEN: Final = """
  status = CASE r.status WHEN 'pending' THEN 'submitted' WHEN 'submitted' THEN 'indeterminate'\
 ELSE r.status END,
  attempts = r.attempts + CASE r.status WHEN 'pending' THEN 1 ELSE 0 END,
  hinted_at = CASE r.status WHEN 'pending' THEN r.hinted_at END,
  epoch = r.epoch + 1"""
_TOLD: Final = """
  epoch, status, payment_id, amount_minor, currency, account_id, credits,\
 client_id, failure_code, attempts,
  key_generation, upstream_reference"""

# Rows that were claimed leave dead entries at the index's beginning until a vacuum comes:
# `from_due_at` begins behind them, or each claim of a large job would walk over all that were
# claimed before. Of an array the planner supposes a few elements and looks each up by its id,
# whatever it believes of the table. The clock is the statement's, which an index can be searched
# by; the lease counts from the later one.
_OF_JOB_POSTGRESQL: Final = """job_id = CAST(:job_id AS uuid)
      AND upstream = CAST(:method AS varchar) AND due_at <= statement_timestamp()"""
_OF_JOB_SQLITE: Final = (
    f"job_id = :job_id AND upstream = :method AND due_at <= strftime('{SQLITE_FORMAT}', 'now')"
)
_DUE_POSTGRESQL: Final = f"""{_OF_JOB_POSTGRESQL}
      AND due_at >= coalesce(CAST(CAST(:from_due_at AS text) AS timestamptz), '-infinity')
      AND first_due_at <= statement_timestamp() -\
 make_interval(secs => CAST(:waited_seconds AS double precision))"""
_DUE_SQLITE: Final = f"""{_OF_JOB_SQLITE}
    AND due_at >= coalesce(:from_due_at, '')
    AND first_due_at <= strftime('{SQLITE_FORMAT}', 'now', '-' || :waited_seconds || ' seconds')"""
# Few of a job are, and are found by the index of its refunds in each state: in the order of when
# they are due they come after all that have not been sent yet.
_UNKNOWN: Final = "status = 'indeterminate'"


# The count comes before the refunds: of two who claim at once the second waits with nothing in
# hand.
def _postgresql(due: str, order: str) -> sa.TextClause:
    return sa.text(f"""
WITH counted AS (
  INSERT INTO job_claims AS c (job_id, method, claims, business_id)
  SELECT job_id, CAST(:method AS varchar), 1, business_id FROM refunds WHERE {due} LIMIT 1
  ON CONFLICT (job_id, method) DO UPDATE SET claims = c.claims + 1
  RETURNING 1
), r AS (
  UPDATE refunds AS r SET {_TAKEN},
    due_at = clock_timestamp() + make_interval(secs => CAST(:lease_seconds AS double precision))
  WHERE r.id = ANY (ARRAY(
    SELECT id FROM refunds
    WHERE EXISTS (SELECT 1 FROM counted) AND {due}
    ORDER BY {order}
    LIMIT CAST(:most AS integer)
    FOR UPDATE SKIP LOCKED))
  RETURNING r.*
), remembered AS ({history.of("r", actor="'worker'", clock="clock_timestamp()")})
SELECT id::text, {_TOLD},
  CAST(extract(epoch FROM statement_timestamp() - first_due_at) AS double precision) AS age_seconds,
  first_due_at::text, leg, returned_as, followed, bonus_minor
FROM r
""")  # noqa: S608 - only our own words are in it; every value is a parameter


def _sqlite(due: str, order: str) -> sa.TextClause:
    return sa.text(f"""
UPDATE refunds AS r SET {_TAKEN},
  due_at = strftime('{SQLITE_FORMAT}', 'now', :lease_seconds || ' seconds')
WHERE r.id IN (
  SELECT id FROM refunds
  WHERE {due}
  ORDER BY {order}
  LIMIT :most)
RETURNING id, {_TOLD},\
 86400.0 * (julianday('now') - julianday(first_due_at)) AS age_seconds, first_due_at, leg,
  returned_as, followed, bonus_minor
""")  # noqa: S608 - as above


_CLAIM: Final = {
    "postgresql": _postgresql(_DUE_POSTGRESQL, "due_at, id"),
    "sqlite": _sqlite(_DUE_SQLITE, "due_at, id"),
}
_CLAIM_UNKNOWN: Final = {
    "postgresql": _postgresql(f"{_OF_JOB_POSTGRESQL} AND {_UNKNOWN}", "id"),
    "sqlite": _sqlite(f"{_OF_JOB_SQLITE} AND {_UNKNOWN}", "id"),
}
_SQLITE_COUNTED: Final = sa.text("""
INSERT INTO job_claims (job_id, method, claims, business_id)
SELECT id, :method, 1, business_id FROM jobs WHERE id = :job_id
ON CONFLICT (job_id, method) DO UPDATE SET claims = claims + 1
""")


async def claim(
    conn: AsyncConnection,
    job_id: str,
    method: str,
    *,
    most: int,
    lease_seconds: float,
    waited_seconds: float = 0.0,
    from_due_at: str | None = None,
) -> list[ClaimedRefund]:
    """Take up to `most` due refunds of one job at one upstream.

    They are this worker's for `lease_seconds`. With `waited_seconds`, only such as have been due
    for so long already; with `from_due_at`, only such as became due then or later. Pending ones
    become `submitted`: once this commits, a call may be made (rule 2).
    """
    parameters = {
        "job_id": job_id,
        "method": method,
        "most": most,
        "lease_seconds": lease_seconds,
        "waited_seconds": waited_seconds,
        "from_due_at": from_due_at,
    }
    return await _claim(conn, _CLAIM, parameters)


async def claim_unknown(
    conn: AsyncConnection, job_id: str, method: str, *, most: int, lease_seconds: float
) -> list[ClaimedRefund]:
    """Take up to `most` refunds of unknown outcome that are due a look-up.

    They come before all that are to be sent.
    """
    parameters = {"job_id": job_id, "method": method, "most": most, "lease_seconds": lease_seconds}
    return await _claim(conn, _CLAIM_UNKNOWN, parameters)


def _claimed(refund_id: str, epoch: int, status: str, *rest: Any) -> ClaimedRefund:
    return ClaimedRefund(refund_id, epoch, RefundStatus(status), *rest)


async def _claim(
    conn: AsyncConnection, statements: Mapping[str, sa.TextClause], parameters: Mapping[str, Any]
) -> list[ClaimedRefund]:
    rows = await fetch(conn, statements[conn.dialect.name], parameters)
    claimed = [_claimed(*row.values()) for row in rows]
    if claimed and conn.dialect.name == "sqlite":  # which can't do it all in one statement
        await conn.execute(
            _SQLITE_COUNTED, {name: parameters[name] for name in ("job_id", "method")}
        )
        await history.append(conn, (one.id for one in claimed), actor="worker")
    return claimed
