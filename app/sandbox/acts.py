"""Making a refund, a return, a void or a grant: refused, replayed, or booked."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from app.sandbox.books import PENDING, Book, BookedRefund, BookedRequest
from app.sandbox.contracts import Offer
from app.sandbox.faults import Dice
from app.sandbox.tokens import Tokens

KEY_REUSED = "idempotency_key_reused"
BALANCE = "/balance"
READ = re.compile(r"/balance|/payments/[^/]{1,128}")


@dataclass(frozen=True, slots=True)
class Made:
    """The refund under this key, made now or before."""

    refund: BookedRefund
    replayed: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing was done."""

    code: str
    detail: str

    @property
    def status(self) -> int:
        """The status that says so."""
        if self.code.endswith("_not_found"):
            return 404
        return 400 if self.code == KEY_REUSED else 422


@dataclass(frozen=True, slots=True)
class Desk:
    """Where one service does what it is asked for."""

    book: Book
    tokens: Tokens
    now: Callable[[], datetime]

    def act(
        self,
        offer: Offer,
        request: BookedRequest,
        key: str,
        caller: str,
        dice: Dice,
        *,
        traceparent: str | None = None,
    ) -> Made | Refused:
        """Do it, or say why not."""
        # No await in here: between looking at the books and writing into them nobody else can.
        now = self.now()
        faults = dice.faults
        self.book.settle_due(now)
        if not self.tokens.speaks_for(caller, request.business):
            return Refused(offer.not_found, f"{request.subject} is not the caller's")
        before = None if faults.forget_keys or faults.ignore_keys else self.book.replayed(key)
        if before is not None:
            if before.request != request:
                return Refused(KEY_REUSED, "the key came before with another body")
            self.book.requests["replays"] += 1
            return Made(before, replayed=True)
        code = dice.refusal(request.subject)
        if code is None and self.book.is_of_another(request):
            # As if there were none: whose it is, is nobody else's to know.
            code = offer.not_found
        if code is None and not faults.allow_excess:
            code = self.book.refusal(request, now=now)
        if code is not None:
            return Refused(
                code, f"{request.subject} cannot be given back: {code.replace('_', ' ')}"
            )
        refund = self.book.make(
            request,
            key=key,
            status=dice.status(),
            now=now,
            caller=caller,
            counted=not faults.forget_amounts,
            traceparent=traceparent,
        )
        if refund.status == PENDING and faults.pending_then != "never":
            self.book.settle_later(refund, faults.pending_then, at=now + pending_for(dice))
        return Made(refund, replayed=False)

    def read(self, path: str, business: str | None, caller: str) -> dict[str, Any] | None:
        """The balance, or a payment as it stands; None: there is none for this caller."""
        till = self.book.till
        if till is None or path == BALANCE:
            return _available(till.balance) if till is not None else None
        payment_id = path.removeprefix("/payments/")
        owner = self.book.owners.get(payment_id)
        if payment_id not in till.payments or not self.tokens.speaks_for(caller, owner or business):
            return None
        if owner is not None and owner != business:
            return None
        return till.shown(payment_id)


def _available(balance: dict[str, int] | None) -> dict[str, Any] | None:
    if balance is None:
        return None
    return {
        "available": [
            {"currency": currency, "amount_minor": amount} for currency, amount in balance.items()
        ]
    }


def pending_for(dice: Dice) -> timedelta:
    """How long a pending refund stays so."""
    faults = dice.faults
    at_once = faults.hooks is not None and faults.hooks.before_answer
    return timedelta(seconds=0 if at_once else faults.pending_seconds)
