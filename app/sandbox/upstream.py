"""One upstream service: refunds as its contract says, faults as its dice say.

Whatever goes wrong, the books say truly what was done: a fault is in what the caller hears, or in
whether the act takes place at all, and never in between.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

from pydantic import ValidationError
from starlette.types import Receive, Scope, Send

from app.sandbox.books import PENDING, Book, BookedRefund, BookedRequest
from app.sandbox.contracts import RefundBody, ReturnBody, complaint, shown
from app.sandbox.faults import Dice, FaultKind
from app.sandbox.hooks import Herald
from app.sandbox.tokens import NOBODY, Tokens
from app.sandbox.wire import answer, answer_json, body_of, drop, refuse, until_gone

MAX_BODY_BYTES = 64 * 1024
MAX_KEY_LENGTH = 255
KEY_REUSED = "idempotency_key_reused"
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


@dataclass(slots=True)
class SandboxUpstream:
    """The ASGI app of one service: `POST path` makes a refund, `GET path?reference=` finds it."""

    path: str
    body: type[RefundBody | ReturnBody]
    book: Book
    dice: Dice
    tokens: Tokens
    not_found: str
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    in_flight: set[str] = field(default_factory=set)
    herald: Herald = field(init=False)

    def __post_init__(self) -> None:
        """Give the service its own sender of hooks."""
        self.herald = Herald(self.book, self.now)

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
        if path != self.path:
            return await self._refuse(call, 404, "not_found", "no such path")
        if call.method not in {"POST", "GET"}:
            return await self._refuse(
                call, 405, "method_not_allowed", "POST or GET", {"Allow": "GET, POST"}
            )
        body = await body_of(receive, limit=MAX_BODY_BYTES)
        if body is None:
            return None
        seconds = self.dice.throttled_seconds(time.monotonic())
        if seconds is not None:
            return await self._refuse(
                call, 429, "too_many_requests", "slow down", self._retry_after(seconds)
            )
        if call.method == "GET":
            return await self._look_up(call)
        return await self._post(call, body)

    async def _post(self, call: SandboxCall, body: bytes) -> None:
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
            request = self.body.model_validate_json(body).request()
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
            made = self._act(request, key, call.caller)
        finally:
            self.in_flight.discard(key)
        match made:
            case Refused(code, detail):
                status = 404 if code.endswith("_not_found") else 400 if code == KEY_REUSED else 422
                return await self._refuse(call, status, code, detail)
            case Made(refund, replayed):
                if not replayed:
                    await self._announce(refund)
                headers = {"Idempotent-Replayed": "true"} if replayed else {}
                document = shown(refund, status=refund.first_status)
                return await self._tell(call, trouble, 201, document, headers)

    def _act(self, request: BookedRequest, key: str, caller: str) -> Made | Refused:
        # No await in here: between looking at the books and writing into them nobody else can.
        now = self.now()
        faults = self.dice.faults
        self.book.settle_due(now)
        if not self.tokens.speaks_for(caller, request.business):
            return Refused(self.not_found, f"{request.subject} is not the caller's")
        before = None if faults.forget_keys or faults.ignore_keys else self.book.replayed(key)
        if before is not None:
            if before.request != request:
                return Refused(KEY_REUSED, "the key came before with another body")
            self.book.requests["replays"] += 1
            return Made(before, replayed=True)
        code = self.dice.refusal(request.subject)
        if code is None and self.book.is_of_another(request):
            # As if there were none: whose it is, is nobody else's to know.
            code = self.not_found
        if code is None and not faults.allow_excess:
            code = self.book.refusal(request)
        if code is not None:
            return Refused(
                code, f"{request.subject} cannot be given back: {code.replace('_', ' ')}"
            )
        refund = self.book.make(request, key=key, status=self.dice.status(), now=now, caller=caller)
        if refund.status == PENDING and faults.pending_then != "never":
            self.book.settle_later(refund, faults.pending_then, at=now + self._pending_for())
        return Made(refund, replayed=False)

    def _pending_for(self) -> timedelta:
        faults = self.dice.faults
        at_once = faults.hooks is not None and faults.hooks.before_answer
        return timedelta(seconds=0 if at_once else faults.pending_seconds)

    async def _announce(self, refund: BookedRefund) -> None:
        faults = self.dice.faults
        if faults.hooks is not None and refund.status == PENDING and faults.pending_then != "never":
            await self.herald.announce(
                refund.id, faults.hooks, due_at=self.now() + self._pending_for()
            )

    async def _look_up(self, call: SandboxCall) -> None:
        trouble = self.dice.trouble() if self.dice.faults.look_ups else None
        if trouble in BEFORE:
            return await self._stumble(call, trouble)
        reference = parse_qs(call.query.decode("latin-1")).get("reference", [""])[0]
        if not reference:
            return await self._refuse(call, 400, "validation", "/reference: required")
        await self._take_time()
        self.book.settle_due(self.now())
        self.book.requests["look_ups"] += 1
        data = [
            shown(refund, status=refund.status)
            for refund in self.book.found(reference)
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


def _other_amount(document: dict[str, Any]) -> dict[str, Any]:
    wrong = {name: document[name] + 1 for name in ("amount_minor", "credits") if name in document}
    changed = document | wrong
    if "data" in document:
        changed["data"] = [_other_amount(one) for one in document["data"]]
    return changed
