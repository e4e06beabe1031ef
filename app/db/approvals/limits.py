"""A business's limits: every version that was ever set, the last in force."""

from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.core.driver import Connection, fetch
from app.db.tables.approvals import approval_limits
from app.domain.nouns.approvals import LimitsVersion

_COLUMNS: Final = tuple(
    approval_limits.c[name] for name in ("version", "document", "set_by", "set_at")
)
_VERSIONS: Final = (
    sa.select(*_COLUMNS)
    .where(approval_limits.c.business_id == sa.bindparam("of_business"))
    .order_by(approval_limits.c.version.desc())
)
_IN_FORCE: Final = _VERSIONS.limit(1)


async def in_force(conn: Connection, business_id: str) -> LimitsVersion | None:
    """The business's limits as they are now; None: it has never set any."""
    rows = await fetch(conn, _IN_FORCE, {"of_business": business_id})
    return LimitsVersion(*rows[0].values()) if rows else None


async def page(
    conn: AsyncConnection, business_id: str, *, before: int | None, limit: int
) -> list[LimitsVersion]:
    """Versions, the newest first, from the one after `before`."""
    query = _VERSIONS if before is None else _VERSIONS.where(approval_limits.c.version < before)
    rows = await conn.execute(query.limit(limit), {"of_business": business_id})
    return [LimitsVersion(*row) for row in rows]


async def add(conn: AsyncConnection, business_id: str, new: LimitsVersion) -> None:
    """Set the limits anew, as the next version of those of a business that is held."""
    row = {name: getattr(new, name) for name in ("version", "document", "set_by", "set_at")}
    await conn.execute(sa.insert(approval_limits).values(business_id=business_id, **row))
