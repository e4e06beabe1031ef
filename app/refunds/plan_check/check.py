"""Asks the payment service about each payment of a plan, and tells as it goes.

Each payment is asked about once, whatever number of lines name it, at the turns of `turns`. A read
that fails makes its lines unknown and nothing else. No connection to the database is held while it
waits, and no row is written but its lease.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from app.cancellation.plan_payments import PlannedPayment, PlannedPayments
from app.domain.nouns.terms import OwedLine
from app.domain.plan_check import NotAsked, PlanRisk
from app.gateways.facts import (
    Balance,
    BalanceAnswer,
    PaymentAnswer,
    PaymentAsked,
    ReadingGateway,
    Unsupported,
)
from app.gateways.outcomes import PaymentAccount, UnreadableAccount, UpstreamMethod
from app.refunds.payment_account import accounts_of_business
from app.refunds.plan_check.lease import CheckLease, only_check
from app.refunds.plan_check.risks import remaining_of, risk_of
from app.refunds.plan_check.turns import Turns, turns_of
from app.refunds.runtime import Runtime

_LOOKS_SECONDS: Final = 0.2  # how often it is told what has come
_SILENT_SECONDS: Final = 5.0  # without anything to tell


@dataclass(frozen=True, slots=True)
class CheckProgress:
    """Lines asked about, of how many, at risk, and unknown."""

    asked: int
    of: int
    at_risk: int
    unknown: int


@dataclass(frozen=True, slots=True)
class LineAtRisk:
    """A line that may not come back as planned.

    `remaining_minor` is what is left of its payment, if that is known; `needed_minor` what all
    lines of the plan are to have of that payment.
    """

    line: OwedLine
    code: PlanRisk
    remaining_minor: int | None
    needed_minor: int


@dataclass(frozen=True, slots=True)
class CurrencyBalance:
    """What there is to return money from, and what the plan needs."""

    currency: str
    available_minor: int | None
    needed_minor: int


@dataclass(frozen=True, slots=True)
class CheckResult:
    """All that a check has found; `not_asked` counts lines."""

    progress: CheckProgress
    risks: Sequence[LineAtRisk]
    balances: Sequence[CurrencyBalance]
    not_asked: Mapping[NotAsked, int]


CheckStep = CheckProgress | LineAtRisk | CheckResult


async def check_plan(
    runtime: Runtime | None, business_id: str, planned: PlannedPayments, *, seconds: float
) -> AsyncGenerator[CheckStep | None]:
    """Steps to the result, which is the last; None: nothing to tell for now.

    The first, a None, says that it has begun. Without the result when the process stops, or its
    lease is lost. Closing it ends all that it began.

    Args:
        runtime: the process's; None: it knows of no upstreams, and nothing is asked.
        business_id: whose plan it is.
        planned: the plan's payments.
        seconds: within which it ends, whatever is not asked by then.

    Raises:
        Problem: 409 check-under-way, in place of the first step.
    """
    if runtime is None:
        yield None
        yield _Check(planned, reason=NotAsked.UNSUPPORTED).result
        return
    async with runtime.db.read() as conn:
        accounts = await accounts_of_business(runtime, conn, business_id)
    account = accounts[UpstreamMethod.PAYMENT]
    if isinstance(account, UnreadableAccount):
        yield None
        yield _Check(planned, reason=NotAsked.ACCOUNT_UNREADABLE).result
        return
    check = _Check(planned)
    lease_seconds = runtime.settings.lease_seconds
    async with only_check(runtime.db, business_id, lease_seconds=lease_seconds) as lease:
        yield None
        turns = turns_of(runtime, business_id, account, seconds=seconds)
        gateway = runtime.gateways[UpstreamMethod.PAYMENT]
        asking = asyncio.create_task(_ask_all(check, gateway, turns, business_id, account, seconds))
        try:
            async for step in _told(check, asking, runtime.stopping, lease):
                yield step
            is_whole = asking.done()
            if is_whole:
                asking.result()
        finally:
            asking.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await asking
    if is_whole:  # who is told so may begin another at once
        yield check.result


@dataclass(slots=True)
class _Check:
    """What has been found so far; `reason`: why the rest is not asked about."""

    planned: PlannedPayments
    reason: NotAsked = NotAsked.OUT_OF_TIME
    asked: int = 0
    risks: list[LineAtRisk] = field(default_factory=list)
    unknown: int = 0
    balance: BalanceAnswer | None = None

    def note(self, payment: PlannedPayment, answer: PaymentAnswer) -> None:
        """Keep what an answer says of the payment's lines."""
        for line in payment.lines:
            needed = payment.needed(line.currency)
            as_of = self.planned.as_of
            code = risk_of(answer, currency=line.currency, needed_minor=needed, as_of=as_of)
            self.asked += 1
            if code is not None:
                self.unknown += code is PlanRisk.UNKNOWN
                remaining = remaining_of(answer, line.currency)
                self.risks.append(LineAtRisk(line, code, remaining, needed))

    @property
    def progress(self) -> CheckProgress:
        at_risk = len(self.risks) - self.unknown
        return CheckProgress(self.asked, self._chosen, at_risk, self.unknown)

    @property
    def result(self) -> CheckResult:
        planned = self.planned
        counts = {
            NotAsked.CREDITS: planned.credit_lines,
            NotAsked.STORE_CREDIT: planned.store_credit_lines,
            NotAsked.OVER_LIMIT: planned.line_count - self._chosen,
            self.reason: self._chosen - self.asked,
        }
        available = self.balance.available_minor if isinstance(self.balance, Balance) else None
        balances = [
            CurrencyBalance(
                currency, None if available is None else available.get(currency, 0), needed
            )
            for currency, needed in planned.needed.items()
        ]
        not_asked = {reason: count for reason, count in counts.items() if count}
        return CheckResult(self.progress, self.risks, balances, not_asked)

    @property
    def _chosen(self) -> int:
        return sum(len(one.lines) for one in self.planned.payments)


