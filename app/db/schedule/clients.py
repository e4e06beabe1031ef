"""Clients: the people who book.

What a client was called is kept beside, for the audits of jobs that were accepted until then.
"""

from collections.abc import Collection, Mapping
from typing import Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.core.bulk_insert import insert_many
from app.db.core.dialect import clock, in_list, is_one_of, later, now
from app.db.core.driver import Connection, fetch
from app.db.tables import clients, jobs
from app.db.tables.personal import former_contacts
from app.domain.nouns.schedule import ClientFacts, ClientRow

_SEEN_SECONDS: Final = 86_400  # `seen_at` is written again after so long, not by each import
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
    """Of some ids: the clients that the business has, those who were erased, and who is unseen.

    Those have not been named for a day.
    """

    facts: dict[str, ClientFacts]
    erased: frozenset[str]
    unseen: frozenset[str]


async def of_ids(conn: AsyncConnection, business_id: str, ids: Collection[str]) -> KnownClients:
    """What is known of these ids.

    Until the transaction ends nobody deletes or erases any of them.
    """
    if not ids:
        return KnownClients({}, frozenset(), frozenset())
    c = clients.c
    gone, erased = c.deleted_at.is_not(None), c.erased_at.is_not(None)
    unseen = sa.and_(~erased, _is_unseen())
    statement = (
        sa.select(gone, erased, unseen, c.id, *_FACTS)
        .where(c.business_id == business_id, in_list(c.id, ids))
        .order_by(c.id)
        .with_for_update(read=True, key_share=True)
    )
    rows = (await conn.execute(statement)).all()
    return KnownClients(
        {id_: ClientFacts(*facts) for is_gone, _, _, id_, *facts in rows if not is_gone},
        frozenset(id_ for _, is_erased, _, id_, *_ in rows if is_erased),
        frozenset(id_ for _, _, is_unseen, id_, *_ in rows if is_unseen),
    )


def _is_unseen() -> sa.ColumnElement[bool]:
    seen_at = clients.c.seen_at
    return sa.or_(seen_at.is_(None), seen_at < later(-_SEEN_SECONDS))


async def note_seen(conn: AsyncConnection, business_id: str, ids: Collection[str]) -> None:
    """Write down that these were named now; whom another transaction writes, that one does."""
    if not ids:
        return
    c = clients.c
    mine = (c.business_id == business_id, in_list(c.id, ids), _is_unseen())
    free = sa.select(c.id).where(*mine).with_for_update(skip_locked=True, key_share=True)
    seen = sa.update(clients).where(c.business_id == business_id, is_one_of(c.id, free))
    await conn.execute(seen.values(seen_at=now()))


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
    if not created:
        return True
    rows = [(id_, *facts) for id_, facts in sorted(created.items())]
    columns = ("id", *ClientFacts._fields)
    constants = {"business_id": business_id, "seen_at": await clock(conn)}
    return await insert_many(conn, clients, constants, columns, rows) == len(rows)


async def write(
    conn: AsyncConnection, business_id: str, changed: Mapping[str, ClientFacts]
) -> None:
    """Create or replace clients, deleted ones too."""
    if not changed:
        return
    await _keep_former(conn, business_id, changed)
    constants = {"business_id": business_id, "deleted_at": None, "seen_at": await clock(conn)}
    await insert_many(
        conn,
        clients,
        constants,
        ("id", *ClientFacts._fields),
        [(id_, *facts) for id_, facts in sorted(changed.items())],
        replacing=(*ClientFacts._fields, "deleted_at", "seen_at"),
    )


async def _keep_former(
    conn: AsyncConnection, business_id: str, changed: Mapping[str, ClientFacts]
) -> None:
    """Keep what those were called who are called otherwise now, where a job may name them."""
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
