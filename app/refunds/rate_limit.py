"""A lane's part of the calls that its account may have, over all workers.

It is asked for before refunds are claimed. Nothing that is claimed waits here. Each claimed refund
has been granted one call; what it makes beyond that, or leaves unmade, is told when the lane asks
next. A look-up counts as one, whatever the pages of its list: nearly every payment has a single
one.
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
    owed: int = 0  # calls made and not granted, or below nought granted and not made
    # Monotonic: there was less than was wanted, so none is asked for until then.
    retry_at: float = float("-inf")

    @property
    def is_short(self) -> bool:
        """Whether it is too early to ask again."""
        return time.monotonic() < self.retry_at


def of_payments(runtime: Runtime, merchant: PaymentAccount, business_id: str) -> RateLimit | None:
    """The budget of the account of a business's payments; None: calls are not counted."""
    per_second = runtime.settings.payments_calls_per_second
    if per_second is None or isinstance(merchant, UnreadableAccount):
        return None  # or no call is made
    return RateLimit(account_of(runtime, UpstreamMethod.PAYMENT, merchant, business_id), per_second)


def account_of(
    runtime: Runtime, method: UpstreamMethod, merchant: PaymentAccount, business_id: str
) -> str:
    """The name of the account that an upstream counts a business's calls for."""
    match merchant:
        case ConnectedAccount(account):
            return account
        case None if (
            method is UpstreamMethod.PAYMENT and runtime.settings.payments_provider == "stripe"
        ):
            return "platform"
        case None | SecretKeyAccount() | UnreadableAccount():
            return f"business:{business_id}"


async def ask(runtime: Runtime, budget: RateLimit, *, wanted: int) -> int:
    """How many of the wanted calls may be made now.

    The account's row is held for this one statement only.
    """
    owed = budget.owed
    async with runtime.db.write() as conn:
        granted = await rate_limits.take(
            conn, budget.account, wanted=wanted, owed=owed, per_second=budget.per_second
        )
    budget.owed -= owed  # calls have ended meanwhile
    if granted.calls < wanted:
        pause = max(granted.next_in_seconds, _ASK_AGAIN_SECONDS * (0.5 + runtime.jitter()))
        budget.retry_at = time.monotonic() + pause
    return granted.calls


async def reconcile(runtime: Runtime, budget: RateLimit) -> None:
    """Tell what is owed.

    Others then have what this lane does not need, or wait for what it has had.
    """
    if not budget.owed:
        return
    try:
        await ask(runtime, budget, wanted=0)
    except Exception as error:
        # At worst the account's calls are counted wrong by a few.
        if not is_outage(error):
            raise
        log.warning("budget.not_told", account=budget.account, error=type(error).__name__)