async def _told(
    check: _Check, asking: asyncio.Task[None], stopping: asyncio.Event, lease: CheckLease
) -> AsyncGenerator[CheckProgress | LineAtRisk | None]:
    """What is new, while it is asked; a slow reader is told less often."""
    risks, told, told_at = 0, None, time.monotonic()
    while not (stopping.is_set() or lease.is_over):
        has_ended = asking.done()
        while risks < len(check.risks):
            risks += 1
            yield check.risks[risks - 1]
        if (progress := check.progress) != told:
            told, told_at = progress, time.monotonic()
            yield progress
        elif time.monotonic() - told_at >= _SILENT_SECONDS:
            told_at = time.monotonic()
            yield None
        if has_ended:
            return
        await asyncio.wait([asking], timeout=_LOOKS_SECONDS)


async def _ask_all(
    check: _Check,
    gateway: ReadingGateway,
    turns: Turns,
    business_id: str,
    account: PaymentAccount,
    seconds: float,
) -> None:
    """Ask after the balance and each payment, side by side as far as turns come."""
    waiting = iter(check.planned.payments)

    async def read_balance() -> BalanceAnswer:
        return await gateway.balance(business_id, account)

    async def ask_balance() -> None:
        check.balance = await turns.ask(read_balance)

    async def ask_payments(mine: Iterator[PlannedPayment]) -> None:
        for payment in mine:
            asked = PaymentAsked(business_id, payment.payment_id, account)

            async def read(asked: PaymentAsked = asked) -> PaymentAnswer:
                is_lacking = check.reason is NotAsked.UNSUPPORTED
                return Unsupported() if is_lacking else await gateway.payment(asked)

            answer = await turns.ask(read)
            if isinstance(answer, Unsupported):
                check.reason = NotAsked.UNSUPPORTED
            if answer is None or isinstance(answer, Unsupported):
                return
            check.note(payment, answer)

    with suppress(TimeoutError):
        async with asyncio.timeout(seconds), asyncio.TaskGroup() as group:
            if check.planned.needed:
                group.create_task(ask_balance())
            for _ in range(turns.pace.most):
                group.create_task(ask_payments(waiting))
