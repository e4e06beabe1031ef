"""Businesses' own tokens: at most one for each upstream, and only encrypted."""

from dataclasses import dataclass, field
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.tables import businesses
from app.domain.statuses import Method

_COLUMNS: Final = {
    Method.PAYMENT: businesses.c.payments_token_sealed,
    Method.CREDIT: businesses.c.credits_token_sealed,
}


@dataclass(frozen=True, slots=True)
class EncryptedTokens:
    """As `encryption` keeps them; None: the platform's token speaks for the business."""

    payments: str | None = field(default=None, repr=False)
    credits: str | None = field(default=None, repr=False)


async def tokens_of_business(conn: AsyncConnection, business_id: str) -> EncryptedTokens:
    """The tokens of a business that exists."""
    query = sa.select(*_COLUMNS.values()).where(businesses.c.id == business_id)
    return EncryptedTokens(*(await conn.execute(query)).one())


async def put(
    conn: AsyncConnection, business_id: str, method: Method, encrypted: str | None
) -> None:
    """Have the business's calls made with this token from now on."""
    statement = sa.update(businesses).where(businesses.c.id == business_id)
    await conn.execute(statement.values({_COLUMNS[method]: encrypted}))
