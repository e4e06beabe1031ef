"""Messages that are due: whose, and claiming them.

A claim is a lease, as of deliveries: it raises the row's epoch and puts `due_at` to its end. The
first one freezes what the message says.
"""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.aside import aside
from app.db.core.dialect import clock, in_list, is_one_of, later, now
from app.db.core.due_keys import Backlog, backlog, keys_with_due
from app.db.messages import contacts, frozen_facts, of_businesses, told_facts
from app.db.messages.contacts import Contact
from app.db.messages.editions import concerns_its_client
from app.db.tables import businesses, jobs, refunds, sessions
from app.db.tables.messages import message_settings, messages
from app.domain.messages.facts import ToldFacts
from app.domain.messages.settings import MessageTerms, Sender
from app.domain.nouns.messages import OwnWords
from app.domain.statuses import MessageKind

_M: Final = messages.c
_IS_DUE: Final = sa.and_(_M.due_at.is_not(None), _M.due_at <= now())


@dataclass(frozen=True, slots=True)
class ClaimedMessage:
    """A message that is this worker's until its lease ends.

    `facts` are a `ToldFacts`' document, or a summary for staff. `told_before` is what the edition
    before told, where one went out.
    """

    id: str
    job_id: str
    kind: MessageKind
    addressee: str
    epoch: int
    tries: int
    composed_at: dt.datetime
    facts: Mapping[str, Any]
    told_before: ToldFacts | None
    contact: Contact
    terms: MessageTerms
    was_taken: bool = False  # what was said of it since shows that a relay has it

    @property
    def client_facts(self) -> ToldFacts:
        """Its facts, of a message to a client."""
        return ToldFacts.of(self.facts)


@dataclass(frozen=True, slots=True)
class ClaimedMessages:
    """What one claim got of a business's messages, and in whose name they go."""

    business_name: str
    sender: Sender
    claimed: Sequence[ClaimedMessage]
    own_words: Mapping[str, OwnWords] = field(default_factory=dict)  # by language
    revisions: Mapping[str, int] = field(default_factory=dict)  # of the sessions they speak of


_NOTHING: Final = ClaimedMessages("", Sender(), ())


async def due_businesses(conn: AsyncConnection) -> list[str]:
    """The businesses some of whose messages are due, the longest first."""
    first_due_at = (
        sa.select(_M.due_at)
        .where(_M.business_id == businesses.c.id, _M.due_at.is_not(None))
        .order_by(_M.due_at)
        .limit(1)
        .correlate(businesses)
        .scalar_subquery()
    )
    with_due = keys_with_due(_M.business_id, _M.due_at)
    query = (
        sa.select(businesses.c.id)
        .join(with_due, with_due.c.key == businesses.c.id)
        .where(now() >= first_due_at)
        .order_by(first_due_at)
    )
    return list((await conn.execute(query)).scalars())


async def count_due(conn: AsyncConnection) -> Backlog:
    """What is due of all businesses."""
    keys = keys_with_due(_M.business_id, _M.due_at)
    return await backlog(conn, keys, lambda key: _M.business_id == key, _M.due_at)


