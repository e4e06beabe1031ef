"""The schedule as values: a business, its sessions and bookings, and who books.

`…Facts` is what the platform says, `…Row` is what is kept of it, as it is read.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Final, NamedTuple

from app.domain.statuses import Method, RefundStatus, SessionStatus


@dataclass(frozen=True, slots=True)
class BusinessRow:
    """A tenant, as it is read.

    `timezone` (IANA) is the one its days are counted in, `currency` is ISO 4217.
    """

    id: str
    name: str
    timezone: str
    currency: str


class SessionFacts(NamedTuple):  # a tuple, because an import makes millions of them
    """What the platform says of a session."""

    name: str
    starts_at: dt.datetime
    ends_at: dt.datetime
    timezone: str
    location: str | None
    instructor: str | None
    capacity: int | None


@dataclass(frozen=True, slots=True)
class Cancellation:
    """Who cancelled a session, and whether its refunds are still under way."""

    job_id: str
    in_process: bool
    cancelled_at: dt.datetime
    reason: str | None


class SessionRow(NamedTuple):
    """A session as it is read."""

    id: str
    facts: SessionFacts
    status: SessionStatus
    cancellation: Cancellation | None
    revision: int  # how often what calendars show of it has changed: it only grows
    changed_at: dt.datetime | None  # None: written by a build that did not say


@dataclass(frozen=True, slots=True)
class SessionFilter:
    """Which sessions to read: those in a range that match every filter given.

    They start in [from_at, until_at).
    """

    from_at: dt.datetime
    until_at: dt.datetime
    status: SessionStatus | None = None
    location: str | None = None
    instructor: str | None = None
    name_part: str | None = None
    within: frozenset[str] | None = None  # locations that the reader is limited to


class LineFacts(NamedTuple):  # tuples, because an import makes millions of them
    """One payment line: money or credits, never both."""

    method: str
    payment_id: str | None
    amount_minor: int | None
    currency: str | None
    account_id: str | None
    credits: int | None


class BookingFacts(NamedTuple):
    """What the platform says of a booking."""

    session_id: str
    client_id: str
    status: str
    lines: tuple[LineFacts, ...]


@dataclass(frozen=True, slots=True)
class RefundRow:
    """What became of one payment line, or of a booking with nothing to return.

    The method is `none` in the latter case.
    """

    id: str
    job_id: str
    line_no: int
    method: Method
    payment_id: str | None
    amount_minor: int | None
    currency: str | None
    account_id: str | None
    credits: int | None
    kept_amount_minor: int
    kept_credits: int
    kept_by: str | None
    status: RefundStatus
    upstream_reference: str | None
    failure_code: str | None
    failure_detail: str | None
    resolved_amount_minor: int | None
    settled_at: dt.datetime | None
    leg: int
    returned_as: str
    bonus_minor: int


@dataclass(frozen=True, slots=True)
class BookingRow:
    """A booking as it is read."""

    id: str
    facts: BookingFacts
    refunds: tuple[RefundRow, ...]


class ClientFacts(NamedTuple):  # a tuple, because an import makes millions of them
    """What the platform says of a client."""

    name: str | None
    email: str | None
    language: str | None = None
    wants_no_mail: bool = False


class ClientRow(NamedTuple):
    """A client as they are read: the platform's word, and when they stopped their mail."""

    facts: ClientFacts
    mail_stopped_at: dt.datetime | None


BARE: Final = ClientFacts(None, None)  # of whom the platform has said the id only
