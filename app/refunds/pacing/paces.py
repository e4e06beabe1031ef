"""The paces of a process, one for each business at each upstream.

Each is over the account that the business has there. Businesses that are at an upstream at the same
time share its calls evenly; what is of an account is theirs together.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from weakref import WeakValueDictionary

from app.gateways.outcomes import UpstreamMethod
from app.refunds.pacing.pace import Account, Pace
from app.refunds.pacing.sharing import AccountRate


@dataclass(frozen=True, slots=True)
class UpstreamPace:
    """What a process's paces at one upstream come to together."""

    businesses: int  # whose refunds are called for now
    in_flight: int  # calls
    breakers_open: int  # businesses whose calls wait, or go one at a time
    paced_accounts: int  # accounts that have a rate
    per_second: float  # calls of those accounts, this process's part


class Paces:
    """The paces of a process.

    Businesses that are at an upstream at the same time share its `total` calls evenly.
    """

    def __init__(
        self, *, most: int, total: int, jitter: Callable[[], float], worker: str = "alone"
    ) -> None:
        """Begin with every upstream well.

        Args:
            most: calls in flight of one business at one upstream.
            total: calls in flight of all businesses at one upstream, as far as each keeps one.
            jitter: draws from 0 to 1.
            worker: the process's own name among all that share an account.
        """
        self.clock: Callable[[], float] = time.monotonic
        self._most = most
        self._total = total
        self._jitter = jitter
        self._worker = worker
        self._paces: dict[tuple[str, UpstreamMethod], Pace] = {}
        self._accounts: WeakValueDictionary[str, Account] = WeakValueDictionary()
        self._lanes: Counter[tuple[str, UpstreamMethod]] = Counter()
        self._businesses: Counter[UpstreamMethod] = Counter()

    @contextmanager
    def at(self, business_id: str, method: UpstreamMethod, *, account: str) -> Iterator[Pace]:
        """The pace of a lane, which is counted at the upstream while the block lasts.

        Args:
            business_id: whose refunds they are.
            method: at which upstream.
            account: whose calls the upstream counts together.
        """
        key = business_id, method
        at = self.account(account)
        pace = self._paces.setdefault(key, self._new(method, at))
        pace.account = at  # it may have another since
        self._businesses[method] += key not in self._lanes
        self._lanes[key] += 1
        try:
            yield pace
        finally:
            self._lanes[key] -= 1
            if not self._lanes[key]:
                del self._lanes[key]
                self._businesses[method] -= 1
                if pace.is_default:
                    del self._paces[key]

    def account(self, name: str) -> Account:
        """What this process knows of an account, for as long as somebody keeps it."""
        return self._accounts.setdefault(name, Account(AccountRate(self._worker)))

    def window(self, business_id: str, method: UpstreamMethod) -> int:
        """Calls that the business's refunds may have in flight here, at most."""
        pace = self._paces.get((business_id, method))
        return self._most if pace is None else pace.window

    def quiet_seconds(self, business_id: str, method: UpstreamMethod) -> float:
        """Seconds that the business's refunds still stay away; 0 or less: they may go."""
        pace = self._paces.get((business_id, method))
        return 0.0 if pace is None else pace.quiet_seconds

    def at_upstream(self, method: UpstreamMethod) -> UpstreamPace:
        """How this process stands at one upstream."""
        paces = [pace for (_, at), pace in self._paces.items() if at is method]
        # One account may be of many businesses.
        rates = {id(pace.account): pace.per_second for pace in paces}
        paced = [rate for rate in rates.values() if rate is not None]
        return UpstreamPace(
            businesses=self._businesses[method],
            in_flight=sum(pace.in_flight for pace in paces),
            breakers_open=sum(pace.breaker.is_open for pace in paces),
            paced_accounts=len(paced),
            per_second=sum(paced),
        )

    def _new(self, method: UpstreamMethod, account: Account) -> Pace:
        return Pace(
            self._most,
            lambda: max(1, self._total // max(1, self._businesses[method])),
            self._jitter,
            self.clock,
            account=account,
        )
