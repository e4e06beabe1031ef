"""A lane's part of the calls that its account may have, over all workers: asked for before refunds are claimed.

Nothing that is claimed waits here. Each claimed refund has been granted one call; what it makes beyond that, or leaves
unmade, is told when the lane asks next. A look-up counts as one, whatever the pages of its list: nearly every payment
has a single one.
"""

import time
from dataclasses import dataclass
from typing import Final

import structlog

from app.cancellation.runtime import Runtime
from app.db import call_budgets
from app.db.outage import is_outage
from app.gateways.outcomes import Connected, Merchant, OwnKey, Unopened

log = structlog.get_logger()

_ASK_AGAIN_SECONDS: Final = 0.25  # up to half of it more or less, so that no lane always comes just after another


@dataclass(slots=True)
class Budget:
    """What a lane has of its account's calls while its slice runs."""

    account: str
    per_second: float
    owed: int = 0  # calls made and not granted, or below nought granted and not made
    none_before: float = float("-inf")  # monotonic: there was less than was wanted, so none is asked for until then

    @property
    def is_short(self) -> bool:
        """Whether it is too early to ask again."""
        return time.monotonic() < self.none_before


def of_payments(runtime: Runtime, merchant: Merchant, business_id: str) -> Budget | None:
    """The budget of the account that a business's payments are at; None where calls are not counted."""
    per_second = runtime.settings.payments_calls_per_second
    if per_second is None:
        return None
    match merchant:
        case Connected(account):
            return Budget(account, per_second)
        case OwnKey():
            return Budget(f"business:{business_id}", per_second)
        case Unopened():
            return None  # no call is made
        case None:
            return Budget("platform", per_second)


async def ask(runtime: Runtime, budget: Budget, *, wanted: int) -> int:
    """How many of the wanted calls may be made now; the account's row is held for this one statement only."""
    owed = budget.owed
    async with runtime.db.write() as conn:
        granted = await call_budgets.take(conn, budget.account, wanted=wanted, owed=owed, per_second=budget.per_second)
    budget.owed -= owed  # calls have ended meanwhile
    if granted.calls < wanted:
        pause = max(granted.next_in_seconds, _ASK_AGAIN_SECONDS * (0.5 + runtime.jitter()))
        budget.none_before = time.monotonic() + pause
    return granted.calls


async def square(runtime: Runtime, budget: Budget) -> None:
    """Tell what is owed, so that others have what this lane does not need, or wait for what it has had."""
    if not budget.owed:
        return
    try:
        await ask(runtime, budget, wanted=0)
    except Exception as error:
        # At worst the account's calls are counted wrong by a few.
        if not is_outage(error):
            raise
        log.warning("budget.not_told", account=budget.account, error=type(error).__name__)
