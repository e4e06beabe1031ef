"""One upstream service: what its contract says, with faults as its dice say.

Whatever goes wrong, the books say truly what was done: a fault is in what the caller hears, or in
whether the act takes place at all, and never in between.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

from pydantic import ValidationError
from starlette.types import Receive, Scope, Send

from app.sandbox.acts import BALANCE, READ, Desk, Made, Refused, pending_for
from app.sandbox.books import PENDING, Book, BookedRefund
from app.sandbox.contracts import Offer, complaint, shown
from app.sandbox.faults import Dice, FaultKind
from app.sandbox.hooks import Herald
from app.sandbox.tokens import NOBODY, Tokens
from app.sandbox.wire import answer, answer_json, body_of, drop, lack, refuse, until_gone

MAX_BODY_BYTES = 64 * 1024
MAX_KEY_LENGTH = 255
BEFORE = {
    FaultKind.DROP_BEFORE,
    FaultKind.ANSWER_503,
    FaultKind.ANSWER_429,
    FaultKind.ANSWER_500_BEFORE,
}
_HTML = (
    b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
)


@dataclass(frozen=True, slots=True)
class SandboxCall:
    """One request under way."""

    method: str
    path: str
    query: bytes
    headers: dict[bytes, bytes]
    receive: Receive
    send: Send
    caller: str


@dataclass(slots=True)
class SandboxUpstream:
    """The ASGI app of one service.

    Of each offer `POST path` gives back, `GET path?reference=` finds it. A service with a till
    tells of its payments and its balance, too.
    """

    offers: Mapping[str, Offer]
    book: Book
    dice: Dice
    tokens: Tokens
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    in_flight: set[str] = field(default_factory=set)
    herald: Herald = field(init=False)
    desk: Desk = field(init=False)

    def __post_init__(self) -> None:
        """Give the service its own desk and its own sender of hooks."""
        self.herald = Herald(self.book, self.now)
        self.desk = Desk(self.book, self.tokens, self.now)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count, check and answer one request."""
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        caller = self.tokens.caller(
            [value for name, value in scope["headers"] if name == b"authorization"]
        )
        call = SandboxCall(
            scope["method"],
            path,
            scope["query_string"],
            dict(scope["headers"]),
            receive,
            send,
            caller,
        )
        self.book.requests["total"] += 1
        if caller == NOBODY:
            return await self._refuse(
                call, 401, "unauthorized", "no such token", {"WWW-Authenticate": "Bearer"}
            )
        self.book.callers[caller, call.method] += 1
        offer = self.offers.get(path)
        lacking = self._lacking(path, offer)
        if lacking is not None:
            self.book.requests[str(lacking)] += 1
            return await lack(call.send, lacking)
        allowed = {"GET"} if offer is None else {"GET", "POST"}
        if call.method not in allowed:
            allow = {"Allow": ", ".join(sorted(allowed))}
            return await self._refuse(call, 405, "method_not_allowed", allow["Allow"], allow)
        body = await body_of(receive, limit=MAX_BODY_BYTES)
        if body is None:
            return None
        seconds = self.dice.throttled_seconds(time.monotonic())
        if seconds is not None:
            return await self._refuse(
                call, 429, "too_many_requests", "slow down", self._retry_after(seconds)
            )
        if offer is None:
            return await self._read(call)
        if call.method == "GET":
            return await self._look_up(call, offer)
        return await self._post(call, offer, body)

    def _lacking(self, path: str, offer: Offer | None) -> int | None:
        """What this service says where it has no such path; None: it has one."""
        name = path.split("/")[1] if path.startswith("/") else ""
        if name in self.dice.faults.unsupported:
            return self.dice.faults.unsupported_status
        is_read = self.book.till is not None and READ.fullmatch(path)
        return None if offer is not None or is_read else 404

    async def _post(self, call: SandboxCall, offer: Offer, body: bytes) -> None:
        trouble = self.dice.trouble()
        if trouble in BEFORE:
            return await self._stumble(call, trouble)
        if len(body) > MAX_BODY_BYTES:
            return await self._refuse(
                call, 413, "body_too_large", f"at most {MAX_BODY_BYTES} bytes"
            )
        key = call.headers.get(b"idempotency-key", b"").decode("latin-1")
        if not 1 <= len(key) <= MAX_KEY_LENGTH:
            return await self._refuse(
                call, 400, "idempotency_key_missing", "Idempotency-Key: 1 to 255 characters"
            )
        try:
            request = offer.body.model_validate_json(body).request()
        except ValidationError as error:
            return await self._refuse(call, 400, "validation", complaint(error))
        guarded = not self.dice.faults.ignore_keys
        if guarded and key in self.in_flight:
            return await self._refuse(
                call, 409, "idempotency_key_in_use", "the first call with it is under way"
            )
        if guarded:
            self.in_flight.add(key)
        try:
            await self._take_time()
            traceparent = call.headers.get(b"traceparent", b"").decode("latin-1") or None
            made = self.desk.act(
                offer, request, key, call.caller, self.dice, traceparent=traceparent
            )
        finally:
            self.in_flight.discard(key)
        match made:
            case Refused(code, detail):
                return await self._refuse(call, made.status, code, detail)
            case Made(refund, replayed):
                if not replayed:
                    await self._announce(refund)
                headers = {"Idempotent-Replayed": "true"} if replayed else {}
                document = shown(refund, status=refund.first_status)
                return await self._tell(call, trouble, 201, document, headers)

    async def _announce(self, refund: BookedRefund) -> None:
        faults = self.dice.faults
        if faults.hooks is not None and refund.status == PENDING and faults.pending_then != "never":
            await self.herald.announce(
                refund.id, faults.hooks, due_at=self.now() + pending_for(self.dice)
            )

    async def _read(self, call: SandboxCall) -> None:
        trouble = self.dice.trouble() if self.dice.faults.look_ups else None
        if trouble in BEFORE:
            return await self._stumble(call, trouble)
        await self._take_time()
        self.book.settle_due(self.now())
        self.book.requests["reads"] += 1
        business = _parameter(call, "business_id") or None
        found = self.desk.read(call.path, business, call.caller)
        if found is None and call.path == BALANCE:
            self.book.requests["404"] += 1
            return await lack(call.send, 404)
        if found is None:
            return await self._refuse(call, 404, "payment_not_found", "there is no such payment")
        return await self._tell(call, trouble, 200, found, {})

    async def _look_up(self, call: SandboxCall, offer: Offer) -> None:
        trouble = self.dice.trouble() if self.dice.faults.look_ups else None
        if trouble in BEFORE:
            return await self._stumble(call, trouble)
        reference = _parameter(call, "reference")
        if not reference:
            return await self._refuse(call, 400, "validation", "/reference: required")
        await self._take_time()
        self.book.settle_due(self.now())
        self.book.requests["look_ups"] += 1
        data = [
            shown(refund, status=refund.status)
            for refund in self.book.found(offer.form, reference)
            if self.tokens.speaks_for(call.caller, refund.request.business)
        ]
        return await self._tell(call, trouble, 200, {"data": data}, {})

    async def _take_time(self) -> None:
        seconds = self.dice.latency_seconds()
        if seconds > 0:
            await asyncio.sleep(seconds)

    async def _stumble(self, call: SandboxCall, trouble: FaultKind | None) -> None:
        """Fail before anything was done."""
        match trouble:
            case FaultKind.ANSWER_503:
                after = self._retry_after(self.dice.faults.retry_after_seconds)
                await self._refuse(call, 503, "unavailable", "not done, come again", after)
            case FaultKind.ANSWER_429:
                after = self._retry_after(self.dice.faults.retry_after_seconds)
                await self._refuse(call, 429, "too_many_requests", "not now", after)
            case FaultKind.ANSWER_500_BEFORE:
                await self._refuse(call, 500, "internal", "something broke")
            case _:
                self.book.requests["dropped"] += 1
                await drop(call.receive, call.send)

    async def _tell(
        self,
        call: SandboxCall,
        trouble: FaultKind | None,
        status: int,
        document: dict[str, Any],
        headers: dict[str, str],
    ) -> None:
        """Answer what was done, or fail to."""
        match trouble:
            case FaultKind.DROP_AFTER:
                self.book.requests["dropped"] += 1
                await drop(call.receive, call.send)
            case FaultKind.HANG:
                self.book.requests["hung"] += 1
                await until_gone(call.receive)
            case FaultKind.ANSWER_500_AFTER:
                await self._refuse(call, 500, "internal", "something broke")
            case FaultKind.ANSWER_502_AFTER | FaultKind.GARBAGE:
                status = 502 if trouble is FaultKind.ANSWER_502_AFTER else status
                self.book.requests[str(status)] += 1
                await answer(call.send, status, _HTML, b"text/html")
            case _:
                if trouble is FaultKind.HUGE:
                    document = document | {"padding": "x" * 2**20}
                if trouble is FaultKind.WRONG_AMOUNT:
                    document = _other_amount(document)
                self.book.requests[str(status)] += 1
                await answer_json(call.send, status, document, headers)

    async def _refuse(
        self,
        call: SandboxCall,
        status: int,
        code: str,
        detail: str,
        headers: dict[str, str] | None = None,
    ) -> None:
        self.book.requests[str(status)] += 1
        await refuse(call.send, status, code, detail, headers)

    def _retry_after(self, seconds: float) -> dict[str, str]:
        value = self.dice.retry_after(seconds, now=self.now())
        return {} if value is None else {"Retry-After": value}


def _parameter(call: SandboxCall, name: str) -> str:
    return parse_qs(call.query.decode("latin-1")).get(name, [""])[0]


def _other_amount(document: dict[str, Any]) -> dict[str, Any]:
    wrong = {name: document[name] + 1 for name in ("amount_minor", "credits") if name in document}
    changed = document | wrong
    if "data" in document:
        changed["data"] = [_other_amount(one) for one in document["data"]]
    return changed
