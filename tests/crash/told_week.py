"""A week of many clients with addresses, and what mails say against the upstream's books.

Amounts are read from a mail's plain text, as its reader would.
"""

import email
import email.policy
import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from crash.week import CREDITS, FIRST_DAY, PAYMENTS, Line, Week, effects
from worlds.smtp_server import Taken

PLACES: Final = 25  # of a session
_REFUNDED: Final = re.compile(r"^ +Refunded: €([\d,.]+)$", re.MULTILINE)
_RETURNED: Final = re.compile(r"^ +Returned: (\d+) credits?$", re.MULTILINE)
_IN_ALL: Final = re.compile(r"^We have refunded €([\d,.]+) to", re.MULTILINE)
_IN_ALL_CREDITS: Final = re.compile(r"^We have returned (\d+) credits? to", re.MULTILINE)
_NOT_YET: Final = re.compile(r"^We were not able to return €([\d,.]+) auto", re.MULTILINE)


@dataclass(slots=True)
class ToldWeek:
    """The week; `owner` of each payment and account, and the payments that are refused at first."""

    week: Week
    owner: dict[str, str] = field(default_factory=dict)  # an address, by subject
    refused: dict[str, int] = field(default_factory=dict)  # an amount, by payment

    @property
    def addresses(self) -> set[str]:
        return set(self.owner.values())


def told_week(clients: int) -> ToldWeek:
    """Clients have one to three bookings; of every seventh one payment is refused at first."""
    made = ToldWeek(Week("told"))
    start = datetime.fromisoformat(f"{FIRST_DAY}T06:00:00").replace(tzinfo=UTC)
    for number in range(-(-clients // PLACES) + 2):
        starts_at = start + timedelta(minutes=number * 7 % (6 * 24 * 60))
        made.week.records.append(
            {
                "type": "session",
                "id": f"told-s{number}",
                "name": f"Class {number}",
                "starts_at": starts_at.isoformat(),
                "ends_at": (starts_at + timedelta(hours=1)).isoformat(),
            }
        )
    for number in range(clients):
        _add_client(made, number)
    return made


def _add_client(made: ToldWeek, number: int) -> None:
    address = f"c{number}@example.org"
    who = {"type": "client", "id": f"told-c{number}", "name": f"Kim {number}", "language": "en"}
    made.week.records.append(who | {"email": address})
    for place in range(1 + number % 3):
        one, amount = f"{number}-{place}", 1000 + (number * 3 + place) % 977
        line = (
            Line(CREDITS, f"acc-{one}", 1 + number % 4, None)
            if (number + place) % 4 == 1
            else Line(PAYMENTS, f"pay-{one}", amount, "EUR")
        )
        if number % 7 == 0 and line.service == PAYMENTS and place == 0:
            made.refused[line.subject] = amount
        made.owner[line.subject] = address
        made.week.lines.append(line)
        made.week.bookings += 1
        paid: dict[str, Any] = (
            {"method": "credit", "account_id": line.subject, "credits": line.amount}
            if line.service == CREDITS
            else {
                "method": "payment",
                "payment_id": line.subject,
                "amount_minor": line.amount,
                "currency": "EUR",
            }
        )
        made.week.records.append(
            {
                "type": "booking",
                "id": f"told-b{one}",
                "session_id": f"told-s{number // PLACES + place}",
                "client_id": who["id"],
                "status": "booked",
                "payments": [paid],
            }
        )


Figures = Counter[tuple[str, int]]  # what each line has given back, by service, and how often


def booked(books: Mapping[str, Any], made: ToldWeek) -> dict[str, Figures]:
    """By address: what the upstream's books say has come back."""
    found: dict[str, Figures] = defaultdict(Counter)
    for service in (PAYMENTS, CREDITS):
        for one in effects(books, service):
            found[made.owner[one["subject"]]][service, one["amount"]] += 1
    return found


def text_of(one: Taken) -> str:
    mail = email.message_from_bytes(one.raw, policy=email.policy.default)
    body = mail.get_body(("plain",))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


def assert_tells(text: str, books: Figures, not_yet: list[int]) -> None:
    """A mail's sums are those of the books, and so is each line, where it has some.

    Those of one class alone have none. `not_yet`: the amounts that a person looks after.
    """
    sums: Counter[str] = Counter()
    for (service, amount), times in books.items():
        sums[service] += amount * times
    in_all = {
        PAYMENTS: sum(map(_cents, _IN_ALL.findall(text)[-1:])),  # the first may say what changed
        CREDITS: sum(map(int, _IN_ALL_CREDITS.findall(text)[-1:])),
    }
    assert Counter(in_all) == sums, text
    assert _NOT_YET.findall(text)[:1] == [_shown(sum(not_yet))] * bool(not_yet), text
    if "\nCancelled classes\n" in text:
        lines = [(PAYMENTS, _cents(one)) for one in _REFUNDED.findall(text)]
        lines += [(CREDITS, int(one)) for one in _RETURNED.findall(text)]
        assert Counter(lines) == books, text


def _cents(shown: str) -> int:
    return int(Decimal(shown.replace(",", "")).scaleb(2))


def _shown(cents: int) -> str:
    return f"{Decimal(cents).scaleb(-2):,}"
