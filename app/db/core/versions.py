"""What a business sets as a whole document: every version is kept, and the last is in force."""

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.core.driver import Connection, fetch
from app.domain.nouns.versions import SetVersion


class Versions:
    """Those that a table keeps: `newest` is the statement of the one that is in force."""

    def __init__(self, table: sa.Table) -> None:
        """`table` has a `business_id`, and the members of a `SetVersion`."""
        self._table: Final = table
        self._all: Final[sa.Select[Any]] = (
            sa.select(*(table.c[name] for name in SetVersion._fields))
            .where(table.c.business_id == sa.bindparam("of_business"))
            .order_by(table.c.version.desc())
        )
        self.newest: Final[sa.Select[Any]] = self._all.limit(1)

    async def in_force(self, conn: Connection, business_id: str) -> SetVersion | None:
        """The business's own as it is now; None: it has never set any."""
        rows = await fetch(conn, self.newest, {"of_business": business_id})
        return SetVersion(*rows[0].values()) if rows else None

    async def page(
        self, conn: AsyncConnection, business_id: str, *, before: int | None, limit: int
    ) -> list[SetVersion]:
        """Versions, the newest first, from the one after `before`."""
        query = self._all if before is None else self._all.where(self._table.c.version < before)
        rows = await conn.execute(query.limit(limit), {"of_business": business_id})
        return [SetVersion(*row) for row in rows]

    async def add(self, conn: AsyncConnection, business_id: str, new: SetVersion) -> None:
        """Set it anew, as the next version of a business that is held."""
        row = new._asdict()
        await conn.execute(sa.insert(self._table).values(business_id=business_id, **row))
