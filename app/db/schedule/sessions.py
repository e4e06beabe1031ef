"""Class sessions, locked in id order and written.

What a job has cancelled, nothing here makes live. A booking is written only while its session is
share-locked; a cancellation takes the same rows for update. So a booking either is seen by the
cancellation or sees it.
"""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.core import changes
from app.db.core.bulk_insert import New, insert_many
from app.db.core.dialect import in_list, now
from app.db.tables import sessions
from app.domain.nouns.schedule import SessionFacts
from app.domain.statuses import SessionStatus
from app.domain.texts.display_text import searchable


class KnownSession(NamedTuple):
    """A session with its status and the job that cancelled it.

    One cancelled by none was cancelled by the platform itself.
    """

    facts: SessionFacts
    status: str
    job_id: str | None


# With the status: what makes a new revision of an event.
_IN_CALENDARS = ("name", "starts_at", "ends_at", "location")
FACTS = tuple(sessions.c[name] for name in SessionFacts._fields)


async def lock(
    conn: AsyncConnection, business_id: str, ids: Collection[str], *, to_write: bool
) -> dict[str, KnownSession]:
    """Those of `ids` that exist, locked in id order until the transaction ends.

    They are given as they are under the lock. `to_write` locks them for a change of the sessions
    themselves, else they are shared with other writers of bookings. SQLite has no row locks and
    needs none: its writers come one at a time.
    """
    if not ids:
        return {}
    statement = (
        sa.select(sessions.c.id, *FACTS, sessions.c.status, sessions.c.job_id)
        .where(sessions.c.business_id == business_id, in_list(sessions.c.id, ids))
        .order_by(sessions.c.id)
        .with_for_update(read=not to_write, key_share=to_write)
    )
    rows = await conn.execute(statement)
    return {
        id_: KnownSession(SessionFacts(*facts), status, job_id)
        for id_, *facts, status, job_id in rows
    }


async def any_has_a_job(conn: AsyncConnection, business_id: str, ids: Collection[str]) -> bool:
    """Whether one of these was cancelled here."""
    if not ids:
        return False
    held = sa.exists().where(
        sessions.c.business_id == business_id,
        in_list(sessions.c.id, sorted(ids)),
        sessions.c.job_id.is_not(None),
    )
    return bool((await conn.execute(sa.select(held))).scalar_one())


async def write(
    conn: AsyncConnection, business_id: str, changed: Mapping[str, SessionFacts]
) -> None:
    """Create or describe anew; the status of one that exists is not touched."""
    changes.note_schedule(business_id)
    columns = (*SessionFacts._fields, "search_text")
    await insert_many(
        conn,
        sessions,
        {"business_id": business_id, "status": SessionStatus.SCHEDULED},
        ("id", *columns),
        [(id_, *facts, searchable(facts.name)) for id_, facts in sorted(changed.items())],
        replacing=columns,
        also=_revised,
    )


def _revised(new: New) -> dict[str, sa.ColumnElement[Any]]:
    """What follows a session's description: a revision more where it is one for calendars, too."""
    seen = sa.or_(*(sessions.c[name].is_distinct_from(new[name]) for name in _IN_CALENDARS))
    return {"revision": sessions.c.revision + sa.case((seen, 1), else_=0), "changed_at": now()}


async def take_status(
    conn: AsyncConnection, business_id: str, statuses: Mapping[str, SessionStatus]
) -> None:
    """Cancel or schedule sessions as the platform says.

    They are locked by `lock`, or new. Those that a job has stay as they are.
    """
    changes.note_schedule(business_id)
    for status in SessionStatus:
        ids = [id_ for id_, said in statuses.items() if said is status]
        if ids:
            await conn.execute(
                sa.update(sessions)
                .where(
                    sessions.c.business_id == business_id,
                    in_list(sessions.c.id, ids),
                    sessions.c.job_id.is_(None),
                    sessions.c.status != status,
                )
                .values(
                    status=status,
                    cancelled_at=now() if status is SessionStatus.CANCELLED else None,
                    revision=sessions.c.revision + 1,
                    changed_at=now(),
                )
            )
