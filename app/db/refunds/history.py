"""The append-only history of refunds: one row per change of state.

It is written in the transaction that made the change.
"""

from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.core.dialect import in_list, now
from app.db.tables import refund_history, refunds
from app.domain.nouns.cancellations import RefundChange
from app.domain.statuses import RefundStatus

_REMEMBERED = (
    "epoch",
    "status",
    "attempts",
    "upstream_reference",
    "failure_code",
    "failure_detail",
)


def of(changed: str, *, actor: str, clock: str) -> str:
    """The INSERT, as SQL, that remembers the state of the rows of `changed`.

    `actor` and `clock` are SQL, too.
    """
    columns = ", ".join(_REMEMBERED)
    return (
        f"INSERT INTO refund_history (refund_id, business_id, {columns}, actor, recorded_at) "  # noqa: S608 - our own words
        f"SELECT id, business_id, {columns}, {actor}, {clock} FROM {changed}"
    )


async def changes_of_refund(conn: AsyncConnection, refund_id: str) -> list[RefundChange]:
    """The states that a refund has had, the first one first."""
    query = (
        sa.select(*(refund_history.c[name] for name in RefundChange._fields))
        .where(refund_history.c.refund_id == refund_id)
        .order_by(refund_history.c.id)
    )
    rows = await conn.execute(query)
    return [RefundChange(RefundStatus(status), *rest) for status, *rest in map(tuple, rows.all())]


async def append(conn: AsyncConnection, refund_ids: Iterable[str], *, actor: str) -> list[int]:
    """Remember the state that these refunds now have, in one statement; the ids of its rows.

    The rows never pass through Python. What is no claim is a link of the job's chain as well.
    """
    remembered = ("business_id", *_REMEMBERED, "resolved_amount_minor")
    state = sa.select(
        refunds.c.id,
        *(refunds.c[name] for name in remembered),
        sa.literal(actor).label("actor"),
        now().label("recorded_at"),
    ).where(in_list(refunds.c.id, refund_ids))
    written = sa.insert(refund_history).from_select(
        ["refund_id", *remembered, "actor", "recorded_at"], state
    )
    return [*(await conn.execute(written.returning(refund_history.c.id))).scalars()]
