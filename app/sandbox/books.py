"""What one upstream did: every refund that it made, in whichever form.

Each is once in the journal before anybody is told of it. The books are the oracle of the fault
tests. A refund that moved money or gave credits back is an *effect*; one that failed is not.
"""

import heapq
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from app.sandbox.journal import Journal
from app.sandbox.payments import Payment, Till
from app.sandbox.tokens import PLATFORM

SUCCEEDED, PENDING, FAILED = "succeeded", "pending", "failed"
FAILURE = "declined_by_issuer"
ORIGINAL, VOID, STORE_CREDIT, GOODWILL = "original", "void", "store_credit", "goodwill"
# Of these the subject is a payment or an account, which is one business's; else it is a client.
OF_ONE_BUSINESS = {ORIGINAL, VOID}


@dataclass(frozen=True, slots=True)
class BookedRequest:
    """What a caller asked for.

    `subject` is the payment, the account or the client, `amount` minor units or credits. `business`
    is whose the subject is said to be; a journal of before that was asked for has none. Credits are
    to hold at least until `valid_until`. A journal of before there were forms has the original.
    """

    subject: str
    amount: int
    currency: str | None
    reference: str
    reason: str | None
    business: str | None = None
    client: str | None = None
    valid_until: str | None = None
    form: str = ORIGINAL


@dataclass(frozen=True, slots=True)
class BookedRefund:
    """One refund or return.

    `first_status` is what the first answer said, which a replay says again. `caller` is whose token
    asked for it; a journal of before that was kept has the platform's. What is not `counted` leaves
    its payment as it stood. `traceparent` is the header of that name that asked for it.
    """

    id: str
    key: str | None
    request: BookedRequest
    status: str
    first_status: str
    created_at: str
    failure_code: str | None = None
    caller: str = PLATFORM
    counted: bool = True
    traceparent: str | None = None


@dataclass(slots=True)
class Book:
    """The books of one service.

    `prefixes` begin its ids, by form; `till` is there where amounts can be used up. `owners` says
    whose a payment or an account is: the business's that it was first seen with. `callers` counts
    calls by whose token they had, and method.
    """

    name: str
    prefixes: Mapping[str, str]
    till: Till | None = None
    refunds: dict[str, BookedRefund] = field(default_factory=dict)
    by_reference: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    by_key: dict[str, str] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    unsettled: list[tuple[datetime, str, str]] = field(default_factory=list)
    requests: Counter[str] = field(default_factory=Counter)
    callers: Counter[tuple[str, str]] = field(default_factory=Counter)
    made: int = 0
    journal: Journal | None = None

    def refusal(self, request: BookedRequest, *, now: datetime) -> str | None:
        """Why this cannot be given back of its payment as it stands.

        None if it can.
        """
        if self.till is None:
            return None
        asked = (request.subject, request.amount, request.currency)
        if request.form == VOID:
            return self.till.void_refusal(*asked)
        return self.till.refusal(*asked, now=now)

    def make(
        self,
        request: BookedRequest,
        *,
        key: str | None,
        status: str,
        now: datetime,
        caller: str = PLATFORM,
        counted: bool = True,
        traceparent: str | None = None,
    ) -> BookedRefund:
        """Make a refund, in the journal and in the books."""
        self.made += 1
        refund = BookedRefund(
            id=f"{self.prefixes[request.form]}_{self.made:08d}",
            key=key,
            request=request,
            status=status,
            first_status=status,
            created_at=now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            failure_code=FAILURE if status == FAILED else None,
            caller=caller,
            counted=counted,
            traceparent=traceparent,
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
        if request.form not in OF_ONE_BUSINESS:
            return False
        return self.owners.get(request.subject, request.business) != request.business

    def register(self, payment_id: str, payment: Payment, business: str | None = None) -> None:
        """Make a payment known, so that refunds of it are measured against it."""
        if self.till is not None:
            self.till.register(payment_id, payment)
        if business is not None:
            self.owners[payment_id] = business
        line = [payment_id, payment.amount, payment.currency, business, payment.facts()]
        self._write({"payment": line})

    def keep_balance(self, balance: dict[str, int]) -> None:
        """Keep a balance from now on; refunds are taken from it."""
        if self.till is not None:
            self.till.balance = dict(balance)
        self._write({"balance": balance})

    def found(self, form: str, reference: str) -> list[BookedRefund]:
        """The refunds made in a form under a reference, oldest first."""
        ids = self.by_reference.get((form, reference), ())
        return [self.refunds[refund_id] for refund_id in ids]

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
            self.owners,
            self.unsettled,
            self.requests,
            self.callers,
        ):
            kept.clear()
        if self.till is not None:
            self.till.clear()

    def enter(self, line: dict[str, Any]) -> None:
        """Put one line of the journal back into the books."""
        if "payment" in line:
            # A journal of before has no business, or no facts.
            payment_id, amount, currency, business, facts = [*line["payment"], None, None][:5]
            self.register(payment_id, Payment(amount, currency, **(facts or {})), business)
            return
        if "balance" in line:
            self.keep_balance(line["balance"])
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

    def _write(self, line: dict[str, Any]) -> None:
        if self.journal is not None:
            self.journal.write({"book": self.name} | line)

    def _put(self, refund: BookedRefund) -> None:
        if self.journal is not None:
            self._write({"refund": asdict(refund)})
        known = self.refunds.get(refund.id)
        self.refunds[refund.id] = refund
        if known is None:
            of_this = (refund.request.form, refund.request.reference)
            self.by_reference.setdefault(of_this, []).append(refund.id)
            if refund.key is not None:
                self.by_key[refund.key] = refund.id
            if refund.request.business is not None and refund.request.form in OF_ONE_BUSINESS:
                self.owners.setdefault(refund.request.subject, refund.request.business)
        if self.till is not None:
            request = refund.request
            taken = _taken(refund) - (_taken(known) if known else 0)
            self.till.give_back(request.subject, request.amount, request.currency, taken)


def open_books(path: Path | None) -> tuple[dict[str, Book], Journal | None]:
    """The books of both services, read back from the journal at `path`.

    None keeps them in memory.
    """
    journal = None if path is None else Journal(path)
    books = {
        "payments": Book("payments", {ORIGINAL: "rf", VOID: "vd"}, Till(), journal=journal),
        "credits": Book(
            "credits", {ORIGINAL: "cr", STORE_CREDIT: "sc", GOODWILL: "gr"}, journal=journal
        ),
    }
    if journal is not None:
        for line in journal.lines():
            books[line["book"]].enter(line)
        journal.begin(anew=False)
    return books, journal


def _taken(refund: BookedRefund) -> int:
    return refund.request.amount if refund.counted and refund.status != FAILED else 0
