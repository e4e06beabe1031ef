"""What was administered: written in the transaction that does it, and never changed.

It can't be told otherwise afterwards, for the database refuses to change or delete a row.
"""

from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection
from uuid_utils import uuid7

from app.db.tables.administration import administration
from app.domain.nouns.administration import Action, Actor, ActorKind, Deed, RecordedDeed

_A: Final = administration.c
_ALL: Final = sa.select(
    sa.cast(_A.id, sa.Text).label("id"),
    _A.recorded_at,
    _A.actor_kind,
    _A.actor_id,
    _A.actor,
    _A.address,
    _A.request_id,
    _A.action,
    _A.business_id,
    _A.subject,
    _A.before,
    _A.after,
)


async def record(conn: AsyncConnection, by: Actor, deed: Deed) -> None:
    """Write down what the transaction under way does."""
    await conn.execute(
        sa.insert(administration).values(
            id=str(uuid7()),
            business_id=deed.business_id,
            actor_kind=by.kind,
            actor_id=by.id,
            actor=by.name,
            address=by.address,
            request_id=by.request_id,
            action=deed.action,
            subject=deed.subject,
            before=deed.before,
            after=deed.after,
        )
    )


async def makers(conn: AsyncConnection, business_id: str) -> list[tuple[str, str]]:
    """Of each key of the business that a caller made or rotated: its prefix, and who it was."""
    query = (
        sa.select(_A.subject, _A.actor_kind, _A.actor_id)
        .where(
            _A.business_id == business_id,
            _A.action.in_((Action.KEY_CREATED, Action.KEY_ROTATED)),
            _A.actor_id.is_not(None),
        )
        .order_by(_A.id)
    )
    return [
        (prefix, Actor(ActorKind(kind), id_, "").whole_id)
        for prefix, kind, id_ in await conn.execute(query)
    ]


async def newest(
    conn: AsyncConnection, business_id: str | None, *, before: str | None, limit: int
) -> list[RecordedDeed]:
    """The newest first, from the one after `before` (an id); of one business, or all (None)."""
    query = _ALL.order_by(_A.id.desc()).limit(limit)
    if business_id is not None:
        query = query.where(_A.business_id == business_id)
    if before is not None:
        query = query.where(_A.id < before)
    return [
        RecordedDeed(id_, at, Actor(ActorKind(kind), *actor), *deed)
        for id_, at, kind, *actor, action, of, subject, was, is_ in await conn.execute(query)
        for deed in ((action, of, subject, was, is_),)
    ]
