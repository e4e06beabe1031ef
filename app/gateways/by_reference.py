"""The gateway both contracts share: a refund under a key, a look-up by reference; one call each."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from app.gateways.answers import finding_of, outcome_of
from app.gateways.http import Upstream
from app.gateways.outcomes import Finding, Order, Outcome


def utc_now() -> datetime:
    """The wall clock, aware and in UTC; only Retry-After dates are measured by it."""
    return datetime.now(UTC)


class ByReference:
    """A `Gateway` for an upstream with `POST path` and `GET path?reference=`."""

    def __init__(
        self,
        upstream: Upstream,
        *,
        path: str,
        body: Callable[[Order], dict[str, Any]],
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        """Take over `upstream`: closing the gateway closes it."""
        self._upstream = upstream
        self._path = path
        self._body = body
        self._clock = clock

    async def refund(self, order: Order) -> Outcome:
        """Ask once for the refund, under the order's key."""
        reply = await self._upstream.call(
            "POST", self._path, headers={"Idempotency-Key": order.idempotency_key}, json=self._body(order)
        )
        return outcome_of(reply, order, now=self._clock())

    async def look_up(self, order: Order) -> Finding:
        """What the upstream has under the order's reference."""
        reply = await self._upstream.call("GET", self._path, query={"reference": order.refund_id})
        return finding_of(reply, order, now=self._clock())

    async def aclose(self) -> None:
        """Close the pool."""
        await self._upstream.aclose()
