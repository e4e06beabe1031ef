"""All that is held of one client, as pages of plain rows in the order of their keys.

Nothing here writes. Refunds are found job by job: only within a job is there an index by client.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.core.dialect import in_list
from app.db.tables import (
    bookings,
    choices,
    clients,
    job_overrides,
    jobs,
    payment_lines,
    refund_history,
    refunds,
    sessions,
)
from app.db.tables.messages import messages, suppressed_addresses
from app.db.tables.personal import former_contacts
from app.db.tables.webhooks import webhook_events
from app.domain.events import EventType
from app.domain.statuses import MessageKind

Rows = Sequence[Mapping[Any, Any]]
AT_ONCE: Final = 500
_EVENTS_AT_ONCE: Final = 5_000
_NIL: Final = "00000000-0000-0000-0000-000000000000"

_CLIENT: Final = (
    "id", "name", "email", "language", "wants_no_mail", "mail_stopped_at", "deleted_at",
    "erased_at",
)  # fmt: skip
_LINE: Final = ("method", "payment_id", "amount_minor", "currency", "account_id", "credits")
_OF_SESSION: Final = (
    "id", "name", "starts_at", "ends_at", "timezone", "location", "instructor", "status",
)  # fmt: skip
_REFUND: Final = (
    "id", "job_id", "session_id", "booking_id", "line_no", "leg", *_LINE, "returned_as",
    "kept_amount_minor", "kept_credits", "kept_by", "bonus_minor", "status", "upstream_reference",
    "failure_code", "failure_detail", "resolved_amount_minor", "settled_at",
)  # fmt: skip
_CHANGE: Final = ("status", "failure_code", "failure_detail", "recorded_at")
_MESSAGE: Final = (
    "id", "job_id", "edition", "status", "because", "recipient", "detail", "created_at", "sent_at",
    "facts",
)  # fmt: skip


async def client(
    conn: AsyncConnection, business_id: str, client_id: str
) -> Mapping[Any, Any] | None:
    """Their record, of deleted ones too; None: the business has never had one of this id."""
    query = sa.select(*(clients.c[name] for name in _CLIENT)).where(
        clients.c.business_id == business_id, clients.c.id == client_id
    )
    return (await conn.execute(query)).mappings().one_or_none()


async def former_contacts_of(conn: AsyncConnection, business_id: str, client_id: str) -> Rows:
    """What they were called, and their addresses, each until a change."""
    f = former_contacts.c
    query = sa.select(f.name, f.email, f.changed_at.label("until"))
    query = query.where(f.business_id == business_id, f.client_id == client_id)
    return (await conn.execute(query.order_by(f.changed_at))).mappings().all()


async def addresses(
    conn: AsyncConnection, business_id: str, client_id: str, job_ids: Sequence[str]
) -> set[str]:
    """Every address that is or was theirs, or was written to as theirs; in lower case."""
    mine = (clients.c.business_id == business_id, clients.c.id == client_id)
    sent = sa.select(messages.c.recipient).where(
        in_list(messages.c.job_id, job_ids), *messages_to(client_id)
    )
    found = {await conn.scalar(sa.select(clients.c.email).where(*mine))}
    found |= {row["email"] for row in await former_contacts_of(conn, business_id, client_id)}
    found |= set((await conn.execute(sent)).scalars())
    return {one.lower() for one in found if one}


async def suppressions(conn: AsyncConnection, business_id: str, theirs: set[str]) -> Rows:
    """Those of these addresses that nothing is sent to, why and since when."""
    s = suppressed_addresses.c
    query = sa.select(s.address, s.because, s.since)
    query = query.where(s.business_id == business_id, in_list(s.address, sorted(theirs)))
    return (await conn.execute(query.order_by(s.address))).mappings().all()


async def jobs_of(conn: AsyncConnection, business_id: str, client_id: str) -> list[str]:
    """Jobs that have a refund of theirs, the oldest first."""
    # As a value that is looked up for each job: a join may read all refunds of the business.
    one = (
        sa.select(refunds.c.id)
        .where(refunds.c.job_id == jobs.c.id, refunds.c.client_id == client_id)
        .limit(1)
        .correlate(jobs)
        .scalar_subquery()
    )
    query = sa.select(jobs.c.id).where(jobs.c.business_id == business_id, one.is_not(None))
    return list((await conn.execute(query.order_by(jobs.c.id))).scalars())


async def bookings_of(
    conn: AsyncConnection, business_id: str, client_id: str
) -> AsyncIterator[Rows]:
    """Their bookings with sessions and payment lines."""
    b, s = bookings.c, sessions.c
    query = (
        sa.select(b.id, b.status, *(s[name].label(f"session_{name}") for name in _OF_SESSION))
        .join(sessions, sa.and_(s.business_id == b.business_id, s.id == b.session_id))
        .where(b.business_id == business_id, b.client_id == client_id)
        .order_by(b.id)
        .limit(AT_ONCE)
    )
    after = ""
    while found := (await conn.execute(query.where(b.id > after))).mappings().all():
        lines = await _lines(conn, business_id, [row["id"] for row in found])
        yield [
            {
                "id": row["id"],
                "status": row["status"],
                "session": {name: row[f"session_{name}"] for name in _OF_SESSION},
                "payments": lines.get(row["id"], []),
            }
            for row in found
        ]
        after = found[-1]["id"]


async def _lines(
    conn: AsyncConnection, business_id: str, booking_ids: Sequence[str]
) -> dict[str, list[dict[str, Any]]]:
    p = payment_lines.c
    query = sa.select(p.booking_id, *(p[name] for name in _LINE)).where(
        p.business_id == business_id, in_list(p.booking_id, booking_ids)
    )
    return await _by_first(conn, query.order_by(p.booking_id, p.line_no))


async def refunds_of(
    conn: AsyncConnection, job_ids: Sequence[str], client_id: str
) -> AsyncIterator[Rows]:
    """Their refunds in these jobs, each with what became of it."""
    r = refunds.c
    for job_id in job_ids:
        query = sa.select(*(r[name] for name in _REFUND)).where(
            r.job_id == job_id, r.client_id == client_id
        )
        page = query.order_by(r.id).limit(AT_ONCE)
        found = (await conn.execute(page)).mappings().all()
        while found:
            changes = await _changes(conn, [row["id"] for row in found])
            yield [{**row, "history": changes.get(row["id"], [])} for row in found]
            found = (await conn.execute(page.where(r.id > found[-1]["id"]))).mappings().all()


async def _changes(
    conn: AsyncConnection, refund_ids: Sequence[str]
) -> dict[str, list[dict[str, Any]]]:
    h = refund_history.c
    query = sa.select(h.refund_id, *(h[name] for name in _CHANGE))
    query = query.where(in_list(h.refund_id, refund_ids)).order_by(h.refund_id, h.id)
    return await _by_first(conn, query)


async def _by_first(
    conn: AsyncConnection, query: sa.Select[Any]
) -> dict[str, list[dict[str, Any]]]:
    """Rows in their order, by their first column, which is left out of them."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in (await conn.execute(query)).mappings():
        (_, key), *rest = row.items()
        found.setdefault(key, []).append(dict(rest))
    return found


