"""Erasures as rows: who is erased, and how far a worker has come.

A claim puts `due_at` to the end of a lease. What an erasure does again changes nothing more, so two
workers that have one do no harm.
"""

from collections.abc import Mapping
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.core.dialect import insert, later, now
from app.db.tables.personal import client_erasures
from app.domain.nouns.privacy import Erasure

_E: Final = client_erasures.c
_COLUMNS: Final = tuple(_E[name] for name in Erasure._fields)
LEASE_SECONDS: Final = 60.0


def _row(business_id: str, client_id: str) -> sa.ColumnElement[bool]:
    return sa.and_(_E.business_id == business_id, _E.client_id == client_id)


async def get(conn: AsyncConnection, business_id: str, client_id: str) -> Erasure | None:
    """The erasure of this client; None: nobody has asked for it."""
    query = sa.select(*_COLUMNS).where(_row(business_id, client_id))
    row = (await conn.execute(query)).one_or_none()
    return None if row is None else Erasure._make(row)


async def begin(
    conn: AsyncConnection,
    business_id: str,
    client_id: str,
    *,
    requested_by: str,
    counts: Mapping[str, int],
) -> None:
    """Have a worker go through all that names the client, from the first job on."""
    new: dict[str, Any] = {
        "requested_by": requested_by,
        "requested_at": now(),
        "due_at": now(),
        "finished_at": None,
        "after_job": None,
        "counts": dict(counts),
    }
    key = {"business_id": business_id, "client_id": client_id}
    statement = insert(conn, client_erasures).values(**key, **new)
    await conn.execute(statement.on_conflict_do_update(index_elements=list(key), set_=new))


async def claim(conn: AsyncConnection) -> Erasure | None:
    """Take the one that is due the longest, for the time of a lease; None: none is."""
    due = (
        sa.select(_E.business_id, _E.client_id)
        .where(_E.due_at.is_not(None), _E.due_at <= now())
        .order_by(_E.due_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    row = (await conn.execute(due)).one_or_none()
    if row is None:
        return None
    await _put(conn, *row, due_at=later(LEASE_SECONDS))
    return await get(conn, *row)


async def record(
    conn: AsyncConnection, erasure: Erasure, counts: Mapping[str, int], *, after_job: str | None
) -> None:
    """Write down how far it has come, in the transaction that did; its lease begins anew."""
    it = (erasure.business_id, erasure.client_id)
    due = later(LEASE_SECONDS)
    await _put(conn, *it, counts=dict(counts), after_job=after_job, due_at=due)


async def finish(conn: AsyncConnection, erasure: Erasure) -> None:
    """All is done."""
    it = (erasure.business_id, erasure.client_id)
    await _put(conn, *it, due_at=None, finished_at=now())


async def give_back(conn: AsyncConnection, erasure: Erasure) -> None:
    """Let another worker go on at once."""
    await _put(conn, erasure.business_id, erasure.client_id, due_at=now())


async def _put(conn: AsyncConnection, business_id: str, client_id: str, **values: Any) -> None:
    unfinished = sa.and_(_row(business_id, client_id), _E.due_at.is_not(None))
    await conn.execute(sa.update(client_erasures).where(unfinished).values(**values))
