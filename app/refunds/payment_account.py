"""Whose account is asked, read once for each slice.

A secret of the business's own is opened in this process alone. A secret that can't be opened stands
in the way of this business's calls to that upstream only, and never lets the platform's take its
place.
"""

from collections.abc import Mapping

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.access import encrypted, stripe_accounts, upstream_tokens
from app.encryption import SecretPlace, Undecryptable
from app.gateways.outcomes import (
    ConnectedAccount,
    PaymentAccount,
    PlatformAccount,
    SecretKeyAccount,
    UnreadableAccount,
    UpstreamMethod,
)
from app.refunds.runtime import Runtime

log = structlog.get_logger()


async def accounts_of_business(
    runtime: Runtime, conn: AsyncConnection, business_id: str
) -> Mapping[UpstreamMethod, PaymentAccount]:
    """At whose account the business's payments are, and at whose its credits."""
    tokens = await upstream_tokens.tokens_of_business(conn, business_id)
    payments = (
        await _at_stripe(runtime, conn, business_id)
        if runtime.provider_of(UpstreamMethod.PAYMENT).has_connected_accounts
        else _with_token(runtime, tokens.payments, encrypted.payments_token(business_id))
    )
    credit = _with_token(runtime, tokens.credits, encrypted.credits_token(business_id))
    return {UpstreamMethod.PAYMENT: payments, UpstreamMethod.CREDIT: credit}


async def _at_stripe(runtime: Runtime, conn: AsyncConnection, business_id: str) -> PaymentAccount:
    account = await stripe_accounts.account_of_business(conn, business_id)
    if account.connected is not None:
        return ConnectedAccount(account.connected)
    if account.encrypted_key is None:
        back = PlatformAccount(account.reverse_transfer, account.refund_application_fee)
        return None if back == PlatformAccount() else back
    return _opened(
        runtime, account.encrypted_key, encrypted.stripe_key(business_id), "stripe_key.unreadable"
    )


def _with_token(runtime: Runtime, token: str | None, place: SecretPlace) -> PaymentAccount:
    return None if token is None else _opened(runtime, token, place, "upstream_token.unreadable")


def _opened(
    runtime: Runtime, secret: str, place: SecretPlace, event: str
) -> SecretKeyAccount | UnreadableAccount:
    try:
        secret_box = runtime.secret_box()
        if secret_box is not None:
            return SecretKeyAccount(secret_box.decrypt(secret, place))
        because = "SECRETS_KEY is not set"
    except Undecryptable:
        because = "it was encrypted with a key that is not in SECRETS_KEY, or for another row"
    except (OSError, ValueError) as error:  # of a file that is not there, or holds no key
        because = f"SECRETS_FILE: {type(error).__name__}"
    log.error(event, business_id=place.row_id, column=place.column, because=because)
    return UnreadableAccount("the business's own key can't be opened here")