def messages_to(client_id: str) -> tuple[sa.ColumnElement[bool], ...]:
    """Whether a message of some job is to this client."""
    return (messages.c.kind == MessageKind.CLIENT, messages.c.addressee == client_id)


async def messages_of(
    conn: AsyncConnection, job_ids: Sequence[str], client_id: str
) -> AsyncIterator[Rows]:
    """What they were sent of these jobs, or will be, and what it says."""
    m = messages.c
    for job_id in job_ids:
        theirs = (m.job_id == job_id, *messages_to(client_id))
        query = sa.select(*(m[name] for name in _MESSAGE)).where(*theirs)
        if found := (await conn.execute(query.order_by(m.edition))).mappings().all():
            yield found


async def choices_of(
    conn: AsyncConnection, job_ids: Sequence[str], client_id: str
) -> AsyncIterator[Rows]:
    """In which form they chose to have something back."""
    c = choices.c
    for job_id in job_ids:
        query = sa.select(c.job_id, c.form, c.chosen_at)
        query = query.where(c.job_id == job_id, c.client_id == client_id)
        if found := (await conn.execute(query)).mappings().all():
            yield found


async def overrides_of(
    conn: AsyncConnection, job_ids: Sequence[str], client_id: str
) -> AsyncIterator[Rows]:
    """What a request said of single bookings of theirs, whatever the terms say."""
    o = job_overrides.c
    for job_id in job_ids:
        theirs = sa.select(refunds.c.booking_id).where(
            refunds.c.job_id == job_id, refunds.c.client_id == client_id
        )
        columns = (o.job_id, o.booking_id, o.line_no, o.action, o.amount_minor, o.return_as, o.note)
        query = sa.select(*columns).where(o.job_id == job_id, o.booking_id.in_(theirs))
        if found := (await conn.execute(query.order_by(o.booking_id, o.line_no))).mappings().all():
            yield found


class EventPage(NamedTuple):
    """Events of a business between two ids: as many as one statement may look through."""

    after: str
    until: str | None  # None: to the last

    def within(self, business_id: str) -> tuple[sa.ColumnElement[bool], ...]:
        """Whether an event is one of these."""
        e = webhook_events.c
        last = sa.true() if self.until is None else e.id <= self.until
        return (e.business_id == business_id, e.id > self.after, last)


async def event_pages(conn: AsyncConnection, business_id: str) -> AsyncIterator[EventPage]:
    """All events of a business."""
    e = webhook_events.c
    ids = sa.select(e.id).where(e.business_id == business_id).order_by(e.id)
    after: str | None = _NIL
    while after is not None:
        bound = ids.where(e.id > after).offset(_EVENTS_AT_ONCE - 1).limit(1)
        until = await conn.scalar(bound)
        yield EventPage(after, until)
        after = until


async def events_of(conn: AsyncConnection, business_id: str, client_id: str) -> AsyncIterator[Rows]:
    """What webhooks were told of them by name."""
    e = webhook_events.c
    async for page in event_pages(conn, business_id):
        query = sa.select(e.id, e.occurred_at, e.payload)
        query = query.where(*page.within(business_id), *are_about(client_id)).order_by(e.id)
        if found := (await conn.execute(query)).mappings().all():
            yield found


def are_about(client_id: str) -> tuple[sa.ColumnElement[bool], ...]:
    """Whether an event names this client: an id's alphabet is JSON's own, and is not escaped."""
    e = webhook_events.c
    says = e.payload.contains(f'"client_id":"{client_id}"', autoescape=True)
    return (e.type == EventType.CLIENT_SETTLED, says)
