"""Taking out of the rows who a client was: ids, amounts and states stay.

Each function is a part of it, short enough for one transaction; done again it changes nothing.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import orjson
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.core.dialect import in_list, now
from app.db.core.refund_ranges import in_sessions
from app.db.privacy.held import AT_ONCE, EventPage, are_about, messages_to
from app.db.refunds.outstanding import IS_A_PERSONS, IS_UNDER_WAY
from app.db.tables import (
    bookings,
    clients,
    job_overrides,
    jobs,
    refund_history,
    refunds,
    sessions,
)
from app.db.tables.messages import messages
from app.db.tables.personal import former_contacts
from app.db.tables.webhooks import webhook_attempts, webhook_events
from app.domain.messages.facts import ToldFacts
from app.domain.nouns.privacy import InProcess
from app.domain.refund_ids import LAST
from app.domain.statuses import IN_PROCESS, WITHDRAWN_LINE, MessageStatus

_NOTHING_TOLD: Final = ToldFacts((), is_final=True).document()
_R: Final = refunds.c
_M: Final = messages.c


async def lock(conn: AsyncConnection, business_id: str, client_id: str) -> bool:
    """Whether the business has ever had this client, locked until the transaction ends.

    Whoever writes of them is waited for, and waits.
    """
    query = sa.select(clients.c.id).where(*_client(business_id, client_id))
    return (await conn.execute(query.with_for_update())).first() is not None


async def in_process(
    conn: AsyncConnection, business_id: str, client_id: str, job_ids: list[str]
) -> InProcess:
    """What could not be brought to an end without knowing who they are."""
    theirs = sa.and_(in_list(_R.job_id, job_ids), _R.client_id == client_id)
    counted = sa.select(
        sa.func.count().filter(IS_UNDER_WAY), sa.func.count().filter(IS_A_PERSONS)
    ).where(theirs)
    under_way, for_a_person = (await conn.execute(counted)).one()
    unwritten = (
        sa.select(sa.func.count())
        .select_from(bookings)
        .join(
            sessions,
            sa.and_(
                sessions.c.business_id == bookings.c.business_id,
                sessions.c.id == bookings.c.session_id,
            ),
        )
        .join(jobs, jobs.c.id == sessions.c.job_id)
        .where(
            bookings.c.business_id == business_id,
            bookings.c.client_id == client_id,
            jobs.c.status.in_(IN_PROCESS),
            jobs.c.expanded_sessions < jobs.c.accepted_sessions,
        )
    )
    pending = sa.select(sa.func.count()).where(
        in_list(_M.job_id, job_ids),
        *messages_to(client_id),
        _M.status == MessageStatus.PENDING,
    )
    return InProcess(
        under_way + (await conn.execute(unwritten)).scalar_one(),
        for_a_person,
        (await conn.execute(pending)).scalar_one(),
    )


async def erase_record(conn: AsyncConnection, business_id: str, client_id: str) -> int:
    """Erase the locked client's own row and what they were called; how many former contacts."""
    erased = sa.update(clients).where(*_client(business_id, client_id))
    at = sa.func.coalesce(clients.c.erased_at, now())
    await conn.execute(erased.values(name=None, email=None, language=None, erased_at=at))
    former = sa.delete(former_contacts).where(
        former_contacts.c.business_id == business_id, former_contacts.c.client_id == client_id
    )
    return (await conn.execute(former)).rowcount


async def others_have(
    conn: AsyncConnection, business_id: str, client_id: str | None, addresses: set[str]
) -> set[str]:
    """Those of these addresses (in lower case) that are another client's of the business, too.

    None: any client's.
    """
    if not addresses:
        return set()
    email = sa.func.lower(clients.c.email)
    query = sa.select(email).where(
        clients.c.business_id == business_id,
        clients.c.id.is_distinct_from(client_id),
        in_list(email, sorted(addresses)),
    )
    return set((await conn.execute(query)).scalars())


class Page(NamedTuple):
    """How many texts were removed, and the refund to go on after; None: those were the last."""

    removed: int
    last: str | None


async def erase_texts(
    conn: AsyncConnection, job_id: str, client_id: str | None, *, after: str | None
) -> Page:
    """Remove what was written of a page of refunds of this job: of a client's, or (None) of all."""
    query = sa.select(_R.id, _R.booking_id).where(_R.job_id == job_id)
    if client_id is None:
        query = query.where(in_sessions(_R.id, job_id, range(LAST)))
    else:
        query = query.where(_R.client_id == client_id)
    if after is not None:
        query = query.where(_R.id > after)
    rows = (await conn.execute(query.order_by(_R.id).limit(AT_ONCE))).all()
    if not rows:
        return Page(0, None)
    ids = [row.id for row in rows]
    changes: tuple[sa.Update, ...] = (
        sa.update(refunds)
        .where(
            in_list(_R.id, ids),
            _R.failure_detail.is_not(None),
            # There it is a word of a list: why nothing was to come back.
            sa.func.coalesce(_R.failure_code, "") != WITHDRAWN_LINE,
        )
        .values(failure_detail=None),
        sa.update(refund_history)
        .where(
            in_list(refund_history.c.refund_id, ids), refund_history.c.failure_detail.is_not(None)
        )
        .values(failure_detail=None),
        sa.update(job_overrides)
        .where(
            job_overrides.c.job_id == job_id,
            in_list(job_overrides.c.booking_id, {row.booking_id for row in rows}),
            job_overrides.c.note != "",
        )
        .values(note=""),
    )
    removed = 0
    for change in changes:
        removed += (await conn.execute(change)).rowcount
    return Page(removed, ids[-1] if len(ids) == AT_ONCE else None)


def without_personal_facts(facts: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """What a message says, with nothing in it; None: it was never begun."""
    return None if facts is None else _NOTHING_TOLD


async def erase_messages(conn: AsyncConnection, job_id: str, client_id: str) -> int:
    """Remove from messages of this job what they say and where they went; how many.

    One that is still to be sent keeps what it says, and is written to no address.
    """
    columns = (_M.id, _M.facts, _M.recipient, _M.detail, _M.early_words)
    query = sa.select(*columns).where(
        _M.job_id == job_id, *messages_to(client_id), _M.status != MessageStatus.PENDING
    )
    erased = 0
    for id_, facts, *others in (await conn.execute(query.with_for_update())).all():
        nothing = without_personal_facts(facts)
        if facts == nothing and others == [None, None, None]:
            continue
        values = {"facts": nothing, "recipient": None, "detail": None, "early_words": None}
        await conn.execute(sa.update(messages).where(_M.id == id_).values(values))
        erased += 1
    return erased


async def erase_events(
    conn: AsyncConnection, page: EventPage, business_id: str, client_id: str
) -> int:
    """Take their name out of events between two ids, and out of what endpoints said back."""
    e = webhook_events.c
    query = sa.select(e.id, e.payload).where(*page.within(business_id), *are_about(client_id))
    named = 0
    for event_id, payload in (await conn.execute(query)).all():
        document = orjson.loads(payload)
        if document["data"]["client_name"] is not None:
            document["data"]["client_name"] = None
            nameless = orjson.dumps(document).decode()
            await conn.execute(
                sa.update(webhook_events).where(e.id == event_id).values(payload=nameless)
            )
            named += 1
        said = sa.update(webhook_attempts).where(webhook_attempts.c.event_id == event_id)
        await conn.execute(said.values(response=None))
    return named


def _client(business_id: str, client_id: str) -> tuple[sa.ColumnElement[bool], ...]:
    return (clients.c.business_id == business_id, clients.c.id == client_id)
