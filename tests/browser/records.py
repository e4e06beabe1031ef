"""Lines of imports: the sessions, clients and bookings that a test needs."""

import datetime as dt
import json

BUSINESS = "studio"  # whose they are


def session(id_: str, day: dt.date, hour: int, **members) -> bytes:
    """A line of an import: an hour of a UTC day."""
    starts_at = dt.datetime.combine(day, dt.time(hour), dt.UTC)
    times = {
        "starts_at": starts_at.isoformat(),
        "ends_at": (starts_at + dt.timedelta(hours=1)).isoformat(),
    }
    return json.dumps(
        {"type": "session", "id": id_, "name": id_.title()} | times | members
    ).encode()


def client(id_: str, name: str) -> bytes:
    return json.dumps(
        {"type": "client", "id": id_, "name": name, "email": f"{id_}@example.org"}
    ).encode()


def booking(id_: str, session_id: str, *payments: tuple[str, int], client_id: str = "kim") -> bytes:
    """A line of an import, paid by pairs such as `("CAD", 2000)` or `("credits", 2)`."""
    lines = [
        {"method": "credit", "account_id": f"account-{id_}", "credits": amount}
        if means == "credits"
        else {
            "method": "payment",
            "payment_id": f"payment-{id_}",
            "amount_minor": amount,
            "currency": means,
        }
        for means, amount in payments
    ]
    members = {
        "session_id": session_id,
        "client_id": client_id,
        "status": "booked",
        "payments": lines,
    }
    return json.dumps({"type": "booking", "id": id_} | members).encode()


def next_monday() -> dt.date:
    """As the fixture's studio reckons it."""
    today = dt.datetime.now(dt.UTC).astimezone(dt.timezone(dt.timedelta(hours=-5))).date()
    return today - dt.timedelta(days=today.weekday()) + dt.timedelta(days=7)
