"""A week of lines that come back in different forms, and what its upstreams' books must show.

Each line has a payment or account, a client and a booking of its own, so the books alone say what
became of it. What must come back is known from what was imported and from how its payment stands;
nothing here asks our database.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import cycle, islice
from typing import Any, Final, NamedTuple

import httpx
from crash.week import CREDITS, FIRST_DAY, PAYMENTS, Week, amount_of

FEE: Final = 100  # minor units of euro, for each booking; of yen nothing is kept
GOODWILL: Final = 2
ELSEWHERE: Final = 600  # minor units that somebody else has returned, where a part is
DESK: Final = "desk"
LADDER: Final[dict[str, Any]] = {
    "payments": {
        "keep": {"fixed": [{"currency": "EUR", "amount_minor": FEE}], "per": "booking"},
        "part_refunded": "rest",
        "fallback": ["store_credit", "person"],
    },
    "goodwill": {"credits": GOODWILL, "for": ["membership"]},
}
# How a payment stands, or what else a booking was paid with.
KINDS: Final = (
    "well",
    "too old",
    "client is gone",
    "in part",
    "not captured",
    "disputed",
    "two cards",
    "credit",
    "member",
)
# What the books call each form, and where: the service's own section has no name.
SECTIONS: Final = {
    "original": (PAYMENTS, ""),
    "void": (PAYMENTS, "voids"),
    "return": (CREDITS, ""),
    "store_credit": (CREDITS, "store_credits"),
    "goodwill": (CREDITS, "credit_grants"),
}
_LONG_AGO: Final = "2020-01-01T00:00:00Z"


class Effect(NamedTuple):
    """What moved, or still may: its form, its payment, account or client, and how much."""

    form: str
    subject: str
    amount: int
    currency: str | None


@dataclass(frozen=True, slots=True)
class OwedLine:
    """A line, the most that may come back of it, and what must; None: it is a person's."""

    booking_id: str
    client_id: str
    subject: str
    at_most: int
    due: Effect | None
    code: str = ""  # why it is a person's


@dataclass(slots=True)
class LegWeek(Week):
    """A week whose payments the payments service knows, as they stand."""

    owed: list[OwedLine] = field(default_factory=list)
    standing: dict[str, dict[str, Any]] = field(default_factory=dict)  # by payment
    in_part: dict[str, str] = field(default_factory=dict)  # the currencies, by payment
    gone: list[str] = field(default_factory=list)  # clients that have no account for value

    async def stand(self, sandbox: httpx.AsyncClient) -> None:
        """Make each payment known to the sandbox as it stands."""
        for payment_id, body in self.standing.items():
            answer = await sandbox.put(f"/payments/{payment_id}", json=body)
            assert answer.status_code == 200, answer.text
        for payment_id, currency in self.in_part.items():
            body = {
                "business_id": "studio",
                "payment_id": payment_id,
                "amount_minor": ELSEWHERE,
                "currency": currency,
                "reference": f"{DESK}-{payment_id}",
            }
            headers = {"Idempotency-Key": body["reference"]}
            answer = await sandbox.post("/payments/refunds", json=body, headers=headers)
            assert answer.status_code == 201, answer.text

    def refusals(self) -> dict[str, str]:
        """What the credits service refuses, by client."""
        return dict.fromkeys(self.gone, "client_closed")


