"""The database of a run as its observer sees it.

The schedule is put there, time is made to pass, rows are read. It looks with a
connection of its own, beside the code under test, and changes nothing but instants: all of a
business's open rows grow older together, so that who waits for what stays as it was.
"""

import sqlite3
from collections.abc import Sequence
from typing import Any, Final

CLAIMED: Final = ("submitted", "indeterminate", "processing")
ENDED: Final = ("completed", "completed_with_failures")
NEEDS_A_PERSON: Final = ("rejected", "indeterminate", "processing")
SESSIONS: Final = 4
DAY: Final = "2027-01-04"

# One booking a session pays by the same means: so those that are due at one moment are claimed in a
# known order.
_LINES: Final = (
    ("0", 1, "payment"),
    ("1", 1, "payment"),
    ("1", 2, "credit"),
    ("2", 1, "credit"),
    ("3", 1, "payment"),
)
_REFUNDS = """
SELECT r.*, h.status AS last_status, h.epoch AS last_epoch, h.attempts AS last_attempts,
       h.upstream_reference AS last_reference, h.failure_code AS last_code
FROM refunds r
LEFT JOIN refund_history h ON h.id = (SELECT max(id) FROM refund_history WHERE refund_id = r.id)
WHERE r.business_id = ? ORDER BY r.job_id, r.booking_id, r.line_no, r.leg"""
_JOBS = """
SELECT jobs.*, (SELECT coalesce(sum(claims), 0) FROM job_claims WHERE job_id = jobs.id) AS claims
FROM jobs WHERE business_id = ?"""

Row = dict[str, Any]


class Desk:
    """One business of a SQLite file."""

    def __init__(self, path: str, business_id: str) -> None:
        self.business_id = business_id
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA busy_timeout = 10000")
        self._db.execute("PRAGMA synchronous = OFF")
        self._open_the_studio()

    def close(self) -> None:
        self._db.close()

    def _open_the_studio(self) -> None:
        mine = self.business_id
        sessions = [
            (mine, str(n), f"{DAY}T0{n}:00:00.000Z", f"{DAY}T0{n}:30:00.000Z")
            for n in range(SESSIONS)
        ]
        bookings = [(mine, f"b{n}", str(n), "booked") for n in range(SESSIONS)] + [
            (mine, "w", "3", "waitlisted")
        ]
        payments = [
            (mine, f"b{s}", n, m, f"p{s}{n}", 100 + n, "CAD")
            for s, n, m in _LINES
            if m == "payment"
        ]
        credit = [(mine, f"b{s}", n, m, f"a{s}{n}", n) for s, n, m in _LINES if m == "credit"]
        self._db.execute("BEGIN IMMEDIATE")
        self._db.execute(
            "INSERT INTO businesses (id, name, timezone, currency, created_at) "
            "VALUES (?, 'Studio', 'UTC', 'CAD', ?)",
            (mine, f"{DAY}T00:00:00.000Z"),
        )
        self._db.execute(
            "INSERT INTO clients (business_id, id, name) VALUES (?, 'c', 'Kim')", (mine,)
        )
        for statement, rows in (
            ("sessions (business_id, id, starts_at, ends_at, name, timezone, status)", sessions),
            ("bookings (business_id, id, session_id, status, client_id)", bookings),
            (
                (
                    "payment_lines (business_id, booking_id, line_no, method, payment_id, "
                    "amount_minor, currency)"
                ),
                payments,
            ),
            (
                "payment_lines (business_id, booking_id, line_no, method, account_id, credits)",
                credit,
            ),
        ):
            rest = {"sessions": ", 'Yoga', 'UTC', 'scheduled'", "bookings": ", 'c'"}.get(
                statement.split()[0], ""
            )
            marks = ", ".join("?" * len(rows[0]))
            self._db.executemany(f"INSERT INTO {statement} VALUES ({marks}{rest})", rows)
        self._db.execute("COMMIT")

    def age(self, seconds: float) -> None:
        """Let time pass."""
        back = f"-{seconds} seconds"
        for table, columns in (
            ("refunds", ("due_at", "first_due_at")),
            ("jobs", ("due_at", "hold_until")),
        ):
            older = ", ".join(
                f"{name} = strftime('%Y-%m-%dT%H:%M:%fZ', {name}, ?1)" for name in columns
            )
            whose = "business_id = ?2 AND due_at IS NOT NULL"
            self._db.execute(f"UPDATE {table} SET {older} WHERE {whose}", (back, self.business_id))

    def refunds(self) -> list[Row]:
        """Every refund row, with what its history ends with."""
        return self._read(_REFUNDS)

    def replaced(self) -> set[str]:
        """Refunds that were ever refused for another leg to follow."""
        query = (
            "SELECT DISTINCT h.refund_id FROM refund_history h JOIN refunds r ON r.id = h.refund_id"
            " WHERE r.business_id = ? AND h.status = 'replaced'"
        )
        return {row["refund_id"] for row in self._read(query)}

    def jobs(self) -> dict[str, Row]:
        return {row["id"]: row for row in self._read(_JOBS)}

    def sessions(self) -> dict[str, Row]:
        return {
            row["id"]: row
            for row in self._read("SELECT id, status, job_id FROM sessions WHERE business_id = ?")
        }

    def outcomes(self, job_id: str) -> dict[str, tuple[str, str | None]]:
        """What became of each session that the job's request chose, and which job has it."""
        query = (
            "SELECT session_id, outcome, held_by_job_id FROM job_sessions "
            "WHERE business_id = ? AND job_id = ?"
        )
        return {
            row["session_id"]: (row["outcome"], row["held_by_job_id"])
            for row in self._read(query, job_id)
        }

    def _read(self, query: str, *more: Any) -> Sequence[Row]:
        return [dict(row) for row in self._db.execute(query, (self.business_id, *more))]
