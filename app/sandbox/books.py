"""What one upstream did: every refund that it made.

Each is once in the journal before anybody is told of it. The books are the oracle of the fault
tests. A refund that moved money or gave credits back is an *effect*; one that failed is not.
"""

import heapq
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from app.sandbox.journal import Journal
from app.sandbox.tokens import PLATFORM

SUCCEEDED, PENDING, FAILED = "succeeded", "pending", "failed"
FAILURE = "declined_by_issuer"


@dataclass(frozen=True, slots=True)
class BookedRequest:
    """What a caller asked for.

    `subject` is the payment or the account, `amount` minor units or credits. `business` is whose
    the subject is said to be; a journal of before that was asked for has none. Credits are to hold
    at least until `valid_until`.
    """

    subject: str
    amount: int
    currency: str | None
    reference: str
    reason: str | None
    business: str | None = None
    client: str | None = None
    valid_until: str | None = None


@dataclass(frozen=True, slots=True)
class BookedRefund:
    """One refund or return.

    `first_status` is what the first answer said, which a replay says again. `caller` is whose token
    asked for it; a journal of before that was kept has the platform's.
    """

    id: str
    key: str | None
    request: BookedRequest
    status: str
    first_status: str
    created_at: str
    failure_code: str | None = None
    caller: str = PLATFORM


@dataclass(slots=True)
class Payment:
    """A payment that may be refunded up to its amount."""

    amount: int
    currency: str | None
    refunded: int = 0


