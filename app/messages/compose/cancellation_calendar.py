"""The calendar part of a message: it takes a client's bookings out of their calendar.

As RFC 5546 (section 3.2.5) has it: METHOD:CANCEL, each event by the `UID` that it has in the
business's public calendar, with `STATUS:CANCELLED`. Instants are in UTC, as there.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Final

from icalendar import Calendar, Event, vCalAddress

from app.domain.messages.facts import Correspondents, ToldFacts, ToldSession
from app.domain.statuses import BookingStatus
from app.messages.compose.letter import by_session
from app.messages.compose.said import shown

METHOD: Final = "CANCEL"
# Who waits, or was out before, has no such event.
_IN_CALENDAR: Final = (BookingStatus.BOOKED, BookingStatus.CHECKED_IN)


def cancellation_calendar(
    facts: ToldFacts,
    to: Correspondents,
    *,
    organizer: str,
    attendee: str,
    revisions: Mapping[str, int],
    now: dt.datetime,
) -> bytes | None:
    """The calendar of the client's bookings; None where they had no place in any session.

    Args:
        facts: what is told.
        to: who writes to whom.
        organizer: the sender's address.
        attendee: the client's.
        revisions: `SEQUENCE` by session id; 1 for those it lacks.
        now: when the message is made.
    """
    feed = Calendar()
    feed.add("prodid", "-//Bulk Cancel//Messages//EN")
    feed.add("version", "2.0")
    feed.add("method", METHOD)
    for session_id, bookings in by_session(facts).items():
        if any(one.booking_status in _IN_CALENDAR for one in bookings):
            event = _event(bookings[0], to.business_id, revisions.get(session_id, 1), now)
            event.add("organizer", vCalAddress(f"mailto:{organizer}"))
            event.add("attendee", vCalAddress(f"mailto:{attendee}"))
            feed.add_component(event)
    if not feed.subcomponents:
        return None
    text: bytes = feed.to_ical()
    return text


def _event(session: ToldSession, business_id: str, revision: int, now: dt.datetime) -> Event:
    event = Event()
    event.add("uid", f"{session.session_id}@{business_id}")
    event.add("dtstamp", now)
    event.add("sequence", revision)
    starts_at = dt.datetime.fromisoformat(session.starts_at)
    event.add("dtstart", starts_at)
    local = (session.starts_local, session.ends_local)
    start, end = (dt.datetime.fromisoformat(one).replace(tzinfo=None) for one in local)
    if end > start:
        event.add("dtend", starts_at + (end - start))
    event.add("summary", shown(session.name))
    event.add("status", "CANCELLED")
    event.add("transp", "TRANSPARENT")  # it takes no time any more
    if place := shown(session.location):
        event.add("location", place)
    return event
