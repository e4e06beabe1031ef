"""A lane's part of the calls that its account may have, over all workers.

It is asked for before refunds are claimed, so a claimed refund never waits here: each claim holds
one permit. Extra calls and unused permits are settled at the next `acquire`. A look-up counts as
one, whatever the pages of its list: nearly every payment has a single one.
"""

import time
from dataclasses import dataclass
from typing import Final

import structlog

from app.db.core.outage import is_outage
from app.db.refunds import rate_limits
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

# Up to half of this more or less, so that no lane always comes just after another.
_ASK_AGAIN_SECONDS: Final = 0.25


@dataclass(slots=True)
class RateLimit:
    """What a lane has of its account's calls while its slice runs."""

    account: str
    per_second: float
    debt: int = 0  # calls made and not granted, or below nought granted and not made
    # Monotonic: there was less than was wanted, so none is asked for until then.
    retry_at: float = float("-inf")

    @property
    def is_short(self) -> bool:
        """Whether it is too early to ask again."""
        return time.monotonic() < self.retry_at


def limit_of_payments(
    runtime: Runtime, payment_account: PaymentAccount, business_id: str
) -> RateLimit | None:
    """The limit of a business's payments' account; None: calls are not counted."""
    per_second = runtime.settings.payments_calls_per_second
    if per_second is None or isinstance(payment_account, UnreadableAccount):
        return None  # or no call is made
    return RateLimit(
        account_of(runtime, UpstreamMethod.PAYMENT, payment_account, business_id), per_second
    )


def account_of(
    runtime: Runtime, method: UpstreamMethod, payment_account: PaymentAccount, business_id: str
) -> str:
    """The name of the account that an upstream counts a business's calls for."""
    match payment_account:
        case ConnectedAccount(account):
            return account
        case None | PlatformAccount() if runtime.provider_of(method).counts_platform_calls_together:
            return "platform"
        case None | PlatformAccount() | SecretKeyAccount() | UnreadableAccount():
            return f"business:{business_id}"


def pace_of_account(
    runtime: Runtime, method: UpstreamMethod, payment_account: PaymentAccount, business_id: str
) -> str:
    """The name under which all who call an upstream for this account keep one pace."""
    return f"{method}:{account_of(runtime, method, payment_account, business_id)}"


async def acquire(runtime: Runtime, limit: RateLimit, *, wanted: int) -> int:
    """How many of the wanted calls may be made now.

    The account's row is held for this one statement only.
    """
    debt = limit.debt
    async with runtime.db.write() as conn:
        granted = await rate_limits.take(
            conn, limit.account, wanted=wanted, debt=debt, per_second=limit.per_second
        )
    limit.debt -= debt  # calls have ended meanwhile
    if granted.calls < wanted:
        pause = max(granted.next_in_seconds, _ASK_AGAIN_SECONDS * (0.5 + runtime.jitter()))
        limit.retry_at = time.monotonic() + pause
    return granted.calls


async def reconcile(runtime: Runtime, limit: RateLimit) -> None:
    """Settle the debt.

    Others then have what this lane does not need, or wait for what it has had.
    """
    if not limit.debt:
        return
    try:
        await acquire(runtime, limit, wanted=0)
    except Exception as error:
        # At worst the account's calls are counted wrong by a few.
        if not is_outage(error):
            raise
        log.warning("rate_limit.not_reconciled", account=limit.account, error=type(error).__name__)
