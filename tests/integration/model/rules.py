"""What must hold after every step of a run: our rows against the upstream's books and their past.

The books are the oracle of money; of states, the promises that the modules under test make in their
docstrings.
"""

from collections import Counter

from integration.model.books import SUCCEEDED, Books
from integration.model.desk import NEEDS_A_PERSON, Desk, Row

_SAID_NO = ("rejected", "skipped")


class Watch:
    """Looks at a business again and again, and remembers what it saw."""

    def __init__(self, desk: Desk, books: Books) -> None:
        self.desk = desk
        self.books = books
        self.rows: dict[str, Row] = {}
        self.holder: dict[str, str] = {}  # session: the job that has it, by what callers were told
        self._last_number: dict[str, int] = {}
        self._shown: dict[tuple[str, int, int], object] = {}  # what a version of a job stood for

    def open_jobs(self) -> list[str]:
        """Jobs with a refund that machines are at work on, as last seen."""
        return sorted({row["job_id"] for row in self.rows.values() if row["due_at"] is not None})

    def asleep(self) -> list[Row]:
        """Refunds that only a person can go on with, as last seen."""
        return [
            row
            for row in self.rows.values()
            if row["due_at"] is None and row["status"] in NEEDS_A_PERSON
        ]

    def retriable(self) -> list[Row]:
        """Those of them that may be tried again: of what was returned twice none is."""
        return [row for row in self.asleep() if row["failure_code"] != "returned_twice"]

    def look(self) -> None:
        """Every rule, now.

        Raises:
            AssertionError: one is broken.
        """
        rows = {row["id"]: row for row in self.desk.refunds()}
        jobs = self.desk.jobs()
        self._books_are_right(rows)
        for refund_id, row in rows.items():
            self._tells_the_books(row)
            _agrees_with_its_history(row)
            _goes_on_from(self.rows.get(refund_id), row)
        assert rows.keys() >= self.rows.keys(), "a refund row is gone"
        for job in jobs.values():
            its_rows = [row for row in rows.values() if row["job_id"] == job["id"]]
            self._is_where_its_rows_say(job, its_rows)
            self._numbers(job, its_rows)
            self._tells_its_version(job, its_rows)
        for session in self.desk.sessions().values():
            told = self.holder.get(session["id"])
            assert (session["status"], session["job_id"]) == (
                "cancelled" if told else "scheduled",
                told,
            ), session
        self.rows = rows

    def _books_are_right(self, rows: dict[str, Row]) -> None:
        for reference in {entry.reference for entry in self.books.entries}:
            assert reference in rows, f"{reference} was refunded, and there is no such row"
            effects = self.books.effects(reference)
            assert len(effects) <= 1, f"refunded {len(effects)} times: {effects}"
            assert not effects or rows[reference]["attempts"] >= 1, (
                f"an effect of no attempt: {rows[reference]}"
            )

    def _tells_the_books(self, row: Row) -> None:
        entries = self.books.of(row["id"])
        if row["status"] == "succeeded":
            amount = row["amount_minor"] or row["credits"]
            told = (row["upstream_reference"], SUCCEEDED, amount)
            assert told in [(entry.id, entry.status, entry.amount) for entry in entries], (
                row,
                entries,
            )
        elif row["status"] in _SAID_NO:
            assert not self.books.effects(row["id"]), (
                f"{row['status']}, and the books say {entries}: {row}"
            )

    def _tells_its_version(self, job: Row, rows: list[Row]) -> None:
        version = (job["id"], job["version"], job["claims"])
        shown = (
            job["status"],
            job["started_at"],
            job["finished_at"],
            Counter(row["status"] for row in rows),
        )
        before = self._shown.setdefault(version, shown)
        assert shown == before, f"one version of {job['id']} stands for {before} and for {shown}"

    def _is_where_its_rows_say(self, job: Row, rows: list[Row]) -> None:
        is_open = job["expanded_sessions"] < job["accepted_sessions"] or any(
            row["due_at"] for row in rows
        )
        person = any(row["status"] in NEEDS_A_PERSON for row in rows)
        match job["status"]:
            case "held" | "queued":
                assert not rows, job
            case "withdrawn":
                assert all(row["failure_code"] == "withdrawn" for row in rows), rows
            case "completed":
                assert not is_open, (job, rows)
                assert not person, (job, rows)
            case "completed_with_failures":
                assert not is_open, (job, rows)
                assert person, (job, rows)

    def _numbers(self, job: Row, rows: list[Row]) -> None:
        numbers = [row["outcome_seq"] for row in rows if row["outcome_seq"] is not None]
        assert len(numbers) == len(set(numbers)), rows
        before = self._last_number.get(job["id"], 0)
        for row in rows:
            number, old = row["outcome_seq"], self.rows.get(row["id"], {}).get("outcome_seq")
            assert number in (None, old) or number > before, (
                f"{row} came to rest after number {before}"
            )
        self._last_number[job["id"]] = max([before, *numbers])
        assert self._last_number[job["id"]] <= job["outcome_seq"], job


def _agrees_with_its_history(row: Row) -> None:
    if row["last_status"] is None:
        assert row["status"] in ("pending", "skipped"), row
        assert row["epoch"] == 0, row
        return
    assert (
        row["last_status"],
        row["last_epoch"],
        row["last_attempts"],
        row["last_reference"],
        row["last_code"],
    ) == (
        row["status"],
        row["epoch"],
        row["attempts"],
        row["upstream_reference"],
        row["failure_code"],
    ), row


def _goes_on_from(before: Row | None, row: Row) -> None:
    if before is None:
        return
    if before["status"] == "resolved":  # a person may correct what they said, and no more
        assert row["status"] == "resolved", f"{before} became {row}"
    elif before["status"] == "succeeded":
        assert row == before, f"{before} became {row}"
    assert row["epoch"] >= before["epoch"], (before, row)
    raised = row["key_generation"] - before["key_generation"]
    assert raised in (0, 1), (before, row)
    # A new key only for a try that a person asked for after the upstream's own refund had failed,
    # or after a refusal for lack of balance, which an upstream may repeat under its key when there
    # is some, or for lack of a word on what is left.
    asked_again = before["status"] == "rejected" and row["status"] == "pending"
    for_now = ("insufficient_balance", "amount_exceeds_remaining")
    without_balance = (
        row["status"] == "pending" and row["failure_code"] in for_now and row != before
    )
    failed_there = asked_again and before["upstream_reference"] is not None
    claimed_since = (
        before["status"] in ("pending", "indeterminate") and row["epoch"] > before["epoch"]
    )
    sent_since = before["status"] == "submitted" or claimed_since
    assert bool(raised) == (failed_there or (without_balance and sent_since)), (before, row)
    # Taken off: one call that surely had no effect. Counted anew from 1: a person has it looked up
    # again.
    assert row["attempts"] >= before["attempts"] - 1 or row["attempts"] == 1, (before, row)
    frozen = (
        "job_id",
        "session_id",
        "booking_id",
        "line_no",
        "method",
        "amount_minor",
        "credits",
        "payment_id",
    )
    assert all(row[name] == before[name] for name in frozen), (before, row)
