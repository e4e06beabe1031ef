"""Clients whom nobody needs any more: looked for page by page, and forgotten but for their ids.

A business's clients are walked through in the order of their ids, once a day. The walk's row is
locked for a page, so that no two workers have the same one.
"""

from collections.abc import Collection, Sequence
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.core.dialect import in_list, insert, later, now
from app.db.privacy.retentions import since_days
from app.db.tables import bookings, clients, job_sessions, jobs, refunds, sessions
from app.db.tables.personal import former_contacts, retention_walks
from app.domain.statuses import IN_PROCESS, SessionOutcome

_B: Final = bookings.c
_C: Final = clients.c
_J: Final = jobs.c
_S: Final = sessions.c
_W: Final = retention_walks.c
_AT_ONCE: Final = 200
_WALK_SECONDS: Final = 86_400
_IS_KNOWN: Final = sa.or_(*(_C[name].is_not(None) for name in ("name", "email", "language")))


class Page(NamedTuple):
    """Clients of the business in the order of their ids; `last`: of the page, None: of all."""

    old: Sequence[str]
    last: str | None


async def begin(conn: AsyncConnection, business_id: str) -> tuple[bool, str | None]:
    """Whether a walk is due or under way, and after whom it goes on; locked until the end."""
    new = insert(conn, retention_walks).values(business_id=business_id)
    await conn.execute(new.on_conflict_do_nothing())
    due = sa.or_(_W.ended_at.is_(None), _W.ended_at < later(-_WALK_SECONDS))
    query = sa.select(due, _W.after_client).where(_W.business_id == business_id)
    is_due, after = (await conn.execute(query.with_for_update())).one()
    return bool(is_due), after


async def go_on(conn: AsyncConnection, business_id: str, last: str | None) -> None:
    """Have the walk go on after this client; None: it has ended, and the next begins anew."""
    moved = sa.update(retention_walks).where(_W.business_id == business_id)
    ended = moved.values(after_client=None, ended_at=now())
    await conn.execute(ended if last is None else moved.values(after_client=last, ended_at=None))


async def begin_anew(conn: AsyncConnection, business_id: str) -> None:
    """Have the next walk begin at once, with the first client: something else was set."""
    anew = sa.update(retention_walks).where(_W.business_id == business_id)
    await conn.execute(anew.values(after_client=None, ended_at=None))


async def page(conn: AsyncConnection, business_id: str, days: int, after: str | None) -> Page:
    """A page of clients, and those of it who can be forgotten, locked.

    Of whom it is not known when they were last named, that is now. Whom another transaction has in
    hand is left to the next walk.
    """
    of_business = _C.business_id == business_id
    query = sa.select(_C.id).where(of_business).order_by(_C.id).limit(_AT_ONCE)
    if after is not None:
        query = query.where(_C.id > after)
    ids = (await conn.execute(query)).scalars().all()
    of_page = sa.and_(of_business, in_list(_C.id, ids), _IS_KNOWN)
    unknown = sa.update(clients).where(of_page, _C.seen_at.is_(None))
    await conn.execute(unknown.values(seen_at=now()))
    since = await since_days(conn, days)
    locked = sa.select(_C.id).where(of_page, _C.seen_at < since).order_by(_C.id)
    unseen = (await conn.execute(locked.with_for_update(skip_locked=True))).scalars().all()
    old: Sequence[str] = ()
    if unseen:
        needless = sa.and_(*(found.is_(None) for found in _needs(since)))
        chosen = sa.select(_C.id).where(of_business, in_list(_C.id, unseen), needless)
        old = (await conn.execute(chosen.order_by(_C.id))).scalars().all()
    return Page(old, ids[-1] if len(ids) == _AT_ONCE else None)


def _needs(since: Any) -> tuple[sa.ScalarSelect[Any], ...]:
    """What still needs to know who a client is, each by one row of it.

    Values that are looked up for each client: a join may read all rows of the business.
    """
    theirs = sa.and_(_B.business_id == _C.business_id, _B.client_id == _C.id)
    booked = bookings.join(
        sessions, sa.and_(_S.business_id == _B.business_id, _S.id == _B.session_id)
    )
    of_late = sa.select(_B.id).select_from(booked).where(theirs, _S.ends_at >= since)
    chosen = bookings.join(
        job_sessions,
        sa.and_(
            job_sessions.c.business_id == _B.business_id,
            job_sessions.c.session_id == _B.session_id,
            job_sessions.c.outcome == SessionOutcome.ACCEPTED.value,
            job_sessions.c.released_at.is_(None),
        ),
    ).join(jobs, _J.id == job_sessions.c.job_id)
    in_process = sa.select(_B.id).select_from(chosen).where(theirs, _J.status.in_(IN_PROCESS))
    refunded = sa.select(refunds.c.id).where(
        refunds.c.job_id == _J.id, refunds.c.client_id == _C.id
    )
    named = sa.select(_J.id).where(
        _J.business_id == _C.business_id,
        _J.forgotten_at.is_(None),
        refunded.limit(1).correlate(jobs, clients).scalar_subquery().is_not(None),
    )
    each = (of_late, in_process, named)
    return tuple(one.limit(1).correlate(clients).scalar_subquery() for one in each)


async def addresses_of(conn: AsyncConnection, business_id: str, ids: Collection[str]) -> set[str]:
    """Every address that is or was one of theirs, in lower case."""
    f = former_contacts.c
    now_theirs = sa.select(_C.email).where(_C.business_id == business_id, in_list(_C.id, ids))
    once = sa.select(f.email).where(f.business_id == business_id, in_list(f.client_id, ids))
    found = (await conn.execute(sa.union(now_theirs, once))).scalars()
    return {one.lower() for one in found if one}


async def forget(conn: AsyncConnection, business_id: str, ids: Collection[str]) -> None:
    """Take out of the locked clients' rows who they are, and what they were called.

    Whoever comes back in an import is known again.
    """
    nothing = sa.update(clients).where(_C.business_id == business_id, in_list(_C.id, ids))
    await conn.execute(nothing.values(name=None, email=None, language=None))
    f = former_contacts.c
    former = sa.delete(former_contacts).where(f.business_id == business_id)
    await conn.execute(former.where(in_list(f.client_id, ids)))
