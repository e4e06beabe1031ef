"""What was administered, as a business or its operator reads it."""

from app.db.access import administration
from app.db.core.engine import Database
from app.domain.nouns.administration import RecordedDeed


async def newest(
    db: Database, business_id: str | None, *, before: str | None, limit: int
) -> list[RecordedDeed]:
    """The newest first, from the one after `before` (an id); of one business, or all (None)."""
    async with db.read(across=business_id is None) as conn:
        return await administration.newest(conn, business_id, before=before, limit=limit)
