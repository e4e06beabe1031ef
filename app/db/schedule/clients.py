"""Clients: the people who book.

What a client was called is kept beside, for the audits of jobs that were accepted until then.
"""

from collections.abc import Collection, Mapping
from typing import Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.core.bulk_insert import insert_many
from app.db.core.dialect import clock, in_list
from app.db.core.driver import Connection, fetch
from app.db.tables import clients, jobs
from app.db.tables.personal import former_contacts
from app.domain.nouns.schedule import ClientFacts, ClientRow

_FACTS: Final = tuple(clients.c[name] for name in ClientFacts._fields)
_KNOWN: Final = sa.select(clients.c.id, *_FACTS).where(
    clients.c.business_id == sa.bindparam("of_business"), clients.c.deleted_at.is_(None)
)
_ONE: Final = _KNOWN.with_only_columns(*_FACTS, clients.c.mail_stopped_at).where(
    clients.c.id == sa.bindparam("of_id")
)


async def get(conn: Connection, business_id: str, client_id: str) -> ClientRow | None:
    """One client, or None when the business has no such id."""
    rows = await fetch(conn, _ONE, {"of_business": business_id, "of_id": client_id})
    if not rows:
        return None
    *facts, mail_stopped_at = rows[0].values()
    return ClientRow(ClientFacts(*facts), mail_stopped_at)


async def exists(conn: Connection, business_id: str, client_id: str) -> bool:
    """Whether the business has a client of this id."""
    return await get(conn, business_id, client_id) is not None


class KnownClients(NamedTuple):
    """Of some ids: the clients that the business has, and those who were erased."""

    facts: dict[str, ClientFacts]
    erased: frozenset[str]


async def of_ids(conn: AsyncConnection, business_id: str, ids: Collection[str]) -> KnownClients:
    """What is known of these ids.

    Until the transaction ends nobody deletes or erases any of them.
    """
    if not ids:
        return KnownClients({}, frozenset())
    c = clients.c
    gone, erased = c.deleted_at.is_not(None), c.erased_at.is_not(None)
    statement = (
        sa.select(gone, erased, c.id, *_FACTS)
        .where(c.business_id == business_id, in_list(c.id, ids))
        .order_by(c.id)
        .with_for_update(read=True, key_share=True)
    )
    rows = (await conn.execute(statement)).all()
    return KnownClients(
        {id_: ClientFacts(*facts) for is_gone, _, id_, *facts in rows if not is_gone},
        frozenset(id_ for _, is_erased, id_, *_ in rows if is_erased),
    )


async def revive(conn: AsyncConnection, business_id: str, ids: Collection[str]) -> None:
    """Bring back those of `ids` that were deleted, as they were."""
    await conn.execute(
        sa.update(clients)
        .where(
            clients.c.business_id == business_id,
            in_list(clients.c.id, ids),
            clients.c.deleted_at.is_not(None),
        )
        .values(deleted_at=None)
    )


async def create(
    conn: AsyncConnection, business_id: str, created: Mapping[str, ClientFacts]
) -> bool:
    """Insert clients; False when there was one already, which stays as it is."""
    rows = [(id_, *facts) for id_, facts in sorted(created.items())]
    columns = ("id", *ClientFacts._fields)
    return await insert_many(conn, clients, {"business_id": business_id}, columns, rows) == len(
        rows
    )


async def write(
    conn: AsyncConnection, business_id: str, changed: Mapping[str, ClientFacts]
) -> None:
    """Create or replace clients, deleted ones too."""
    await _keep_former(conn, business_id, changed)
    await insert_many(
        conn,
        clients,
        {"business_id": business_id, "deleted_at": None},
        ("id", *ClientFacts._fields),
        [(id_, *facts) for id_, facts in sorted(changed.items())],
        replacing=(*ClientFacts._fields, "deleted_at"),
    )


async def _keep_former(
    conn: AsyncConnection, business_id: str, changed: Mapping[str, ClientFacts]
) -> None:
    """Keep what those were called who are called otherwise now, where a job may name them."""
    if not changed:
        return
    c = clients.c
    has_jobs = sa.exists().where(jobs.c.business_id == business_id)
    query = (
        sa.select(c.id, c.name, c.email)
        .where(c.business_id == business_id, in_list(c.id, changed), has_jobs)
        .order_by(c.id)
        # Whoever changes one of them at once is waited for: theirs is what was before.
        .with_for_update(key_share=True, of=clients)
    )
    former = [
        (id_, name, email)
        for id_, name, email in await conn.execute(query)
        if (name, email) != changed[id_][:2]
    ]
    if former:
        constants = {"business_id": business_id, "changed_at": await clock(conn)}
        columns = ("client_id", "name", "email")
        await insert_many(conn, former_contacts, constants, columns, former)
