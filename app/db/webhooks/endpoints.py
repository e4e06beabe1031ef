"""Endpoints: where a business receives events, and how those places have been doing."""

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.core.dialect import later, now
from app.db.tables import businesses
from app.db.tables.webhooks import webhook_endpoints
from app.db.webhooks import deliveries, signing_secrets
from app.db.webhooks.events import types_of
from app.domain.nouns.webhooks import EndpointRow, EndpointState
from app.domain.statuses import DisabledBecause, EndpointStatus

_ENDPOINT: Final = webhook_endpoints.c
_SHOWN: Final = (
    *(_ENDPOINT[name] for name in EndpointRow.__slots__ if name in _ENDPOINT),
    signing_secrets.last_end().label("previous_secret_until"),
)
_STATE: Final = sa.select(*(_ENDPOINT[name] for name in EndpointState.__slots__))


async def add(conn: AsyncConnection, **values: Any) -> None:
    """Write one, enabled."""
    await conn.execute(
        sa.insert(webhook_endpoints).values(
            status=EndpointStatus.ENABLED, created_at=now(), **values
        )
    )


async def get(
    conn: AsyncConnection, business_id: str, endpoint_id: str, *, lock: bool = False
) -> EndpointRow | None:
    """One endpoint of this business.

    `lock` keeps every other writer of it out until the transaction ends.
    """
    query = sa.select(*_SHOWN).where(
        _ENDPOINT.business_id == business_id, _ENDPOINT.id == endpoint_id
    )
    # Whoever publishes an event to it does not write it, and need not wait.
    query = query.with_for_update(key_share=True, of=webhook_endpoints) if lock else query
    row = (await conn.execute(query)).one_or_none()
    return None if row is None else _shown(row)


async def get_any(conn: AsyncConnection, endpoint_id: str) -> EndpointState | None:
    """One by its id alone, for workers, who serve every business."""
    row = (await conn.execute(_STATE.where(_ENDPOINT.id == endpoint_id))).one_or_none()
    return None if row is None else _state(row)


async def oldest(
    conn: AsyncConnection, business_id: str, *, after: str | None, limit: int
) -> list[EndpointRow]:
    """A business's, the oldest first, from the one after `after` (an id)."""
    query = sa.select(*_SHOWN).where(_ENDPOINT.business_id == business_id)
    if after is not None:
        query = query.where(_ENDPOINT.id > after)
    return [_shown(row) for row in await conn.execute(query.order_by(_ENDPOINT.id).limit(limit))]


async def urls(conn: AsyncConnection, business_id: str) -> list[str]:
    """Where a business's endpoints are, each its own.

    Nobody else looks, to add or move one, until the transaction ends.
    """
    await conn.execute(
        sa.select(businesses.c.id)
        .where(businesses.c.id == business_id)
        .with_for_update(key_share=True)
    )
    query = sa.select(_ENDPOINT.url).where(_ENDPOINT.business_id == business_id)
    return list((await conn.execute(query)).scalars())


async def count_by_state(conn: AsyncConnection) -> dict[str, int]:
    """How many endpoints there are in all, by state.

    Those that are `enabled` are under that word, the others under why they are disabled.
    """
    state = sa.func.coalesce(_ENDPOINT.disabled_because, _ENDPOINT.status)
    query = sa.select(state, sa.func.count()).group_by(state)
    return {row[0]: row[1] for row in (await conn.execute(query)).all()}


async def update(conn: AsyncConnection, endpoint_id: str, **values: Any) -> None:
    """Set columns of one."""
    await conn.execute(
        sa.update(webhook_endpoints).where(_ENDPOINT.id == endpoint_id).values(**values)
    )


async def delete(conn: AsyncConnection, business_id: str, endpoint_id: str) -> bool:
    """Delete one with its deliveries; whether there was one."""
    statement = sa.delete(webhook_endpoints).where(
        _ENDPOINT.business_id == business_id, _ENDPOINT.id == endpoint_id
    )
    return (await conn.execute(statement)).rowcount > 0


async def enable(conn: AsyncConnection, endpoint_id: str) -> None:
    """Send it events again, from now on."""
    await update(
        conn, endpoint_id, status=EndpointStatus.ENABLED, disabled_because=None, failing_since=None
    )


async def disable(conn: AsyncConnection, endpoint_id: str, because: DisabledBecause) -> None:
    """Send it nothing more, neither what is on its way."""
    await update(conn, endpoint_id, status=EndpointStatus.DISABLED, disabled_because=because)
    await deliveries.give_up(conn, endpoint_id)


async def hold(conn: AsyncConnection, endpoint_id: str) -> EndpointState | None:
    """One endpoint, which stays as it is until the transaction ends.

    Only this transaction may change it until then. None: it is gone.
    """
    query = _STATE.where(_ENDPOINT.id == endpoint_id).with_for_update(key_share=True)
    row = (await conn.execute(query)).one_or_none()
    return None if row is None else _state(row)


async def record_failure(
    conn: AsyncConnection, endpoint: EndpointState, *, for_seconds: float
) -> bool:
    """Note a failure; whether nothing but failures has come for so long.

    The endpoint is as `hold` gave it.
    """
    if endpoint.failing_since is None:
        await update(conn, endpoint.id, failing_since=now())
        return False
    since = later(sa.literal(-for_seconds, sa.Float))
    long = sa.select(
        sa.exists().where(_ENDPOINT.id == endpoint.id, _ENDPOINT.failing_since <= since)
    )
    return bool((await conn.execute(long)).scalar_one())


def _shown(row: sa.Row[*tuple[Any, ...]]) -> EndpointRow:
    return EndpointRow(
        row.id,
        row.business_id,
        row.url,
        row.description,
        types_of(row.event_types),
        EndpointStatus(row.status),
        None if row.disabled_because is None else DisabledBecause(row.disabled_because),
        row.failing_since,
        row.created_at,
        row.previous_secret_until,
    )


def _state(row: sa.Row[*tuple[Any, ...]]) -> EndpointState:
    id_, business_id, url, status, failing_since = row
    return EndpointState(id_, business_id, url, EndpointStatus(status), failing_since)