def leg_week(bookings: int, *, kinds: tuple[str, ...] = KINDS, places: int = 3) -> LegWeek:
    """So many bookings, their kinds in turn, `places` to a session."""
    made = LegWeek("w", bookings=bookings)
    start = datetime.fromisoformat(f"{FIRST_DAY}T06:00:00").replace(tzinfo=UTC)
    for number in range(-(-bookings // places)):
        starts_at = start + timedelta(minutes=number * 7)
        made.records.append(
            {
                "type": "session",
                "id": f"w-s{number}",
                "name": f"Class {number}",
                "starts_at": starts_at.isoformat(),
                "ends_at": (starts_at + timedelta(hours=1)).isoformat(),
            }
        )
    for number, kind in enumerate(islice(cycle(kinds), bookings)):
        _add_booking(made, number, kind, f"w-s{number // places}")
    return made


def _add_booking(made: LegWeek, number: int, kind: str, session_id: str) -> None:
    booking_id, client_id = f"w-b{number}", f"w-c{number}"
    made.records.append({"type": "client", "id": client_id, "name": "Kim Li"})
    if kind == "client is gone":
        made.gone.append(client_id)
    cards = {
        "two cards": ["well", "too old"],
        "credit": [],
        "member": [],
    }.get(kind, [kind])
    # Of yen nothing is kept: only a whole payment is let go, and two cards share no fee.
    currency = "JPY" if kind in {"two cards", "not captured"} else "EUR"
    payments: list[dict[str, Any]] = []
    for card, standing in enumerate(cards):
        payment_id = f"pay-{number}-{card}"
        paid = 1000 + number
        made.standing[payment_id] = {
            "business_id": "studio",
            "amount_minor": paid,
            "currency": currency,
        } | _facts(standing)
        if standing == "in part":
            made.in_part[payment_id] = currency
        payments.append(
            {
                "method": "payment",
                "payment_id": payment_id,
                "amount_minor": paid,
                "currency": currency,
            }
        )
        made.owed.append(_owed(standing, booking_id, client_id, payment_id, paid, currency))
    if kind == "credit":
        account_id, visits = f"acc-{number}", 1 + number % 3
        payments.append({"method": "credit", "account_id": account_id, "credits": visits})
        due = Effect("return", account_id, visits, None)
        made.owed.append(OwedLine(booking_id, client_id, account_id, visits, due))
    if kind == "member":
        due = Effect("goodwill", client_id, GOODWILL, None)
        made.owed.append(OwedLine(booking_id, client_id, client_id, GOODWILL, due))
    made.records.append(
        {
            "type": "booking",
            "id": booking_id,
            "session_id": session_id,
            "client_id": client_id,
            "status": "booked",
            "payments": payments,
        }
    )


def _facts(standing: str) -> dict[str, Any]:
    return {
        "too old": {"refundable_until": _LONG_AGO},
        "client is gone": {"refundable_until": _LONG_AGO},
        "not captured": {"captured": False},
        "disputed": {"disputed": True},
    }.get(standing, {})


def _owed(
    standing: str, booking_id: str, client_id: str, payment_id: str, paid: int, currency: str
) -> OwedLine:
    at_most = paid - (FEE if currency == "EUR" else 0)
    form, subject, amount, code = {
        "well": ("original", payment_id, at_most, ""),
        "too old": ("store_credit", client_id, at_most, ""),
        "client is gone": ("", "", 0, "client_closed"),
        "in part": ("original", payment_id, paid - ELSEWHERE, ""),
        "not captured": ("void", payment_id, paid, ""),
        "disputed": ("", "", 0, "payment_disputed"),
    }[standing]
    due = Effect(form, subject, amount, currency) if form else None
    return OwedLine(booking_id, client_id, payment_id, at_most, due, code)


# The books.


def effects_of(books: Mapping[str, Any]) -> list[tuple[Effect, dict[str, Any]]]:
    """All that moved or may, in whichever form, with its entry; not what somebody else did."""
    found = []
    for form, (service, name) in SECTIONS.items():
        section = books[service][name] if name else books[service]
        for one in section["effects"]:
            if one["status"] != "failed" and not one["reference"].startswith(DESK):
                effect = Effect(form, one["subject"], one["amount"], one["currency"])
                found.append((effect, one))
    return found


def assert_legs_once(books: Mapping[str, Any], owed: Iterable[OwedLine]) -> None:
    """Of each line what is due moved, in the form that is due, once, and nothing else did."""
    owed = list(owed)
    made = Counter(effect for effect, _ in effects_of(books))
    moved: defaultdict[str, int] = defaultdict(int)
    for effect, count in made.items():
        moved[effect.subject] += effect.amount * count
    lines: defaultdict[str, list[OwedLine]] = defaultdict(list)
    for line in owed:
        lines[line.client_id].append(line)
        assert moved[line.subject] <= line.at_most, f"{moved[line.subject]} moved of {line}"
    for client_id, of_client in lines.items():  # mostly one: value knows no payment
        back = sum(moved[one] for one in {client_id, *(line.subject for line in of_client)})
        assert back <= sum(line.at_most for line in of_client), f"{back} moved of {of_client}"
    due = Counter(line.due for line in owed if line.due is not None)
    assert not made - due, f"not due, or twice: {made - due}"
    assert not due - made, f"lost: {due - made}"
    for form, (service, name) in SECTIONS.items():
        section = books[service][name] if name else books[service]
        assert section["twice"] == {}, form


def assert_audit_tells_the_legs(
    books: Mapping[str, Any], rows: Iterable[Mapping[str, str]], owed: Iterable[OwedLine]
) -> None:
    """Each success of the audit is one effect, and the other way round; a person has the others."""
    rows = [row for row in rows if row["refund_id"]]
    told = Counter(
        (_form(row), row["upstream_reference"], row["refund_id"], *amount_of(row))
        for row in rows
        if row["status"] == "succeeded"
    )
    booked = Counter(
        (effect.form, one["id"], one["reference"], effect.amount, effect.currency)
        for effect, one in effects_of(books)
        if one["status"] == "succeeded"
    )
    assert told == booked
    others = Counter(
        (row["booking_id"], row["status"], row["failure_code"])
        for row in rows
        if row["status"] not in {"succeeded", "replaced", "skipped"}  # a member paid nothing
    )
    assert others == Counter(
        (line.booking_id, "rejected", line.code) for line in owed if line.due is None
    )


def _form(row: Mapping[str, str]) -> str:
    is_return = row["method"] == "credit" and row["returned_as"] in {"", "original"}
    return "return" if is_return else row["returned_as"] or "original"
