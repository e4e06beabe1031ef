"""Deliveries: which endpoints have some that are due, and claiming them.

A claim is a lease: it raises the row's epoch and puts `due_at` to its end, so that what a dead
worker had is due again.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.core import changes
from app.db.core.dialect import Id, in_list, insert, is_one_of, later, now
from app.db.core.driver import fetch
from app.db.core.due_keys import Backlog, backlog, keys_with_due
from app.db.tables.webhooks import webhook_deliveries, webhook_endpoints, webhook_events
from app.domain.statuses import DeliveryStatus

_DELIVERY: Final = webhook_deliveries.c
_EVENT: Final = webhook_events.c
_IS_DUE: Final = sa.and_(_DELIVERY.due_at.is_not(None), _DELIVERY.due_at <= now())


@dataclass(frozen=True, slots=True)
class ClaimedDelivery:
    """A delivery that is this worker's until its lease ends.

    `payload` is the text to sign and send.
    """

    event_id: str
    epoch: int
    tries: int
    payload: str


class DueEndpoint(NamedTuple):
    """One that something is due for, and whether its last attempt failed."""

    endpoint_id: str
    business_id: str
    is_failing: bool


_ENDPOINTS_WITH_DUE: Final = keys_with_due(_DELIVERY.endpoint_id, _DELIVERY.due_at)
_FIRST_DUE_AT: Final = (
    sa.select(_DELIVERY.due_at)
    .where(_DELIVERY.endpoint_id == webhook_endpoints.c.id, _DELIVERY.due_at.is_not(None))
    .order_by(_DELIVERY.due_at)
    .limit(1)
    .correlate(webhook_endpoints)
    .scalar_subquery()
)
_DUE_ENDPOINTS: Final = (
    sa.select(
        webhook_endpoints.c.id,
        webhook_endpoints.c.business_id,
        webhook_endpoints.c.failing_since.is_not(None).label("is_failing"),
    )
    .join(_ENDPOINTS_WITH_DUE, _ENDPOINTS_WITH_DUE.c.key == webhook_endpoints.c.id)
    .where(now() >= _FIRST_DUE_AT)
    .order_by(_FIRST_DUE_AT)
)


async def due_endpoints(conn: AsyncConnection) -> list[DueEndpoint]:
    """Endpoints for which something is due, the longest first."""
    rows = await conn.execute(_DUE_ENDPOINTS)
    return [DueEndpoint(row.id, row.business_id, bool(row.is_failing)) for row in rows]


async def count_due(conn: AsyncConnection) -> Backlog:
    """What is due of all endpoints."""
    return await backlog(
        conn, _ENDPOINTS_WITH_DUE, lambda key: _DELIVERY.endpoint_id == key, _DELIVERY.due_at
    )


def _claim() -> sa.Update:
    due = (
        sa.select(_DELIVERY.event_id)
        .where(_DELIVERY.endpoint_id == sa.bindparam("of_endpoint", type_=Id), _IS_DUE)
        .order_by(_DELIVERY.due_at, _DELIVERY.event_id)
        .limit(sa.bindparam("most", type_=sa.Integer))
        .with_for_update(skip_locked=True)
    )
    return (
        sa.update(webhook_deliveries)
        .where(
            _DELIVERY.endpoint_id == sa.bindparam("of_endpoint", type_=Id),
            is_one_of(_DELIVERY.event_id, due),
        )
        .values(
            due_at=later(sa.bindparam("lease_seconds", type_=sa.Float)), epoch=_DELIVERY.epoch + 1
        )
    )


def _with_payloads(claimed: sa.FromClause) -> sa.Select[Any]:
    event_id = sa.cast(_EVENT.id, sa.Text).label("event_id")
    query = sa.select(event_id, claimed.c.epoch, claimed.c.tries, _EVENT.payload)
    return query.join_from(claimed, webhook_events, claimed.c.event_id == _EVENT.id).order_by(
        _EVENT.id
    )


_CLAIM: Final = _claim().returning(_DELIVERY.event_id, _DELIVERY.epoch, _DELIVERY.tries)
_CLAIM_WITH_PAYLOADS: Final = _with_payloads(_CLAIM.cte("claimed"))


async def claim(
    conn: AsyncConnection, endpoint_id: str, *, most: int, lease_seconds: float
) -> list[ClaimedDelivery]:
    """Take up to `most` that are due to this endpoint, the longest due first.

    Others get them after the lease.
    """
    parameters = {"of_endpoint": endpoint_id, "most": most, "lease_seconds": lease_seconds}
    if conn.dialect.name == "postgresql":
        rows = await fetch(conn, _CLAIM_WITH_PAYLOADS, parameters)
        return [ClaimedDelivery(*row.values()) for row in rows]
    # An UPDATE gives rows to nothing but its caller here.
    taken = {row.event_id: row for row in await conn.execute(_CLAIM, parameters)}
    events = await conn.execute(
        sa.select(_EVENT.id, _EVENT.payload)
        .where(in_list(_EVENT.id, sorted(taken)))
        .order_by(_EVENT.id)
    )
    return [
        ClaimedDelivery(event.id, taken[event.id].epoch, taken[event.id].tries, event.payload)
        for event in events
    ]


async def give_up(conn: AsyncConnection, endpoint_id: str) -> None:
    """Try none of this endpoint's deliveries any more."""
    statement = sa.update(webhook_deliveries).where(
        _DELIVERY.endpoint_id == endpoint_id, _DELIVERY.due_at.is_not(None)
    )
    await conn.execute(
        statement.values(status=DeliveryStatus.FAILED, due_at=None, epoch=_DELIVERY.epoch + 1)
    )


async def forget(conn: AsyncConnection, endpoint_id: str, *, limit: int) -> int:
    """Delete up to `limit` of an endpoint's deliveries, with their attempts; how many."""
    some = (
        sa.select(_DELIVERY.event_id)
        .where(_DELIVERY.endpoint_id == endpoint_id)
        .order_by(_DELIVERY.event_id)
        .limit(limit)
    )
    statement = sa.delete(webhook_deliveries).where(
        _DELIVERY.endpoint_id == endpoint_id, is_one_of(_DELIVERY.event_id, some)
    )
    return (await conn.execute(statement)).rowcount


async def deliver_again(
    conn: AsyncConnection, business_id: str, endpoint_id: str, event_ids: Iterable[str]
) -> None:
    """Make deliveries of these events due now, with the whole schedule before them."""
    due_at = await conn.scalar(sa.select(now()))
    fresh = {
        "business_id": business_id,
        "endpoint_id": endpoint_id,
        "status": DeliveryStatus.PENDING,
        "due_at": due_at,
        "epoch": 0,
        "tries": 0,
    }
    parameters = [fresh | {"event_id": event_id} for event_id in sorted(event_ids)]
    if not parameters:
        return
    statement = insert(conn, webhook_deliveries)
    anew = {name: statement.excluded[name] for name in ("status", "due_at", "tries")} | {
        "epoch": _DELIVERY.epoch + 1
    }
    await conn.execute(
        statement.on_conflict_do_update(index_elements=["endpoint_id", "event_id"], set_=anew),
        parameters,
    )
    changes.note_deliveries()
