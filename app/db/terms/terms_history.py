"""A business's terms: every version that was ever set, the last in force."""

from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.core.driver import Connection, fetch
from app.db.tables import businesses, terms_history
from app.domain.nouns.terms import TermsVersion

_COLUMNS: Final = tuple(
    terms_history.c[name] for name in ("version", "document", "set_by", "set_at")
)
_VERSIONS: Final = (
    sa.select(*_COLUMNS)
    .where(terms_history.c.business_id == sa.bindparam("of_business"))
    .order_by(terms_history.c.version.desc())
)
_IN_FORCE: Final = _VERSIONS.limit(1)


async def in_force(conn: Connection, business_id: str) -> TermsVersion | None:
    """The business's terms as they are now; None: it has never set any."""
    rows = await fetch(conn, _IN_FORCE, {"of_business": business_id})
    return TermsVersion(*rows[0].values()) if rows else None


async def page(
    conn: AsyncConnection, business_id: str, *, before: int | None, limit: int
) -> list[TermsVersion]:
    """Versions, the newest first, from the one after `before`."""
    query = _VERSIONS if before is None else _VERSIONS.where(terms_history.c.version < before)
    rows = await conn.execute(query.limit(limit), {"of_business": business_id})
    return [TermsVersion(*row) for row in rows]


async def lock(conn: AsyncConnection, business_id: str) -> None:
    """Keep everybody else from setting this business's terms until the transaction ends."""
    query = sa.select(businesses.c.id).where(businesses.c.id == business_id)
    await conn.execute(query.with_for_update(key_share=True))


async def add(conn: AsyncConnection, business_id: str, new: TermsVersion) -> None:
    """Set the terms anew, as the next version of those that are locked."""
    row = {name: getattr(new, name) for name in ("version", "document", "set_by", "set_at")}
    await conn.execute(sa.insert(terms_history).values(business_id=business_id, **row))
