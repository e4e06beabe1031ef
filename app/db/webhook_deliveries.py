"""Deliveries: which endpoints have some that are due, claiming them, and writing what came of the attempts.

A claim is a lease: it raises the row's epoch and puts `due_at` to its end, so that what a dead worker had is due again.
A success counts whoever heard it, everything else only from the claim that is still the row's own.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.dialect import in_list, insert, is_one_of, later, now
from app.db.many import insert_many
from app.db.webhook_tables import (
    DeliveryStatus,
    webhook_attempts,
    webhook_deliveries,
    webhook_endpoints,
    webhook_events,
)

_D: Final = webhook_deliveries.c
_E: Final = webhook_events.c
_IS_DUE: Final = sa.and_(_D.due_at.is_not(None), _D.due_at <= now())


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery that is this worker's until its lease ends; `payload` is the text to sign and send."""

    event_id: str
    epoch: int
    tries: int
    payload: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of one claim.

    `due_in_seconds` is for the next attempt, None where there is none. `status_code` is None where no answer came, and
    `milliseconds` is None where nothing was sent at all: no attempt is kept then, and no try is counted.
    """

    endpoint_id: str
    event_id: str
    epoch: int
    tries: int  # before this one
    url: str  # where it went
    delivered: bool
    due_in_seconds: float | None
    status_code: int | None
    error: str | None
    response: str | None
    milliseconds: int | None


def _hops() -> sa.CTE:
    """The endpoints that anything is pending for, one look into the index for each."""
    first = sa.select(_D.endpoint_id).where(_D.due_at.is_not(None)).order_by(_D.endpoint_id).limit(1)
    hops = sa.select(first.scalar_subquery().label("endpoint_id")).cte("hops", recursive=True)
    other = webhook_deliveries.alias("other")
    following = (
        sa.select(other.c.endpoint_id)
        .where(other.c.due_at.is_not(None), other.c.endpoint_id > hops.c.endpoint_id)
        .order_by(other.c.endpoint_id)
        .limit(1)
        .correlate(hops)
        .scalar_subquery()
    )
    return hops.union_all(sa.select(following).where(hops.c.endpoint_id.is_not(None)))


_HOPS: Final = _hops()
_FIRST_DUE_AT: Final = (
    sa.select(_D.due_at)
    .where(_D.endpoint_id == webhook_endpoints.c.id, _D.due_at.is_not(None))
    .order_by(_D.due_at)
    .limit(1)
    .correlate(webhook_endpoints)
    .scalar_subquery()
)
_DUE_ENDPOINTS: Final = (
    sa.select(webhook_endpoints.c.id, webhook_endpoints.c.failing_since.is_not(None).label("is_failing"))
    .join(_HOPS, _HOPS.c.endpoint_id == webhook_endpoints.c.id)
    .where(now() >= _FIRST_DUE_AT)
    .order_by(_FIRST_DUE_AT)
)


async def due_endpoints(conn: AsyncConnection) -> list[tuple[str, bool]]:
    """The ids of endpoints for which something is due, the longest first, and whether their last attempt failed."""
    return [(row.id, bool(row.is_failing)) for row in await conn.execute(_DUE_ENDPOINTS)]


async def claim(conn: AsyncConnection, endpoint_id: str, *, most: int, lease_seconds: float) -> list[Claimed]:
    """Take up to `most` that are due to this endpoint, the longest due first; others get them after the lease."""
    due = (
        sa.select(_D.event_id)
        .where(_D.endpoint_id == endpoint_id, _IS_DUE)
        .order_by(_D.due_at, _D.event_id)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    statement = (
        sa.update(webhook_deliveries)
        .where(_D.endpoint_id == endpoint_id, is_one_of(_D.event_id, due))
        .values(due_at=later(sa.literal(lease_seconds, sa.Float)), epoch=_D.epoch + 1)
        .returning(_D.event_id, _D.epoch, _D.tries)
    )
    taken = {row.event_id: row for row in await conn.execute(statement)}
    if not taken:
        return []
    events = await conn.execute(sa.select(_E.id, _E.payload).where(in_list(_E.id, sorted(taken))).order_by(_E.id))
    return [Claimed(event.id, taken[event.id].epoch, taken[event.id].tries, event.payload) for event in events]


_RECORD: Final = (
    sa.update(webhook_deliveries)
    .where(
        _D.endpoint_id == sa.bindparam("of_endpoint"),
        _D.event_id == sa.bindparam("of_event"),
        sa.or_(
            sa.and_(
                _D.status == DeliveryStatus.PENDING,
                _D.epoch == sa.bindparam("of_epoch"),
                _D.tries == sa.bindparam("tries_before"),  # else it has been written before
            ),
            sa.and_(_D.status != DeliveryStatus.DELIVERED, sa.bindparam("delivered", type_=sa.Boolean)),
        ),
    )
    .values(
        status=sa.bindparam("to_status"),
        due_at=sa.case(
            (sa.bindparam("is_due_again", type_=sa.Boolean), later(sa.bindparam("due_in", type_=sa.Float))), else_=None
        ),
        tries=sa.bindparam("tries_now"),
    )
)


async def record(conn: AsyncConnection, attempts: Sequence[Attempt]) -> None:
    """Write what came of claims, of endpoints that the transaction has locked; again changes nothing more."""
    await conn.execute(_RECORD, [_recorded(one) for one in attempts])
    ended_at = await conn.scalar(sa.select(now()))
    here = sa.select(_D.endpoint_id, _D.event_id).where(
        in_list(_D.endpoint_id, sorted({one.endpoint_id for one in attempts})),
        in_list(_D.event_id, sorted({one.event_id for one in attempts})),
    )
    # One whose event has been forgotten meanwhile is not, and none is until this transaction ends.
    held = {tuple(row) for row in await conn.execute(here.with_for_update(read=True, key_share=True))}
    kept = sorted(
        (one.endpoint_id, one.event_id, one.epoch, one.status_code, one.error, one.response, one.milliseconds)
        for one in attempts
        if one.milliseconds is not None and (one.endpoint_id, one.event_id) in held
    )
    columns = ("endpoint_id", "event_id", "epoch", "status_code", "error", "response", "milliseconds")
    await insert_many(conn, webhook_attempts, {"ended_at": ended_at}, columns, kept)


def _recorded(one: Attempt) -> dict[str, Any]:
    again = one.due_in_seconds is not None
    status = DeliveryStatus.PENDING if again else DeliveryStatus.DELIVERED if one.delivered else DeliveryStatus.FAILED
    return {
        "of_endpoint": one.endpoint_id,
        "of_event": one.event_id,
        "of_epoch": one.epoch,
        "delivered": one.delivered,
        "to_status": status,
        "is_due_again": again,
        "due_in": one.due_in_seconds or 0.0,
        "tries_before": one.tries,
        "tries_now": one.tries + (one.milliseconds is not None),
    }


async def give_up(conn: AsyncConnection, endpoint_id: str) -> None:
    """Try none of this endpoint's deliveries any more."""
    statement = sa.update(webhook_deliveries).where(_D.endpoint_id == endpoint_id, _D.due_at.is_not(None))
    await conn.execute(statement.values(status=DeliveryStatus.FAILED, due_at=None, epoch=_D.epoch + 1))


