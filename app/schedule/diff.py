"""What a batch of records changes, record by record in their order.

Pure: it touches only the `CurrentRows` that it is given. A booking in a session that we cancelled
is frozen: the same again is unchanged, and so is an echo of the cancellation (the booking is said
to be cancelled where it is); anything else is refused. A session that the platform itself has
cancelled takes nobody in, but what becomes of those in it is the platform's to say.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from app.db.schedule.sessions import KnownSession
from app.domain.nouns.schedule import BARE, BookingFacts, ClientFacts, LineFacts, SessionFacts
from app.domain.statuses import COUNTED, BookingStatus, Method, SessionStatus
from app.schedule.records import (
    AnyRecord,
    BookingFields,
    BookingRecord,
    ClientRecord,
    CreditLine,
    PaymentLine,
    SessionRecord,
)


class RecordChange(StrEnum):
    """What a record did."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Unknown:
    """Refused: the record names a session that does not exist."""

    pointer: str
    what: str


@dataclass(frozen=True, slots=True)
class SessionIsCancelled:
    """Refused: the booking is in, or would go into, a cancelled session.

    It was cancelled by this job, or (None) by the platform itself.
    """

    session_id: str
    job_id: str | None


@dataclass(frozen=True, slots=True)
class WithBareClient:
    """Taken: a booking whose client is made with it.

    Nothing else is known of that client.
    """

    change: RecordChange


@dataclass(frozen=True, slots=True)
class Settled:
    """Refused: the booking was deleted after this job had settled it.

    It is not to be settled again.
    """

    job_id: str


@dataclass(frozen=True, slots=True)
class TooManyCredits:
    """Refused: these payment lines have more credits than the business's limit.

    They were not so before.
    """

    pointers: tuple[str, ...]
    limit: int

    @property
    def sentence(self) -> str:
        """What is wrong with each."""
        return (
            f"Must be less than or equal to {self.limit},"
            " the business's limit for the credits of a line."
        )


@dataclass(frozen=True, slots=True)
class ClientIsErased:
    """Refused: the record says who somebody is of whom nothing may be known any more."""


Outcome = (
    RecordChange
    | WithBareClient
    | Unknown
    | SessionIsCancelled
    | Settled
    | TooManyCredits
    | ClientIsErased
)


@dataclass(slots=True)
class CurrentRows:
    """The rows that a batch may touch or refer to, under its locks.

    `diff` keeps them up to date.
    """

    clients: dict[str, ClientFacts]
    sessions: dict[str, KnownSession]
    bookings: dict[str, BookingFacts]
    # Bookings that are gone, and the jobs that settled them.
    settled: Mapping[str, str] = field(default_factory=dict)
    credits_per_line: int = 0  # the business's limit
    erased: frozenset[str] = frozenset()  # clients
    unseen: frozenset[str] = frozenset()  # clients whom nobody has named for a day


@dataclass(slots=True)
class Changes:
    """What is to be written: the last state of each row that changed.

    Those that are new are apart where it matters.
    """

    clients: dict[str, ClientFacts] = field(default_factory=dict)
    sessions: dict[str, SessionFacts] = field(default_factory=dict)
    statuses: dict[str, SessionStatus] = field(default_factory=dict)
    new_bookings: dict[str, BookingFacts] = field(default_factory=dict)
    changed_bookings: dict[str, BookingFacts] = field(default_factory=dict)


