"""Checks the books: the promise's invariants over the rows, as one list for the command, the tests and operators."""

from dataclasses import dataclass

from app.db.engine import Database
from app.db.invariants import invariants

_MOST_ROWS = 100


@dataclass(frozen=True, slots=True)
class Violation:
    """A row that breaks a rule."""

    code: str
    rule: str
    job_id: str
    row_id: str


async def verify(
    db: Database, business_id: str | None = None, *, overdue_seconds: float = 60.0, most: int = _MOST_ROWS
) -> list[Violation]:
    """Rows that break an invariant, of one business or of all; at most `most` for each rule. Empty: all is well."""
    found: list[Violation] = []
    async with db.snapshot() as conn:
        for invariant in invariants(overdue_seconds=overdue_seconds):
            rows = await conn.execute(invariant.query.limit(most), {"business_id": business_id})
            found += [Violation(invariant.code, invariant.rule, job_id, row_id) for job_id, row_id in rows.all()]
    return found
