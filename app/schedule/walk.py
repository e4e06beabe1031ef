"""What a batch of records changes, record by record in their order. Pure: it touches only the `Known` it is given.

A booking in a cancelled session is frozen: the same again is unchanged, anything else is refused.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from app.db.bookings import BookingFacts, LineFacts
from app.db.clients import ClientFacts
from app.db.sessions import KnownSession, SessionFacts
from app.schedule.records import (
    AnyRecord,
    BookingFields,
    BookingRecord,
    ClientRecord,
    CreditLine,
    PaymentLine,
    SessionFields,
    SessionRecord,
)


class Change(StrEnum):
    """What a record did."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Unknown:
    """Refused: the record names a session or client that does not exist."""

    pointer: str
    what: str


@dataclass(frozen=True, slots=True)
class Frozen:
    """Refused: the booking is in, or would go into, a session that this job cancelled."""

    session_id: str
    job_id: str


Outcome = Change | Unknown | Frozen


@dataclass(slots=True)
class Known:
    """The rows that a batch may touch or refer to, as they are under the batch's locks; `walk` keeps it up to date."""

    clients: dict[str, ClientFacts]
    sessions: dict[str, KnownSession]
    bookings: dict[str, BookingFacts]


@dataclass(slots=True)
class Changes:
    """What is to be written: the last state of each row that changed, those that are new apart where it matters."""

    clients: dict[str, ClientFacts] = field(default_factory=dict)
    sessions: dict[str, SessionFacts] = field(default_factory=dict)
    new_bookings: dict[str, BookingFacts] = field(default_factory=dict)
    changed_bookings: dict[str, BookingFacts] = field(default_factory=dict)


def session_facts(fields: SessionFields, business_zone: str) -> SessionFacts:
    """The facts of a session, held in the business's zone where it names none."""
    return SessionFacts(
        fields.name,
        fields.starts_at,
        fields.ends_at,
        fields.timezone or business_zone,
        fields.location,
        fields.instructor,
        fields.capacity,
    )


def booking_facts(fields: BookingFields) -> BookingFacts:
    """The facts of a booking, its payment lines in the platform's order."""
    lines = tuple([_line_facts(line) for line in fields.payments])
    return BookingFacts(fields.session_id, fields.client_id, fields.status.value, lines)


def walk(batch: Sequence[AnyRecord], known: Known, business_zone: str) -> tuple[list[Outcome], Changes]:
    """The outcome of each record, and what is to be written for them all."""
    changes = Changes()
    outcomes: list[Outcome] = []
    for record in batch:
        if isinstance(record, BookingRecord):
            outcomes.append(_booking(record, known, changes))
        elif isinstance(record, ClientRecord):
            outcomes.append(_client(record, known, changes))
        else:
            outcomes.append(_session(record, known, changes, business_zone))
    return outcomes, changes


def _line_facts(line: PaymentLine | CreditLine) -> LineFacts:
    if isinstance(line, PaymentLine):
        return LineFacts("payment", line.payment_id, line.amount_minor, line.currency, None, None)
    return LineFacts("credit", None, None, None, line.account_id, line.credits)


def _client(record: ClientRecord, known: Known, changes: Changes) -> Change:
    facts = ClientFacts(record.name, record.email)
    before = known.clients.get(record.id)
    if before == facts:
        return Change.UNCHANGED
    known.clients[record.id] = changes.clients[record.id] = facts
    return Change.CREATED if before is None else Change.UPDATED


def _session(record: SessionRecord, known: Known, changes: Changes, business_zone: str) -> Change:
    facts = session_facts(record, business_zone)
    before = known.sessions.get(record.id)
    if before is None:
        known.sessions[record.id] = KnownSession(facts, None)
        changes.sessions[record.id] = facts
        return Change.CREATED
    if before.facts == facts:
        return Change.UNCHANGED
    # A cancelled one may be described anew, and stays cancelled.
    known.sessions[record.id] = KnownSession(facts, before.job_id)
    changes.sessions[record.id] = facts
    return Change.UPDATED


def _booking(record: BookingRecord, known: Known, changes: Changes) -> Outcome:
    facts = booking_facts(record)
    before = known.bookings.get(record.id)
    if before == facts:
        return Change.UNCHANGED
    into = known.sessions.get(facts.session_id)
    if into is None:
        return Unknown("/session_id", "session")
    if facts.client_id not in known.clients:
        return Unknown("/client_id", "client")
    if into.job_id is not None:
        return Frozen(facts.session_id, into.job_id)
    if before is not None:
        out_of = known.sessions[before.session_id]
        if out_of.job_id is not None:
            return Frozen(before.session_id, out_of.job_id)
    known.bookings[record.id] = facts
    if before is None or record.id in changes.new_bookings:
        changes.new_bookings[record.id] = facts
    else:
        changes.changed_bookings[record.id] = facts
    return Change.CREATED if before is None else Change.UPDATED
