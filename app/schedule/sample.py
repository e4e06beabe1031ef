"""Makes up a studio's week in the form of an import, to try things out.

The same day and seed give the same lines.
"""

import datetime as dt
import random
from collections.abc import Iterator
from typing import Any, Final
from zoneinfo import ZoneInfo

import orjson

CLIENTS: Final = 120
CURRENCY: Final = "CAD"
ZONE: Final = "America/Toronto"

_CLASSES: Final = (
    # name, instructor, location, minutes, capacity, price in minor units
    ("Morning Flow", "Noor Haddad", "Studio 1", 60, 16, 2200),
    ("Spin 45", "Bo Lindqvist", "Cycle room", 45, 20, 2500),
    ("Reformer Pilates", "Ines Duarte", "Studio 2", 50, 10, 3600),
    ("Strength Basics", "Kofi Mensah", "Gym floor", 60, 14, 2000),
    ("Yin & Restore", "Mei Tanaka", "Studio 1", 75, 16, 2200),
    ("Barre", "Chloé Dupont", "Studio 2", 55, 12, 2400),
    ("Boxing Technique", "Ana García", "Gym floor", 60, 12, 2600),
)
_STARTS: Final = ((6, 30), (8, 0), (9, 30), (12, 0), (16, 30), (18, 0), (19, 30))
_STARTS_AT_WEEKEND: Final = ((8, 0), (9, 30), (11, 0), (13, 0), (15, 0))
_FIRST_NAMES: Final = (
    "Ada",
    "Bilal",
    "Chen",
    "Dana",
    "Emeka",
    "Freya",
    "Gus",
    "Hana",
    "Ivo",
    "Jo",
    "Kemi",
    "Luz",
)
_LAST_NAMES: Final = (
    "Abbott",
    "Bakker",
    "Costa",
    "Diallo",
    "Evans",
    "Fox",
    "Ghosh",
    "Horvat",
    "Ito",
    "Jansen",
)
_FREE_CLASS: Final = "Strength Basics"
_WEEKEND: Final = 5
_FULL: Final = 0.12  # of the sessions; these have a waiting list


def sample_lines(
    today: dt.date, *, zone: str = ZONE, currency: str = CURRENCY, seed: int = 1
) -> list[bytes]:
    """The lines of an import: the week, Monday to Sunday, around `today`.

    45 sessions, 120 clients, about 400 bookings.
    """
    return [
        orjson.dumps(record) for record in sample(today, zone=zone, currency=currency, seed=seed)
    ]


def sample(
    today: dt.date, *, zone: str = ZONE, currency: str = CURRENCY, seed: int = 1
) -> Iterator[dict[str, Any]]:
    """The same as records: clients first, then each session with its bookings."""
    draw = random.Random(seed)  # noqa: S311 - made-up people, the same each time
    monday = today - dt.timedelta(days=today.weekday())
    for number in range(1, CLIENTS + 1):
        name = f"{draw.choice(_FIRST_NAMES)} {draw.choice(_LAST_NAMES)}"
        yield {
            "type": "client",
            "id": f"c{number}",
            "name": name,
            "email": f"c{number}@example.org",
        }
    for day in range(7):
        starts = _STARTS if day < _WEEKEND else _STARTS_AT_WEEKEND
        for place, (hour, minute) in enumerate(starts):
            local = dt.datetime.combine(
                monday + dt.timedelta(days=day), dt.time(hour, minute), ZoneInfo(zone)
            )
            yield from _session(draw, local, _CLASSES[(day + place) % len(_CLASSES)], currency)


def _session(
    draw: random.Random,
    local: dt.datetime,
    of_class: tuple[str, str, str, int, int, int],
    currency: str,
) -> Iterator[dict[str, Any]]:
    name, instructor, location, minutes, capacity, price = of_class
    session_id = f"s-{local:%Y%m%d-%H%M}"
    starts_at = local.astimezone(dt.UTC)
    yield {
        "type": "session",
        "id": session_id,
        "name": name,
        "starts_at": starts_at.isoformat(),
        "ends_at": (starts_at + dt.timedelta(minutes=minutes)).isoformat(),
        "timezone": str(local.tzinfo),
        "location": location,
        "instructor": instructor,
        "capacity": capacity,
    }
    wanted = capacity + 2 if draw.random() < _FULL else draw.randint(3, capacity - 1)
    for place, client in enumerate(draw.sample(range(1, CLIENTS + 1), wanted), start=1):
        booking_id = f"b-{session_id}-{place}"
        status = (
            "waitlisted" if place > capacity else draw.choices(("booked", "checked_in"), (9, 1))[0]
        )
        free = status == "waitlisted" or name == _FREE_CLASS
        yield {
            "type": "booking",
            "id": booking_id,
            "session_id": session_id,
            "client_id": f"c{client}",
            "status": status,
            "payments": [] if free else _payments(draw, booking_id, client, price, currency),
        }


def _payments(
    draw: random.Random, booking_id: str, client: int, price: int, currency: str
) -> list[dict[str, Any]]:
    card = {
        "method": "payment",
        "payment_id": f"pay-{booking_id}",
        "amount_minor": price,
        "currency": currency,
    }
    credit = {"method": "credit", "account_id": f"acc-{client}", "credits": 1}
    match draw.choices(("card", "credit", "split", "membership"), (55, 25, 8, 12))[0]:
        case "card":
            return [card]
        case "credit":
            return [credit]
        case "split":
            return [card | {"amount_minor": price // 2}, credit]
        case _:
            return []
