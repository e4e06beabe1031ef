"""Clients: the people who book. Names and e-mail addresses leave this service in the audit CSV only."""

from collections.abc import Collection, Mapping
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.dialect import in_list
from app.db.many import insert_many
from app.db.tables import clients


class ClientFacts(NamedTuple):  # a tuple, because an import makes millions of them
    """What the platform says of a client."""

    name: str
    email: str | None


async def exists(conn: AsyncConnection, business_id: str, client_id: str) -> bool:
    """Whether the business has a client of this id."""
    found = sa.select(clients.c.id).where(clients.c.business_id == business_id, clients.c.id == client_id)
    return (await conn.execute(found)).first() is not None


async def of_ids(conn: AsyncConnection, business_id: str, ids: Collection[str]) -> dict[str, ClientFacts]:
    """Those clients of `ids` that the business has."""
    if not ids:
        return {}
    statement = sa.select(clients.c.id, clients.c.name, clients.c.email).where(
        clients.c.business_id == business_id, in_list(clients.c.id, ids)
    )
    return {id_: ClientFacts(name, email) for id_, name, email in await conn.execute(statement)}


async def write(conn: AsyncConnection, business_id: str, changed: Mapping[str, ClientFacts]) -> None:
    """Create or replace clients."""
    await insert_many(
        conn,
        clients,
        {"business_id": business_id},
        ("id", *ClientFacts._fields),
        [(id_, *facts) for id_, facts in sorted(changed.items())],
        replacing=ClientFacts._fields,
    )
