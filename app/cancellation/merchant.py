"""At whose account a business's payments are: read once for each slice, its key opened in this process alone.

A key that can't be opened stands in the way of this business's payments only, and never lets the platform's take its
place.
"""

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app.cancellation.runtime import Runtime
from app.db import stripe_accounts
from app.gateways.outcomes import Connected, Merchant, OwnKey, Unopened
from app.sealing import Unreadable

log = structlog.get_logger()


async def of_business(runtime: Runtime, conn: AsyncConnection, business_id: str) -> Merchant:
    """Whose account is asked for the business's payments; costs nothing where the upstream has only one."""
    if runtime.settings.payments_provider != "stripe":
        return None
    account = await stripe_accounts.of_business(conn, business_id)
    if account.connected is not None:
        return Connected(account.connected)
    return None if account.key_sealed is None else _opened(runtime, business_id, account.key_sealed)


def _opened(runtime: Runtime, business_id: str, sealed: str) -> OwnKey | Unopened:
    try:
        seals = runtime.seals()
        if seals is not None:
            return OwnKey(seals.open(sealed))
        because = "SECRETS_KEY is not set"
    except Unreadable:
        because = "it was sealed with a key that is not in SECRETS_KEY"
    except (OSError, ValueError) as error:  # of a file that is not there, or holds no key
        because = f"SECRETS_FILE: {type(error).__name__}"
    log.error("stripe_key.unreadable", business_id=business_id, because=because)
    return Unopened("the business's own key can't be opened here")
