"""Tells a caller, by hooks, how a pending refund ended.

Hooks are signed as Standard Webhooks 1.0.0 says, and go over real HTTP. A hook that nobody takes is
not sent again: hooks that never come are a fault like any other.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import uuid4

import httpx
import orjson
from standardwebhooks import Webhook

from app.sandbox.books import PENDING, Book, BookedRefund
from app.sandbox.contracts import shown
from app.sandbox.faults import Hooks

_AT_ONCE = 8
_PATIENCE_SECONDS = 60.0  # long: a hook lost to a busy machine would be a fault nobody asked for


@dataclass(slots=True)
class Herald:
    """Sends the hooks of one service; the books count what was answered."""

    book: Book
    now: Callable[[], datetime]
    running: set[asyncio.Task[None]] = field(default_factory=set)
    room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_AT_ONCE))
    client: httpx.AsyncClient | None = None

    async def announce(self, refund_id: str, hooks: Hooks, *, due_at: datetime) -> None:
        """See that this refund settles when it is due, and its caller is told.

        With `before_answer` all that is over on return.
        """
        task = asyncio.create_task(self._announce(refund_id, hooks, due_at))
        self.running.add(task)
        task.add_done_callback(self.running.discard)
        if hooks.before_answer:
            await asyncio.wait([task])

    async def aclose(self) -> None:
        """Send nothing more."""
        for task in self.running:
            task.cancel()
        await asyncio.gather(*self.running, return_exceptions=True)
        if self.client is not None:
            await self.client.aclose()

    async def _announce(self, refund_id: str, hooks: Hooks, due_at: datetime) -> None:
        await asyncio.sleep(max(0.0, (due_at - self.now()).total_seconds()))
        self.book.settle_due(max(due_at, self.now()))  # a loop may wake us a moment early
        await asyncio.sleep(hooks.delay_seconds)
        refund = self.book.refunds.get(refund_id)
        if refund is None:
            return  # the books were cleared meanwhile
        for word in hooks.tell:
            await self._send(refund, PENDING if word == PENDING else refund.status, hooks)

    async def _send(self, refund: BookedRefund, status: str, hooks: Hooks) -> None:
        at = self.now().astimezone(UTC)  # `sign` takes any time for UTC
        data = shown(refund, status=status)
        document = {
            "type": "refund.updated",
            "timestamp": at.isoformat(timespec="milliseconds"),
            "data": data,
        }
        body = orjson.dumps(document).decode()
        event_id = f"msg_{uuid4().hex}"
        headers = {
            "content-type": "application/json",
            "webhook-id": event_id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": Webhook(hooks.secret).sign(event_id, at, body),
        }
        await asyncio.gather(*(self._post(hooks.url, body, headers) for _ in range(hooks.times)))

    async def _post(self, url: str, body: str, headers: dict[str, str]) -> None:
        requests: Counter[str] = self.book.requests
        if self.client is None:
            self.client = httpx.AsyncClient(trust_env=False, timeout=_PATIENCE_SECONDS)
        try:
            async with self.room:
                answer = await self.client.post(url, content=body, headers=headers)
        except httpx.TransportError:
            requests["hooks_lost"] += 1
        else:
            requests[f"hooks_{answer.status_code}"] += 1