@dataclass(slots=True)
class Book:
    """The books of one service.

    `prefix` begins its ids; `limited` says whether amounts can be used up. `owners` says whose a
    payment or an account is: the business's that it was first seen with. `callers` counts calls by
    whose token they had, and method.
    """

    name: str
    prefix: str
    limited: bool
    refunds: dict[str, BookedRefund] = field(default_factory=dict)
    by_reference: dict[str, list[str]] = field(default_factory=dict)
    by_key: dict[str, str] = field(default_factory=dict)
    payments: dict[str, Payment] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    unsettled: list[tuple[datetime, str, str]] = field(default_factory=list)
    requests: Counter[str] = field(default_factory=Counter)
    callers: Counter[tuple[str, str]] = field(default_factory=Counter)
    made: int = 0
    journal: Journal | None = None

    def refusal(self, request: BookedRequest) -> str | None:
        """Why this refund cannot be made of what is left of its payment.

        None if it can.
        """
        payment = self.payments.get(request.subject) if self.limited else None
        if payment is None:
            return None
        if payment.currency != request.currency:
            return "currency_mismatch"
        left = payment.amount - payment.refunded
        if request.amount <= left:
            return None
        return "amount_exceeds_remaining" if left > 0 else "already_refunded"

    def make(
        self,
        request: BookedRequest,
        *,
        key: str | None,
        status: str,
        now: datetime,
        caller: str = PLATFORM,
    ) -> BookedRefund:
        """Make a refund, in the journal and in the books."""
        self.made += 1
        refund = BookedRefund(
            id=f"{self.prefix}_{self.made:08d}",
            key=key,
            request=request,
            status=status,
            first_status=status,
            created_at=now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            failure_code=FAILURE if status == FAILED else None,
            caller=caller,
        )
        self._put(refund)
        return refund

    def settle_later(self, refund: BookedRefund, status: str, *, at: datetime) -> None:
        """Let a pending refund become `status` at that time.

        It is seen by the first who asks after it.
        """
        heapq.heappush(self.unsettled, (at, refund.id, status))
        self._write({"settle": [at.isoformat(), refund.id, status]})

    def settle_due(self, now: datetime) -> None:
        """Give every pending refund whose time has come its final status."""
        while self.unsettled and self.unsettled[0][0] <= now:
            _, refund_id, status = heapq.heappop(self.unsettled)
            if self.refunds[refund_id].status == PENDING:
                code = FAILURE if status == FAILED else None
                self._put(replace(self.refunds[refund_id], status=status, failure_code=code))

    def is_of_another(self, request: BookedRequest) -> bool:
        """Whether the payment or the account was first seen with another business."""
        return self.owners.get(request.subject, request.business) != request.business

    def register(
        self, payment_id: str, *, amount: int, currency: str, business: str | None = None
    ) -> None:
        """Make a payment known, so that refunds of it are measured against this amount."""
        before = self.payments.get(payment_id)
        self.payments[payment_id] = Payment(amount, currency, before.refunded if before else 0)
        if business is not None:
            self.owners[payment_id] = business
        self._write({"payment": [payment_id, amount, currency, business]})

    def found(self, reference: str) -> list[BookedRefund]:
        """The refunds made under a reference, oldest first."""
        return [self.refunds[refund_id] for refund_id in self.by_reference.get(reference, ())]

    def replayed(self, key: str) -> BookedRefund | None:
        """The refund that was made under a key."""
        refund_id = self.by_key.get(key)
        return None if refund_id is None else self.refunds[refund_id]

    def clear(self) -> None:
        """Forget everything but the last id: ids are never given twice."""
        for kept in (
            self.refunds,
            self.by_reference,
            self.by_key,
            self.payments,
            self.owners,
            self.unsettled,
            self.requests,
            self.callers,
        ):
            kept.clear()

    def enter(self, line: dict[str, Any]) -> None:
        """Put one line of the journal back into the books."""
        if "payment" in line:
            payment_id, amount, currency, *business = line["payment"]
            self.register(
                payment_id, amount=amount, currency=currency, business=next(iter(business), None)
            )
            return
        if "settle" in line:
            at, refund_id, status = line["settle"]
            heapq.heappush(self.unsettled, (datetime.fromisoformat(at), refund_id, status))
            return
        refund = BookedRefund(
            **{**line["refund"], "request": BookedRequest(**line["refund"]["request"])}
        )
        self.made = max(self.made, int(refund.id.rsplit("_", 1)[1]))
        self._put(refund)

    def report(self, *, effects: bool) -> dict[str, Any]:
        """Totals, requests, callers, and references with more than one effect.

        With `effects` all refunds, too.
        """
        statuses = Counter(refund.status for refund in self.refunds.values())
        sums: Counter[str] = Counter()
        for refund in self.refunds.values():
            if refund.status == SUCCEEDED:
                sums[refund.request.currency or "credits"] += refund.request.amount
        callers: dict[str, dict[str, int]] = {}
        for (caller, method), count in self.callers.items():
            callers.setdefault(caller, {})[method] = count
        report: dict[str, Any] = {
            "requests": dict(self.requests),
            "callers": callers,
            "totals": {status: statuses[status] for status in (SUCCEEDED, PENDING, FAILED)}
            | {"sums": dict(sums)},
            "twice": dict(self._twice()),
        }
        return report | (
            {"effects": [_entry(refund) for refund in self.refunds.values()]} if effects else {}
        )

    def _twice(self) -> Iterator[tuple[str, int]]:
        for reference, ids in self.by_reference.items():
            if len(ids) > 1:
                count = sum(self.refunds[refund_id].status != FAILED for refund_id in ids)
                if count > 1:
                    yield reference, count

    def _write(self, line: dict[str, Any]) -> None:
        if self.journal is not None:
            self.journal.write({"book": self.name} | line)

    def _put(self, refund: BookedRefund) -> None:
        if self.journal is not None:
            self._write({"refund": asdict(refund)})
        known = self.refunds.get(refund.id)
        self.refunds[refund.id] = refund
        if known is None:
            self.by_reference.setdefault(refund.request.reference, []).append(refund.id)
            if refund.key is not None:
                self.by_key[refund.key] = refund.id
            if refund.request.business is not None:
                self.owners.setdefault(refund.request.subject, refund.request.business)
        if self.limited:
            request = refund.request
            payment = self.payments.setdefault(
                request.subject, Payment(request.amount, request.currency)
            )
            payment.refunded += _taken(refund) - (_taken(known) if known else 0)


def open_books(path: Path | None) -> tuple[dict[str, Book], Journal | None]:
    """The books of both services, read back from the journal at `path`.

    None keeps them in memory.
    """
    journal = None if path is None else Journal(path)
    books = {
        "payments": Book("payments", "rf", limited=True, journal=journal),
        "credits": Book("credits", "cr", limited=False, journal=journal),
    }
    if journal is not None:
        for line in journal.lines():
            books[line["book"]].enter(line)
        journal.begin(anew=False)
    return books, journal


def _taken(refund: BookedRefund) -> int:
    return 0 if refund.status == FAILED else refund.request.amount


def _entry(refund: BookedRefund) -> dict[str, Any]:
    entry = asdict(refund)
    asked: dict[str, Any] = entry.pop("request")
    return asked | entry
