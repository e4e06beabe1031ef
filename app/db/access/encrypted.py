"""Everything in the database that is encrypted, so that all can be encrypted anew.

That is done when the operator's key is changed.
"""

from collections.abc import Iterator
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.tables import businesses
from app.db.tables.webhooks import webhook_secrets
from app.encryption import SecretPlace

_KEPT: Final = (
    (webhook_secrets, webhook_secrets.c.secret),
    (businesses, businesses.c.stripe_key_sealed),
    (businesses, businesses.c.payments_token_sealed),
    (businesses, businesses.c.credits_token_sealed),
    (businesses, businesses.c.address_key_sealed),
)


def places() -> Iterator[tuple[sa.Table, sa.Column[str]]]:
    """The columns that hold ciphertexts.

    Their names keep an older word: builds run beside each other while one is upgraded.
    """
    yield from _KEPT


def place_in(table: sa.Table, column: sa.Column[str], row_id: str) -> SecretPlace:
    """Where the ciphertext in this column of a row is."""
    return SecretPlace(table.name, column.name, row_id)


def stripe_key(business_id: str) -> SecretPlace:
    """Where a business's own key of Stripe is."""
    return place_in(businesses, businesses.c.stripe_key_sealed, business_id)


def payments_token(business_id: str) -> SecretPlace:
    """Where a business's own token for the payment upstream is."""
    return place_in(businesses, businesses.c.payments_token_sealed, business_id)


def credits_token(business_id: str) -> SecretPlace:
    """Where a business's own token for the credit upstream is."""
    return place_in(businesses, businesses.c.credits_token_sealed, business_id)


def webhook_secret(secret_id: str) -> SecretPlace:
    """Where one secret of a webhook endpoint is."""
    return place_in(webhook_secrets, webhook_secrets.c.secret, secret_id)


async def page(
    conn: AsyncConnection, table: sa.Table, column: sa.Column[str], *, after: str, limit: int
) -> list[tuple[str, str]]:
    """A page of a column's ids and ciphertexts, in the order of ids.

    It begins after the id `after`; a nil id or an empty text begins with the first.
    """
    query = sa.select(table.c.id, column).where(table.c.id > after, column.is_not(None))
    return [(row[0], row[1]) for row in await conn.execute(query.order_by(table.c.id).limit(limit))]


async def replace(
    conn: AsyncConnection,
    table: sa.Table,
    column: sa.Column[str],
    row_id: str,
    before: str,
    now: str,
) -> None:
    """Put another ciphertext in the place of one, unless somebody has done so meanwhile."""
    await conn.execute(
        sa.update(table).where(table.c.id == row_id, column == before).values({column: now})
    )
