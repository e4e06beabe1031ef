"""A week of paid bookings whose every payment line has a subject of its own.

So the upstream's books alone judge. Nothing here asks our database: what must come back is known
from what was imported, and what did come back is read from the sandbox's `GET /books`.
"""

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import cycle, islice
from typing import Any, Final

PAYMENTS, CREDITS = "payments", "credits"
SERVICE_OF: Final = {"payment": PAYMENTS, "credit": CREDITS}
DIGITS: Final = {"EUR": 2, "JPY": 0, "KWD": 3}
FIRST_DAY, LAST_DAY = "2027-01-04", "2027-01-10"
ALL_KINDS: Final = (
    "payment",
    "credit",
    "split",
    "yen",
    "credit",
    "two cards",
    "free",
    "payment",
    "waitlisted",
)
_FAILED: Final = "failed"


@dataclass(frozen=True, slots=True)
class Line:
    """One payment line that must come back, once; `amount` in minor units or credits."""

    service: str
    subject: str
    amount: int
    currency: str | None


@dataclass(slots=True)
class Week:
    """Records to import, and the lines that must come back of them."""

    name: str
    records: list[dict[str, Any]] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    bookings: int = 0

    def ndjson(self) -> list[bytes]:
        return [json.dumps(record).encode() + b"\n" for record in self.records]

    def of(self, service: str) -> list[Line]:
        return [line for line in self.lines if line.service == service]


def week(
    bookings: int, *, kinds: Sequence[str] = ALL_KINDS, name: str = "w", places: int = 25
) -> Week:
    """So many bookings, their kinds in turn, `places` to a session."""
    made = Week(name, bookings=bookings)
    start = datetime.fromisoformat(f"{FIRST_DAY}T06:00:00").replace(tzinfo=UTC)
    for number in range(-(-bookings // places)):
        starts_at = start + timedelta(minutes=number * 7 % (6 * 24 * 60))
        made.records.append(
            {
                "type": "session",
                "id": f"{name}-s{number}",
                "name": f"Class {number}",
                "starts_at": starts_at.isoformat(),
                "ends_at": (starts_at + timedelta(hours=1)).isoformat(),
            }
        )
    made.records.append({"type": "client", "id": f"{name}-c", "name": "Kim Li"})
    for number, kind in enumerate(islice(cycle(kinds), bookings)):
        _add_booking(made, number, kind, f"{name}-s{number // places}")
    return made


def _add_booking(made: Week, number: int, kind: str, session_id: str) -> None:
    one, amount = f"{made.name}-{number}", 1000 + number % 977
    euro = Line(PAYMENTS, f"pay-{one}", amount, "EUR")
    visits = Line(CREDITS, f"acc-{one}", 1 + number % 3, None)
    lines = {
        "payment": [euro],
        "credit": [visits],
        "split": [euro, visits],
        "yen": [Line(PAYMENTS, f"pay-{one}", amount, "JPY")],
        "two cards": [euro, Line(PAYMENTS, f"pay-{one}-b", amount * 3, "KWD")],
        "free": [],
        "waitlisted": [euro],
    }[kind]
    made.records.append(
        {
            "type": "booking",
            "id": f"{made.name}-b{number}",
            "session_id": session_id,
            "client_id": f"{made.name}-c",
            "status": "waitlisted" if kind == "waitlisted" else "booked",
            "payments": [_paid(line) for line in lines],
        }
    )
    made.lines += lines


def _paid(line: Line) -> dict[str, Any]:
    if line.service == CREDITS:
        return {"method": "credit", "account_id": line.subject, "credits": line.amount}
    return {
        "method": "payment",
        "payment_id": line.subject,
        "amount_minor": line.amount,
        "currency": line.currency,
    }


@dataclass(frozen=True, slots=True)
class Verdict:
    """The books against the week.

    `lost` has no effect, `twice` more than one, `foreign` no line that asked for it.
    """

    effects: int
    lost: list[Line]
    twice: list[Line]
    foreign: list[Line]

    def __str__(self) -> str:
        return (
            f"{self.effects} effects, {len(self.lost)} lost,"
            f" {len(self.twice)} twice, {len(self.foreign)} foreign"
        )


def effects(books: Mapping[str, Any], service: str) -> list[dict[str, Any]]:
    """What moved money or credits, or still may: every refund of the books that has not failed."""
    return [one for one in books[service]["effects"] if one["status"] != _FAILED]


def judge(books: Mapping[str, Any], lines: Iterable[Line]) -> Verdict:
    """Compare the books with the lines that must have come back.

    By subject, amount and currency.
    """
    due = Counter(lines)
    made = Counter(
        Line(service, one["subject"], one["amount"], one["currency"])
        for service in (PAYMENTS, CREDITS)
        for one in effects(books, service)
    )
    return Verdict(
        effects=made.total(),
        lost=sorted((due - made).elements(), key=repr),
        twice=sorted((line for line, count in made.items() if count > 1), key=repr),
        foreign=sorted((line for line in made if line not in due), key=repr),
    )


def assert_once(books: Mapping[str, Any], lines: Iterable[Line]) -> Verdict:
    """Every line has one effect, and there is no other."""
    verdict = judge(books, lines)
    assert not verdict.twice, f"refunded twice: {verdict.twice[:5]} ({verdict})"
    assert not verdict.foreign, f"nobody asked for: {verdict.foreign[:5]} ({verdict})"
    assert not verdict.lost, f"lost: {verdict.lost[:5]} ({verdict})"
    assert books[PAYMENTS]["twice"] == books[CREDITS]["twice"] == {}
    return verdict


def audit_rows(text: str) -> list[dict[str, str]]:
    """The audit CSV's lines by column."""
    return list(csv.DictReader(io.StringIO(text, newline="")))


def assert_audit_tells_the_books(
    books: Mapping[str, Any], rows: Iterable[Mapping[str, str]]
) -> None:
    """Each `succeeded` of the audit is one effect of the books, and the other way round.

    The sums are equal.
    """
    told = [row for row in rows if row["status"] == "succeeded"]
    audited = Counter(
        (SERVICE_OF[row["method"]], row["upstream_reference"], row["refund_id"], *amount_of(row))
        for row in told
    )
    booked = Counter(
        (service, one["id"], one["reference"], one["amount"], one["currency"])
        for service in (PAYMENTS, CREDITS)
        for one in books[service]["effects"]
        if one["status"] == "succeeded"
    )
    assert audited == booked
    sums: Counter[str] = Counter()
    for row in told:
        amount, currency = amount_of(row)
        sums[currency or CREDITS] += amount
    assert sums == Counter(books[PAYMENTS]["totals"]["sums"]) + Counter(
        books[CREDITS]["totals"]["sums"]
    )


def amount_of(row: Mapping[str, str]) -> tuple[int, str | None]:
    """What a line of the audit names: minor units and their currency, or credits."""
    if row["method"] == "credit":
        return int(row["credits"]), None
    minor = Decimal(row["amount"]).scaleb(DIGITS[row["currency"]])
    assert minor == int(minor)
    return int(minor), row["currency"]