async def claim(
    conn: AsyncConnection, business_id: str, *, most: int, lease_seconds: float
) -> ClaimedMessages:
    """Take up to `most` that are due of this business, the longest due first.

    Those without facts get them now. Others get them after the lease.
    """
    due = (
        sa.select(_M.id)
        .where(_M.business_id == business_id, _IS_DUE)
        .order_by(_M.due_at, _M.id)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    taken = (
        sa.update(messages)
        .where(is_one_of(_M.id, due))
        .values(due_at=later(lease_seconds), epoch=_M.epoch + 1)
        .returning(*messages.c)
    )
    rows = [dict(row) for row in (await conn.execute(taken)).mappings()]
    rows = await frozen_facts.freeze(conn, sorted(rows, key=lambda row: row["id"]))
    if not rows:
        return _NOTHING
    terms = await _terms(conn, {row["job_id"] for row in rows})
    return await _of_business(conn, business_id, rows, terms)


async def as_if_claimed(
    conn: AsyncConnection, business_id: str, job_id: str, client_id: str | None
) -> ClaimedMessages | None:
    """What a client's first message would say now; None: the job has nobody of this id.

    `client_id` None: of the first client.
    """
    if client_id is None:
        first = sa.select(sa.func.min(refunds.c.client_id)).where(
            refunds.c.job_id == job_id, concerns_its_client()
        )
        client_id = await conn.scalar(first)
    facts = await told_facts.of_clients(conn, job_id, [client_id or ""])
    if client_id is None or client_id not in facts:
        return None
    terms = (await _terms(conn, {job_id}))[job_id]
    return await as_if_due(conn, business_id, job_id, client_id, facts[client_id], terms)


async def as_if_due(
    conn: AsyncConnection,
    business_id: str,
    job_id: str,
    client_id: str,
    facts: ToldFacts,
    terms: MessageTerms,
) -> ClaimedMessages:
    """A client's first message of these facts, as a claim of now would have it.

    Args:
        conn: only read from.
        business_id: whose client.
        job_id: whose message it would be; there may be no such job.
        client_id: whom it would tell.
        facts: what.
        terms: what the job says of messages.
    """
    row = {
        "id": job_id,
        "job_id": job_id,
        "kind": MessageKind.CLIENT,
        "addressee": client_id,
        "edition": 1,
        "epoch": 0,
        "tries": 0,
        "facts": await aside(len(facts.sessions), facts.document),
        "composed_at": await clock(conn),
    }
    return await _of_business(conn, business_id, [row], {job_id: terms})


async def _of_business(
    conn: AsyncConnection,
    business_id: str,
    rows: Sequence[dict[str, Any]],
    terms: Mapping[str, MessageTerms],
) -> ClaimedMessages:
    name, document = (await conn.execute(_sender_of(business_id))).one()
    claimed = await _claimed(conn, business_id, rows, terms)
    own_words = await of_businesses.templates(conn, business_id)
    return ClaimedMessages(
        business_name=name,
        sender=Sender.of(document or {}),
        claimed=claimed,
        own_words={one.language: one for one in own_words},
        revisions=await _revisions(conn, business_id, claimed),
    )


async def _revisions(
    conn: AsyncConnection, business_id: str, claimed: Sequence[ClaimedMessage]
) -> dict[str, int]:
    """As the calendars that clients follow have them."""
    ids = {
        one["session_id"]
        for message in claimed
        if message.kind is MessageKind.CLIENT
        for one in message.facts["sessions"]
    }
    query = sa.select(sessions.c.id, sessions.c.revision).where(
        sessions.c.business_id == business_id, in_list(sessions.c.id, ids)
    )
    return dict(map(tuple, (await conn.execute(query)).all())) if ids else {}


def _sender_of(business_id: str) -> sa.Select[Any]:
    return (
        sa.select(businesses.c.name, message_settings.c.document)
        .outerjoin(message_settings, message_settings.c.business_id == businesses.c.id)
        .where(businesses.c.id == business_id)
    )


async def _claimed(
    conn: AsyncConnection,
    business_id: str,
    rows: Sequence[dict[str, Any]],
    terms: Mapping[str, MessageTerms],
) -> list[ClaimedMessage]:
    before = await frozen_facts.told_before(conn, rows)
    known = await contacts.of_messages(conn, business_id, rows)
    return [
        ClaimedMessage(
            id=row["id"],
            job_id=row["job_id"],
            kind=(kind := MessageKind(row["kind"])),
            addressee=row["addressee"],
            epoch=row["epoch"],
            tries=row["tries"],
            composed_at=row["composed_at"],
            facts=row["facts"],
            told_before=ToldFacts.of(before[row["id"]])
            if kind is MessageKind.CLIENT and row["id"] in before
            else None,
            contact=known[row["id"]],
            terms=terms[row["job_id"]],
            # One that is sent again may be spoken of for its first time.
            was_taken=row.get("early_words") is not None and row["sent_at"] is None,
        )
        for row in rows
    ]


async def _terms(conn: AsyncConnection, job_ids: Collection[str]) -> dict[str, MessageTerms]:
    query = sa.select(jobs.c.id, jobs.c.messages).where(in_list(jobs.c.id, job_ids))
    return {
        job_id: MessageTerms.of(document or {})
        for job_id, document in (await conn.execute(query)).all()
    }
