"""Where a business's payments by Stripe are: at most one account of its own.

Its key is only kept encrypted.
"""

from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.tables import businesses


@dataclass(frozen=True, slots=True)
class StripeAccount:
    """A connected account, or an encrypted secret key; neither: the platform's own account.

    `connected` is an `acct_…`; `encrypted_key` is as `encryption` keeps it. At the platform's own
    the transfer and the fee of a destination charge may come back with its refund.
    """

    connected: str | None = None
    encrypted_key: str | None = field(default=None, repr=False)
    reverse_transfer: bool = False
    refund_application_fee: bool = False


async def account_of_business(conn: AsyncConnection, business_id: str) -> StripeAccount:
    """The account of a business that exists."""
    query = sa.select(
        businesses.c.stripe_account,
        businesses.c.stripe_key_sealed,
        businesses.c.stripe_reverse_transfer,
        businesses.c.stripe_refund_fee,
    )
    return StripeAccount(*(await conn.execute(query.where(businesses.c.id == business_id))).one())


async def put(conn: AsyncConnection, business_id: str, account: StripeAccount) -> None:
    """Have the business's calls made for this account from now on."""
    values = {
        "stripe_account": account.connected,
        "stripe_key_sealed": account.encrypted_key,
        "stripe_reverse_transfer": account.reverse_transfer,
        "stripe_refund_fee": account.refund_application_fee,
    }
    await conn.execute(sa.update(businesses).where(businesses.c.id == business_id).values(values))
