"""For how long businesses keep things: every version that was set, and what is due by the last."""

import datetime as dt
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.core.dialect import clock, insert
from app.db.core.versions import Versions
from app.db.privacy.erasing import without_personal_facts
from app.db.privacy.held import AT_ONCE
from app.db.refunds.outstanding import IS_A_PERSONS
from app.db.tables import jobs, refunds
from app.db.tables.messages import messages
from app.db.tables.personal import former_contacts, retention_counts, retention_settings
from app.domain.nouns.privacy import CarriedOut
from app.domain.retention import Retention
from app.domain.statuses import MessageKind, MessageStatus

_T: Final = retention_settings.c
_J: Final = jobs.c
_M: Final = messages.c
_C: Final = retention_counts.c
versions: Final = Versions(retention_settings)


async def of_all(conn: AsyncConnection) -> list[tuple[str, Retention]]:
    """What is in force of each business that has ever set it, in the order of their ids."""
    later = retention_settings.alias("later")
    newest = ~sa.exists().where(later.c.business_id == _T.business_id, later.c.version > _T.version)
    query = sa.select(_T.business_id, _T.document).where(newest).order_by(_T.business_id)
    return [(id_, Retention.of(document)) for id_, document in await conn.execute(query)]


async def due_job(conn: AsyncConnection, business_id: str, days: int) -> str | None:
    """A job that has ended so long ago, and still says who its clients are; None: there is none.

    One with a refund that waits for a person is left: whoever looks after it needs to know whose
    it is.
    """
    waits = sa.exists().where(refunds.c.job_id == _J.id, IS_A_PERSONS).correlate(jobs)
    pending = (
        sa.exists().where(_M.job_id == _J.id, _M.status == MessageStatus.PENDING).correlate(jobs)
    )
    query = (
        sa.select(_J.id)
        .where(
            _J.business_id == business_id,
            _J.forgotten_at.is_(None),
            _J.due_at.is_(None),
            _J.finished_at < await since_days(conn, days),
            ~waits,
            ~pending,
        )
        .order_by(_J.finished_at)
        .limit(1)
    )
    found: str | None = await conn.scalar(query)
    return found


async def forget_names(conn: AsyncConnection, business_id: str, job_id: str) -> bool:
    """Have the job name nobody, and forget what clients were called that no other job needs.

    False: another worker has done it.
    """
    forgotten = sa.update(jobs).where(_J.id == job_id, _J.forgotten_at.is_(None))
    done = await conn.execute(forgotten.values(forgotten_at=await clock(conn)))
    if not done.rowcount:
        return False
    accepted_at = sa.func.coalesce(_J.approved_at, _J.requested_at)
    oldest = (
        sa.select(accepted_at)
        .where(_J.business_id == business_id, _J.forgotten_at.is_(None))
        .order_by(accepted_at)
        .limit(1)
    )
    first = await conn.scalar(oldest)
    needless = sa.delete(former_contacts).where(former_contacts.c.business_id == business_id)
    if first is not None:
        needless = needless.where(former_contacts.c.changed_at <= first)
    await conn.execute(needless)
    return True


def _of_clients_at_rest() -> sa.Select[Any]:
    return (
        sa.select(_M.id, _M.facts)
        .where(
            _M.kind == MessageKind.CLIENT,
            _M.forgotten_at.is_(None),
            _M.status != MessageStatus.PENDING,
        )
        .order_by(_M.created_at)
        .limit(AT_ONCE)
        .with_for_update(skip_locked=True)
    )


async def forget_messages(conn: AsyncConnection, business_id: str, days: int) -> int:
    """Remove what some messages that were made so long ago say, and where they went; how many."""
    since = await since_days(conn, days)
    query = _of_clients_at_rest().where(_M.business_id == business_id, _M.created_at < since)
    return await _forget_messages(conn, query)


async def forget_messages_of(conn: AsyncConnection, job_id: str) -> int:
    """As `forget_messages`, of some of one job."""
    return await _forget_messages(conn, _of_clients_at_rest().where(_M.job_id == job_id))


async def _forget_messages(conn: AsyncConnection, query: sa.Select[Any]) -> int:
    rows = (await conn.execute(query)).all()
    at = await clock(conn)
    for id_, facts in rows:
        nothing = {"recipient": None, "detail": None, "early_words": None, "forgotten_at": at}
        values = {**nothing, "facts": without_personal_facts(facts)}
        await conn.execute(sa.update(messages).where(_M.id == id_).values(values))
    return len(rows)


async def since_days(conn: AsyncConnection, days: int) -> dt.datetime:
    """The instant so many days ago, by the database's clock."""
    return await clock(conn) - dt.timedelta(days=days)


async def carried_out(conn: AsyncConnection, business_id: str) -> CarriedOut:
    """What was removed of the business so far."""
    query = sa.select(*(_C[name] for name in CarriedOut._fields)).where(
        _C.business_id == business_id
    )
    row = (await conn.execute(query)).one_or_none()
    return CarriedOut() if row is None else CarriedOut._make(row)


async def count(
    conn: AsyncConnection, business_id: str, *, jobs: int = 0, messages: int = 0, clients: int = 0
) -> None:
    """Add to what was removed, in the transaction that removes it."""
    at = await clock(conn)
    removed = {"jobs": jobs, "messages": messages, "clients": clients}
    new = insert(conn, retention_counts).values(business_id=business_id, at=at, **removed)
    more = {"at": at, **{name: _C[name] + count for name, count in removed.items()}}
    await conn.execute(new.on_conflict_do_update(index_elements=["business_id"], set_=more))
