"""The database of a run as its observer sees it.

The schedule is put there, time is made to pass, rows are read. It looks with a
connection of its own, beside the code under test, and changes nothing but instants: all of a
business's open rows grow older together, so that who waits for what stays as it was.
"""

import datetime as dt
from typing import Any, Final

from integration.model.observers import Observer, Row

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


class Desk:
    """One business of a database, on either kind."""

    def __init__(self, observer: Observer, business_id: str) -> None:
        self.business_id = business_id
        self._observer = observer
        self._open_the_studio()

    def _open_the_studio(self) -> None:
        mine = self.business_id
        named = ("Yoga", "UTC", "scheduled")
        sessions = [
            (mine, str(n), f"{DAY}T0{n}:00:00.000Z", f"{DAY}T0{n}:30:00.000Z", *named)
            for n in range(SESSIONS)
        ]
        bookings = [(mine, f"b{n}", str(n), "booked", "c") for n in range(SESSIONS)] + [
            (mine, "w", "3", "waitlisted", "c")
        ]
        payments = [
            (mine, f"b{s}", n, m, f"p{s}{n}", 100 + n, "CAD")
            for s, n, m in _LINES
            if m == "payment"
        ]
        credit = [(mine, f"b{s}", n, m, f"a{s}{n}", n) for s, n, m in _LINES if m == "credit"]
        business = [(mine, "Studio", "UTC", "CAD", f"{DAY}T00:00:00.000Z")]
        of_lines = "payment_lines (business_id, booking_id, line_no, method"
        self._observer.write(
            _insert("businesses (id, name, timezone, currency, created_at)", business),
            _insert("clients (business_id, id, name)", [(mine, "c", "Kim")]),
            _insert(
                "sessions (business_id, id, starts_at, ends_at, name, timezone, status)", sessions
            ),
            _insert("bookings (business_id, id, session_id, status, client_id)", bookings),
            _insert(f"{of_lines}, payment_id, amount_minor, currency)", payments),
            _insert(f"{of_lines}, account_id, credits)", credit),
        )

    def age(self, seconds: float) -> None:
        """Let time pass."""
        for table, columns in (
            ("refunds", ("due_at", "first_due_at")),
            ("jobs", ("due_at", "hold_until")),
        ):
            older = ", ".join(
                f"{name} = {self._observer.older.format(name=name)}" for name in columns
            )
            whose = "business_id = ? AND due_at IS NOT NULL"
            self._observer.write(
                (
                    f"UPDATE {table} SET {older} WHERE {whose}",
                    [(*[seconds] * len(columns), self.business_id)],
                )
            )

    def age_approvals(self, seconds: float) -> set[str]:
        """Let time pass for those who may approve; the jobs that await one too late."""
        older = self._observer.older.format(name="expires_at")
        self._observer.write(
            (
                f"UPDATE job_approvals SET expires_at = {older} WHERE business_id = ?",
                [(seconds, self.business_id)],
            )
        )
        query = """SELECT a.job_id, a.expires_at FROM job_approvals a
            JOIN jobs j ON j.id = a.job_id
            WHERE a.business_id = ? AND j.status = 'awaiting_approval'"""
        now = self.now()
        return {
            row["job_id"]
            for row in self._read(query)
            if dt.datetime.fromisoformat(row["expires_at"]) <= now
        }

    def book(self, session_id: str, booking_id: str) -> None:
        """A free booking comes to a session."""
        row = (self.business_id, booking_id, session_id, "booked", "c")
        self._observer.write(
            _insert("bookings (business_id, id, session_id, status, client_id)", [row])
        )

    def move_away(self, session_id: str) -> None:
        """A session is moved to another month."""
        self._observer.write(
            (
                "UPDATE sessions SET starts_at = ?, ends_at = ? WHERE business_id = ? AND id = ?",
                [
                    (
                        "2027-03-01T09:00:00.000Z",
                        "2027-03-01T10:00:00.000Z",
                        self.business_id,
                        session_id,
                    )
                ],
            )
        )

    def tick(self) -> None:
        """Let the database's clock go on by a millisecond."""
        self._observer.tick()

    def now(self) -> dt.datetime:
        """What the database's clock says."""
        return self._observer.now()

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

    def _read(self, query: str, *more: Any) -> list[Row]:
        return self._observer.rows(query, self.business_id, *more)


def _insert(into: str, rows: list[tuple[Any, ...]]) -> tuple[str, list[tuple[Any, ...]]]:
    marks = ", ".join("?" * len(rows[0]))
    return f"INSERT INTO {into} VALUES ({marks})", rows
