"""Checks the books: the promise's invariants over the rows.

It is for the command, the tests and a worker now and then. A check only reads; what it finds is a
defect or a hand in the database, and for a person to look at.
"""

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from app.db.core.dialect import clock
from app.db.core.engine import Database
from app.db.invariants import CheckScope, invariants, last_check
from app.refunds.runtime import Runtime

log = structlog.get_logger()

_MAX_ROWS: Final = 100
_MAX_LOGGED: Final = 10


@dataclass(frozen=True, slots=True)
class Violation:
    """A row that breaks a rule."""

    code: str
    rule: str
    job_id: str
    row_id: str


async def verify(
    db: Database,
    business_id: str | None = None,
    *,
    overdue_seconds: float = 60.0,
    since: dt.datetime | None = None,
    most: int = _MAX_ROWS,
) -> list[Violation]:
    """Rows that break an invariant, at most `most` for each rule. Empty: all is well.

    Args:
        db: where the books are.
        business_id: only this business's; None: all.
        overdue_seconds: how late an open job may be; two sweeps.
        since: only jobs that are open or ended since; None: all.
        most: of each rule.
    """
    found: list[Violation] = []
    async with db.snapshot(across=True) as conn:
        for invariant in invariants(
            CheckScope(business_id, since), overdue_seconds=overdue_seconds
        ):
            rows = await conn.execute(invariant.query.limit(most))
            found += [
                Violation(invariant.code, invariant.rule, job_id, row_id)
                for job_id, row_id in rows.all()
            ]
    return found


async def check(runtime: Runtime) -> list[Violation] | None:
    """Check what has changed since the last check, if it is time.

    None: it is not, or another worker does it. The result is kept in the database, where `/metrics`
    reads it, and logged.
    """
    every = runtime.settings.verify_seconds
    async with runtime.db.write() as conn:
        last = await last_check.claim(conn, every_seconds=every)
        began_at = await clock(conn)
    if last is None:
        return None
    # Once again over the jobs that the last check had seen ending; and over all where it had
    # found something.
    since = (
        None
        if last.violations or last.checked_at is None
        else last.checked_at - dt.timedelta(seconds=every)
    )
    found = await verify(
        runtime.db, overdue_seconds=2 * runtime.settings.sweep_seconds, since=since
    )
    counts = Counter(violation.code for violation in found)
    async with runtime.db.write() as conn:
        await last_check.record(conn, began_at, counts)
    tell(found)
    log.info("books.checked", violations=sum(counts.values()), whole=since is None)
    return found


def tell(found: Sequence[Violation]) -> None:
    """Log the first of what is broken."""
    for violation in found[:_MAX_LOGGED]:
        log.error(
            "books.broken", rule=violation.code, job_id=violation.job_id, row_id=violation.row_id
        )
