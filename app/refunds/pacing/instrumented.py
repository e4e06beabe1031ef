"""A gateway whose calls are counted, and told to the pace of its upstream.

Each call passes the fault points before and after it.
"""

import re
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final, assert_never

from app.fault_points import reached
from app.gateways.facts import (
    FactsUnknown,
    PaymentAnswer,
    PaymentAsked,
    PaymentFacts,
    PaymentNotFound,
    ReadingGateway,
    Unsupported,
)
from app.gateways.outcomes import (
    Absent,
    Finding,
    Indeterminate,
    Limit,
    Order,
    Outcome,
    Processing,
    Rejected,
    Succeeded,
    Throttled,
    Unavailable,
    UpstreamMethod,
)
from app.meters import upstream_called
from app.refunds import policy
from app.refunds.pacing.pace import Pace, Signal
from app.tracing import spans

_CAPITAL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
# Where another call was at the same object, the upstream is well.
_SIGNALS: Final = {
    Limit.RATE: Signal.THROTTLED,
    Limit.CONCURRENCY: Signal.CROWDED,
    Limit.OBJECT: Signal.WELL,
}


def _word_of(outcome: Outcome | Finding | PaymentAnswer) -> str:
    """Its class's name; of what was too much, however it was read, `throttled`."""
    match outcome:
        case Throttled() | Indeterminate(limit=Limit()) | FactsUnknown(limit=Limit()):
            return "throttled"
    return _CAPITAL.sub("_", type(outcome).__name__).lower()


def signal_of(limit: Limit | None) -> Signal:
    """What a call that was too many says of the upstream; None: it failed otherwise."""
    return Signal.FAILING if limit is None else _SIGNALS[limit]


@dataclass(slots=True)
class InstrumentedGateway:
    """The gateway, its calls counted, and what the last said of the upstream."""

    gateway: ReadingGateway
    method: UpstreamMethod
    pace: Pace
    calls: int = 0
    attempt: int = 1
    signal: Signal | None = None
    retry_after_seconds: float = 0.0

    async def refund(self, order: Order) -> Outcome:
        sent_at = self._sent()
        reached(f"refund.{self.method}.before")
        with self._traced("refund", order) as traced:
            outcome = await self.gateway.refund(order)
            traced.ended(_word_of(outcome))
        reached(f"refund.{self.method}.after")
        self._note("refund", outcome, sent_at)
        return outcome

    async def look_up(self, order: Order) -> Finding:
        sent_at = self._sent()
        reached(f"look_up.{self.method}.before")
        with self._traced("look_up", order) as traced:
            finding = await self.gateway.look_up(order)
            traced.ended(_word_of(finding))
        reached(f"look_up.{self.method}.after")
        self._note("look_up", finding, sent_at)
        return finding

    async def payment(self, order: Order) -> PaymentAnswer:
        """What its upstream says of the payment that the order is to return."""
        asked = PaymentAsked(order.business_id, order.payment_id or "", order.payment_account)
        sent_at = self._sent()
        reached(f"read_payment.{self.method}.before")
        with self._traced("read_payment", order) as traced:
            answer = await self.gateway.payment(asked)
            traced.ended(_word_of(answer))
        reached(f"read_payment.{self.method}.after")
        self._note("read_payment", answer, sent_at)
        return answer

    async def aclose(self) -> None:
        """The gateway stays open: it is the process's."""

    def _traced(self, call: str, order: Order) -> AbstractContextManager[spans.TracedOperation]:
        return spans.operation(call, self.method, refund_id=order.refund_id, attempt=self.attempt)

    def _sent(self) -> float:
        self.calls += 1
        if self.calls > 1:  # the first has waited for its turn
            self.pace.went()
        return self.pace.clock()

    def _note(self, call: str, outcome: Outcome | Finding | PaymentAnswer, sent_at: float) -> None:
        upstream_called(self.method, call, _word_of(outcome), self.pace.clock() - sent_at)
        asked: float | None = None
        match outcome:
            case Rejected(code, _, None) if code == policy.INSUFFICIENT_BALANCE:
                self.signal = Signal.OUT_OF_FUNDS
            case Succeeded() | Processing() | Rejected() | Absent():
                self.signal = Signal.WELL
            case PaymentFacts() | PaymentNotFound() | Unsupported():
                self.signal = Signal.WELL
            case Throttled(asked, limit):
                self.signal = signal_of(limit)
            case Indeterminate(_, asked, limit) | FactsUnknown(_, asked, limit):
                self.signal = signal_of(limit)
            case Unavailable(_, asked):
                self.signal = Signal.FAILING
            case _:
                assert_never(outcome)
        self.retry_after_seconds = min(asked or 0.0, policy.MAX_RETRY_AFTER_SECONDS)
        if self.signal in {Signal.WELL, Signal.OUT_OF_FUNDS, Signal.THROTTLED}:
            refused = self.signal is Signal.THROTTLED
            self.pace.answered(
                sent_at, refused=refused, retry_after_seconds=self.retry_after_seconds
            )
