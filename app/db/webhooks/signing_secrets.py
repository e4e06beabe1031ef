"""The secrets of webhook endpoints, encrypted.

One is current; those before it live each to its own end.
"""

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.core.dialect import later, now
from app.db.tables.webhooks import webhook_endpoints, webhook_secrets

_SECRET: Final = webhook_secrets.c
_IN_FORCE: Final = sa.or_(_SECRET.ends_at.is_(None), _SECRET.ends_at > now())


async def add(
    conn: AsyncConnection,
    business_id: str,
    endpoint_id: str,
    *,
    id: str,  # noqa: A002
    encrypted: str,
) -> None:
    """Write the current one; `id` is later than those of all before it (UUIDv7)."""
    row = {
        "id": id,
        "business_id": business_id,
        "endpoint_id": endpoint_id,
        "secret": encrypted,
        "created_at": now(),
    }
    await conn.execute(sa.insert(webhook_secrets).values(row))


async def in_force(conn: AsyncConnection, endpoint_id: str) -> Sequence[tuple[str, str]]:
    """Ids and ciphertexts of those that sign now, the newest first."""
    query = (
        sa.select(_SECRET.id, _SECRET.secret)
        .where(_SECRET.endpoint_id == endpoint_id, _IN_FORCE)
        .order_by(_SECRET.id.desc())
    )
    return [(row[0], row[1]) for row in await conn.execute(query)]


async def count(conn: AsyncConnection, endpoint_id: str) -> int:
    """How many sign now."""
    query = sa.select(sa.func.count()).where(_SECRET.endpoint_id == endpoint_id, _IN_FORCE)
    return (await conn.execute(query)).scalar_one()


async def end_current(conn: AsyncConnection, endpoint_id: str, *, after_seconds: float) -> None:
    """Let the current one end after so long; those that have ended go.

    What others have still to live is theirs.
    """
    of_endpoint = _SECRET.endpoint_id == endpoint_id
    await conn.execute(sa.delete(webhook_secrets).where(of_endpoint, ~_IN_FORCE))
    end = later(sa.literal(after_seconds, sa.Float))
    await conn.execute(
        sa.update(webhook_secrets).where(of_endpoint, _SECRET.ends_at.is_(None)).values(ends_at=end)
    )


async def delete_all(conn: AsyncConnection, endpoint_id: str) -> None:
    """None of them signs any more."""
    await conn.execute(sa.delete(webhook_secrets).where(_SECRET.endpoint_id == endpoint_id))


def last_end() -> sa.ScalarSelect[Any]:
    """When the last of the secrets before an endpoint's current one ends.

    The endpoint is the one that is selected beside it.
    """
    of_endpoint = (_SECRET.endpoint_id == webhook_endpoints.c.id, _SECRET.ends_at > now())
    return (
        sa.select(sa.func.max(_SECRET.ends_at))
        .where(*of_endpoint)
        .correlate(webhook_endpoints)
        .scalar_subquery()
    )
