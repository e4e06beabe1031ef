"""Records of a schedule as they are imported: clients, classes, and bookings paid in any way."""

import datetime as dt

NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)
TODAY = NOW.date()
# What an import did to records of a kind, if it did nothing.
NOTHING_DONE = dict.fromkeys(("created", "updated", "unchanged", "frozen", "errors", "mended"), 0)


def client(id_, **members):
    return {
        "type": "client",
        "id": id_,
        "name": id_.title(),
        "email": f"{id_}@example.org",
    } | members


def session(id_, *, starts_in_hours=48, starts_at=None, **members):
    """A class of an hour."""
    starts_at = starts_at or NOW + dt.timedelta(hours=starts_in_hours)
    times = {
        "starts_at": starts_at.isoformat(),
        "ends_at": (starts_at + dt.timedelta(hours=1)).isoformat(),
    }
    place = {"timezone": "America/Toronto", "location": "Hall 1", "instructor": "Ana"}
    return {"type": "session", "id": id_, "name": id_.title()} | times | place | members


def booking(id_, session_id, *lines, status="booked", client_id="kim"):
    """A booking paid by lines such as `("CAD", 2000)` or `("credits", 2)`.

    Their ids begin with the booking's.
    """
    payments = [
        {"method": "credit", "account_id": f"{id_}-account", "credits": amount}
        if means == "credits"
        else {
            "method": "payment",
            "payment_id": f"{id_}-payment-{number}",
            "amount_minor": amount,
            "currency": means,
        }
        for number, (means, amount) in enumerate(lines, start=1)
    ]
    names = {"session_id": session_id, "client_id": client_id}
    return {"type": "booking", "id": id_, "status": status, "payments": payments} | names
