"""The model's upstream: it keeps its own books, and does with each call what the run has drawn.

It speaks the contracts' words (`openapi/*-upstream.yaml`) into the real gateways, so that what is
judged is what they read. It is never caught in a lie that the contracts forbid; where they leave
room it takes it.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson

from app.gateways.http import Broken, HttpAnswer, NotSent, Reply

SUCCEEDED, PENDING, FAILED = "succeeded", "pending", "failed"


class Kind(StrEnum):
    """What kind of upstream a run has."""

    JUDGE = "judge"  # makes every refund that it is asked for
    KEEPS_KEYS = "keeps keys"
    LIMITS = "limits"  # forgets keys, and refuses to return a payment twice


class Deed(StrEnum):
    """What becomes of one call that asks for a refund."""

    DONE = "done"
    DONE_UNHEARD = "done, no answer"
    DONE_UNSEEN = "done, no answer, and look-ups lag behind"
    DONE_500 = "done, 500"
    DONE_GARBAGE = "done, and the answer is no JSON"
    DONE_WRONG_AMOUNT = "done, and the answer names another amount"
    PENDING = "pending"
    PENDING_UNHEARD = "pending, no answer"
    FAILED = "failed"
    FAILED_UNHEARD = "failed, no answer"
    LOST = "lost, no answer"
    LOST_500 = "lost, 500"
    KEY_IN_USE = "409 key in use"
    NOT_SENT = "not sent"
    THROTTLED = "429"
    UNAVAILABLE = "503"
    DISPUTED = "refused: payment_disputed"
    NOT_FOUND = "refused: payment_not_found"
    POOR = "refused: insufficient_balance"
    ELSEWHERE = "refused: already_refunded, by somebody else"


class Look(StrEnum):
    """What becomes of one look-up."""

    TRUE = "told the truth"
    SILENT = "no answer"
    BROKEN = "500"
    THROTTLED = "429"
    # Only of a refund that it has told us of: that it does not show it now is no leave to send it
    # again.
    FORGETFUL = "shows nothing but failures, of what it had accepted"


_MADE = {
    Deed.DONE: SUCCEEDED,
    Deed.DONE_UNHEARD: SUCCEEDED,
    Deed.DONE_UNSEEN: SUCCEEDED,
    Deed.DONE_500: SUCCEEDED,
    Deed.DONE_GARBAGE: SUCCEEDED,
    Deed.DONE_WRONG_AMOUNT: SUCCEEDED,
    Deed.PENDING: PENDING,
    Deed.PENDING_UNHEARD: PENDING,
    Deed.FAILED: FAILED,
    Deed.FAILED_UNHEARD: FAILED,
}
_UNHEARD = {Deed.DONE_UNHEARD, Deed.DONE_UNSEEN, Deed.PENDING_UNHEARD, Deed.FAILED_UNHEARD}
_REFUSALS = {
    Deed.KEY_IN_USE: (409, "idempotency_key_in_use"),
    Deed.THROTTLED: (429, "too_many_requests"),
    Deed.UNAVAILABLE: (503, "unavailable"),
    Deed.DISPUTED: (422, "payment_disputed"),
    Deed.NOT_FOUND: (404, "payment_not_found"),
    Deed.POOR: (422, "insufficient_balance"),
}


@dataclass(slots=True)
class Entry:
    """One refund in the books. Unless it failed, it is an effect.

    `unseen`: look-ups do not show it yet.
    """

    id: str
    reference: str
    key: str
    subject: str
    amount: int
    status: str
    first_status: str
    unseen: bool

    @property
    def is_effect(self) -> bool:
        return self.status != FAILED

    def shown(self, status: str) -> dict[str, Any]:
        told = {"id": self.id, "status": status, "reference": self.reference}
        return told | ({"failure_code": "declined"} if status == FAILED else {})


class Books:
    """An upstream of one kind; `limit_code` is how it says that nothing is left of a payment."""

    def __init__(self, kind: Kind, limit_code: str, *, newest_first: bool) -> None:
        self.kind = kind
        self.limit_code = limit_code
        self.newest_first = newest_first
        self.entries: list[Entry] = []
        self.refunded_elsewhere: set[str] = set()
        # What becomes of the next call and look-up.
        self.deed = Deed.DONE
        self.look = Look.TRUE

    def of(self, reference: str) -> list[Entry]:
        return [entry for entry in self.entries if entry.reference == reference]

    def effects(self, reference: str) -> list[Entry]:
        return [entry for entry in self.of(reference) if entry.is_effect]

    def pending(self) -> list[Entry]:
        return [entry for entry in self.entries if entry.status == PENDING]

    def catch_up(self) -> None:
        """Look-ups show all again."""
        for entry in self.entries:
            entry.unseen = False

    async def call(self, method: str, path: str, *, query=None, headers=None, json=None) -> Reply:
        """Stands where the gateway's connection pool stands."""
        if method == "GET" and "reference" not in query:
            return self._read(path)
        if method == "GET":
            return self._find(query["reference"])
        return self._ask(path, headers["Idempotency-Key"], json)

    async def aclose(self) -> None:
        return

    def _read(self, _path: str) -> Reply:
        return answer(404, {})

    def _find(self, reference: str) -> Reply:
        match self.look:
            case Look.SILENT:
                return Broken("no answer")
            case Look.BROKEN:
                return answer(500, {})
            case Look.THROTTLED:
                return answer(429, {}, retry_after="2")
        found = [entry for entry in self.of(reference) if not entry.unseen]
        if self.look is Look.FORGETFUL:
            found = [entry for entry in found if not entry.is_effect]
        if self.newest_first:
            found.reverse()
        return answer(200, {"data": [entry.shown(entry.status) for entry in found]})

    def _ask(self, path: str, key: str, order: dict[str, Any]) -> Reply:
        deed = self.deed
        unseen = [entry for entry in self.of(order["reference"]) if entry.unseen]
        if unseen:
            # What look-ups did not show yet it knows of here: it answers or refuses by that, and
            # shows it from now on.
            deed = Deed.DONE
            self.catch_up()
        match deed:
            case Deed.LOST:
                return Broken("no answer")
            case Deed.LOST_500:
                return answer(500, {})
            case Deed.NOT_SENT:
                return NotSent("refused")
            case Deed.KEY_IN_USE | Deed.THROTTLED | Deed.UNAVAILABLE:
                status, code = _REFUSALS[deed]
                return answer(
                    status, {"code": code}, **({} if status == 409 else {"retry_after": "2"})
                )
        return self._decide(deed, path, key, order)

    def _subject(self, _path: str, order: dict[str, Any]) -> str:
        """What is returned to: of one subject nothing is left once it was."""
        return order.get("payment_id") or order["account_id"]

    def _refusal(self, _path: str, _order: dict[str, Any]) -> tuple[int, dict[str, Any]] | None:
        """The answer by which this order is refused, whatever the run has drawn."""
        return None

    def _decide(self, deed: Deed, path: str, key: str, order: dict[str, Any]) -> Reply:
        subject = self._subject(path, order)
        amount = order.get("amount_minor") or order["credits"]
        if self.kind is Kind.KEEPS_KEYS:
            for entry in self.entries:
                if entry.key == key:
                    return self._tell(deed, entry, amount)
        if refused := self._refusal(path, order):
            return Broken("no answer") if deed in _UNHEARD else answer(*refused)
        ours = any(entry.is_effect and entry.subject == subject for entry in self.entries)
        if deed is Deed.ELSEWHERE and not ours:
            self.refunded_elsewhere.add(subject)
        if subject in self.refunded_elsewhere:
            return answer(422, {"code": "already_refunded"})
        if ours and self.kind is not Kind.JUDGE:
            return answer(422, {"code": self.limit_code})
        if deed in _REFUSALS:
            status, code = _REFUSALS[deed]
            return answer(status, {"code": code})
        status = _MADE.get(deed, SUCCEEDED)
        unseen = deed is Deed.DONE_UNSEEN and self.kind is not Kind.JUDGE
        entry = Entry(
            f"re_{len(self.entries)}",
            order["reference"],
            key,
            subject,
            amount,
            status,
            status,
            unseen,
        )
        self.entries.append(entry)
        return self._tell(deed, entry, amount)

    def _tell(self, deed: Deed, entry: Entry, amount: int) -> Reply:
        if deed in _UNHEARD:
            return Broken("no answer")
        if deed is Deed.DONE_500:
            return answer(500, {})
        if deed is Deed.DONE_GARBAGE:
            return HttpAnswer(201, {}, b"<html>")
        shown = entry.shown(entry.first_status)
        if deed is Deed.DONE_WRONG_AMOUNT:
            shown |= {"amount_minor": amount + 1, "credits": amount + 1}
        return answer(201, shown)


def answer(status: int, body: dict[str, Any], **headers: str) -> HttpAnswer:
    """An answer in JSON."""
    return HttpAnswer(
        status,
        {name.replace("_", "-"): value for name, value in headers.items()},
        orjson.dumps(body),
    )
