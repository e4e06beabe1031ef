"""Whose account at Stripe a call is for: docs.stripe.com/connect/authentication."""

import re
from typing import Final, assert_never

from app.gateways.http import bearer
from app.gateways.outcomes import ConnectedAccount, OpenAccount, PlatformAccount, SecretKeyAccount

CONNECTED_ACCOUNT: Final = re.compile(r"acct_[A-Za-z0-9]{1,250}")
SECRET_KEY: Final = re.compile(r"(sk|rk)_(live|test)_[A-Za-z0-9]{1,240}")


def account_of(payment_account: OpenAccount) -> dict[str, str]:
    """The headers that say whose account a call is for.

    An Authorization here is sent instead of the pool's own.
    """
    match payment_account:
        case None | PlatformAccount():
            return {}
        case ConnectedAccount(account):
            return {"Stripe-Account": account}
        case SecretKeyAccount(key):
            return bearer(key)
        case _:
            assert_never(payment_account)