async def forget(conn: AsyncConnection, endpoint_id: str, *, limit: int) -> int:
    """Delete up to `limit` of an endpoint's deliveries, with their attempts; how many."""
    some = sa.select(_D.event_id).where(_D.endpoint_id == endpoint_id).order_by(_D.event_id).limit(limit)
    statement = sa.delete(webhook_deliveries).where(_D.endpoint_id == endpoint_id, is_one_of(_D.event_id, some))
    return (await conn.execute(statement)).rowcount


async def deliver_again(conn: AsyncConnection, endpoint_id: str, event_ids: Iterable[str]) -> None:
    """Make deliveries of these events due now, with the whole schedule before them."""
    due_at = await conn.scalar(sa.select(now()))
    fresh = {
        "endpoint_id": endpoint_id,
        "status": DeliveryStatus.PENDING,
        "due_at": due_at,
        "epoch": 0,
        "tries": 0,
    }
    given = [fresh | {"event_id": event_id} for event_id in sorted(event_ids)]
    if not given:
        return
    statement = insert(conn, webhook_deliveries)
    anew = {name: statement.excluded[name] for name in ("status", "due_at", "tries")} | {"epoch": _D.epoch + 1}
    await conn.execute(statement.on_conflict_do_update(index_elements=["endpoint_id", "event_id"], set_=anew), given)