def session_facts(fields: SessionRecord, business_zone: str) -> SessionFacts:
    """The facts of a session.

    It is held in the business's zone, and called by its id, where it names none.
    """
    return SessionFacts(
        fields.name or fields.id,
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


def diff(
    batch: Sequence[AnyRecord], current: CurrentRows, business_zone: str
) -> tuple[list[Outcome], Changes]:
    """The outcome of each record, and what is to be written for them all."""
    changes = Changes()
    outcomes: list[Outcome] = []
    for record in batch:
        if isinstance(record, BookingRecord):
            outcomes.append(_booking(record, current, changes))
        elif isinstance(record, ClientRecord):
            outcomes.append(_client(record, current, changes))
        else:
            outcomes.append(_session(record, current, changes, business_zone))
    return outcomes, changes


def _line_facts(line: PaymentLine | CreditLine) -> LineFacts:
    if isinstance(line, PaymentLine):
        return LineFacts(
            Method.PAYMENT, line.payment_id, line.amount_minor, line.currency, None, None
        )
    return LineFacts(Method.CREDIT, None, None, None, line.account_id, line.credits)


def client_facts(record: ClientRecord) -> ClientFacts:
    """What a record says of its client."""
    return ClientFacts(record.name, record.email, record.language, record.wants_no_mail)


def _client(record: ClientRecord, current: CurrentRows, changes: Changes) -> Outcome:
    facts = client_facts(record)
    if record.id in current.erased:
        return RecordChange.UNCHANGED if facts[:2] == BARE[:2] else ClientIsErased()
    before = current.clients.get(record.id)
    if before == facts:
        return RecordChange.UNCHANGED
    current.clients[record.id] = changes.clients[record.id] = facts
    return RecordChange.CREATED if before is None else RecordChange.UPDATED


def _session(
    record: SessionRecord, current: CurrentRows, changes: Changes, business_zone: str
) -> RecordChange:
    facts = session_facts(record, business_zone)
    before = current.sessions.get(record.id)
    # One that a job has cancelled may be described anew, and stays cancelled: `cancelled` is then
    # our own echo.
    status = (
        SessionStatus.CANCELLED
        if before is not None and before.job_id is not None
        else record.status
    )
    after = KnownSession(facts, status, None if before is None else before.job_id)
    if before == after:
        return RecordChange.UNCHANGED
    current.sessions[record.id] = after
    changes.sessions[record.id] = facts
    status_before = SessionStatus.SCHEDULED if before is None else before.status
    if status != status_before or record.id in changes.statuses:
        changes.statuses[record.id] = status
    return RecordChange.CREATED if before is None else RecordChange.UPDATED


def _booking(record: BookingRecord, current: CurrentRows, changes: Changes) -> Outcome:
    facts = booking_facts(record)
    before = current.bookings.get(record.id)
    if before == facts:
        return RecordChange.UNCHANGED
    into = current.sessions.get(facts.session_id)
    if into is None:
        return Unknown("/session_id", "session")
    if into.job_id is not None and before is not None and _echoes(before, facts):
        return RecordChange.UNCHANGED
    if before is None and record.id in current.settled:
        return Settled(current.settled[record.id])
    refused = _frozen(before, facts, current) or _too_many_credits(
        before, facts, current.credits_per_line
    )
    if refused is not None:
        return refused
    current.bookings[record.id] = facts
    if before is None or record.id in changes.new_bookings:
        changes.new_bookings[record.id] = facts
    else:
        changes.changed_bookings[record.id] = facts
    change = RecordChange.CREATED if before is None else RecordChange.UPDATED
    if facts.client_id in current.clients:
        return change
    current.clients[facts.client_id] = changes.clients[facts.client_id] = BARE
    return WithBareClient(change)


def _echoes(before: BookingFacts, facts: BookingFacts) -> bool:
    """Whether the platform says only that the booking is cancelled where it is.

    Its lines may be gone.
    """
    return facts.status == BookingStatus.CANCELLED and facts[:2] == before[:2]


def _too_many_credits(
    before: BookingFacts | None, facts: BookingFacts, limit: int
) -> TooManyCredits | None:
    """What is over the business's limit, and did not stand before.

    Lines that stand already are no matter: the booking can still be moved, and said to be
    cancelled.
    """
    standing = () if before is None else before.lines
    places = [
        place
        for place, line in enumerate(facts.lines)
        if (line.credits or 0) > limit and facts.lines.count(line) > standing.count(line)
    ]
    if not places:
        return None
    return TooManyCredits(tuple(f"/payments/{place}/credits" for place in places), limit)


def _frozen(
    before: BookingFacts | None, facts: BookingFacts, current: CurrentRows
) -> SessionIsCancelled | None:
    into = current.sessions[facts.session_id]
    if into.job_id is not None:
        return SessionIsCancelled(facts.session_id, into.job_id)
    if before is not None and (job_id := current.sessions[before.session_id].job_id) is not None:
        return SessionIsCancelled(before.session_id, job_id)
    stays = (
        before is not None and before.session_id == facts.session_id and before.status in COUNTED
    )
    if into.status == SessionStatus.CANCELLED and facts.status in COUNTED and not stays:
        return SessionIsCancelled(facts.session_id, None)
    return None
