"""The append-only history of refunds: one row per change of state, in the transaction that made the change."""

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.dialect import now
from app.db.tables import refund_history

_INSERT = sa.insert(refund_history).values(recorded_at=now())


async def append(conn: AsyncConnection, rows: Iterable[sa.Row[Any]], *, actor: str) -> None:
    """Remember the state that these refund rows now have."""
    await conn.execute(
        _INSERT,
        [
            {
                "refund_id": row.id,
                "epoch": row.epoch,
                "status": row.status,
                "attempts": row.attempts,
                "upstream_reference": row.upstream_reference,
                "failure_code": getattr(row, "failure_code", None),
                "failure_detail": getattr(row, "failure_detail", None),
                "actor": actor,
            }
            for row in rows
        ],
    )
