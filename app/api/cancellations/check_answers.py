"""A plan that the payment service is asked about, as events or as one answer."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress
from typing import Any, Final

from fastapi import Request
from fastapi.responses import StreamingResponse
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from app.api.cancellations import cancellation_bodies as bodies
from app.api.cancellations.cancellation_streams import STREAMED, event
from app.api.cancellations.check_bodies import CheckWords, PlanCheck, PlanProgress
from app.api.dependencies import State
from app.auth.callers import Caller
from app.auth.roles import Scope as KeyScope
from app.cancellation.plan_payments import PlannedPayments, plan_payments
from app.errors import Stopping
from app.refunds.plan_check.check import (
    CheckProgress,
    CheckResult,
    CheckStep,
    LineAtRisk,
    check_plan,
)

Steps = AsyncGenerator[CheckStep | None]
MEDIA_TYPE: Final = "text/event-stream"
# In words alone: beside JSON a stream's own type would make every typed client's plan a text, too.
RESPONSE: Final[dict[str, Any]] = {
    "description": (
        "The plan. With `check=true` and JSON asked for by its name, what was found is its "
        "`check`. With `check=true` otherwise the answer is `text/event-stream`: `progress` (a "
        "`PlanProgress`) and `risk` (a `LineRisk`) as the payment service answers, and at the end "
        "`done` (a `PlanCheck`). A stream without `done` was broken off.\n\n"
        "```\n"
        'event: risk\ndata: {"session_id": "s1", "booking_id": "b7", "code": "disputed", …}\n\n'
        'event: progress\ndata: {"asked": 40, "of": 120, "at_risk": 1, "unknown": 0}\n\n'
        'event: done\ndata: {"digest": "…", "risks": […], "balances": […], …}\n'
        "```"
    )
}


async def planned(
    service: State, who: Caller, body: bodies.CancellationRequest
) -> tuple[PlannedPayments, CheckWords, Steps]:
    """The plan, how it is told, and the steps of its check, which has begun.

    Raises:
        Invalid: as for a plan.
        Problem: 409 check-under-way.
    """
    settings = service.settings
    would = await plan_payments(
        service.db,
        who.business_id,
        who.timezone,
        body.to_request(who.locations),
        most_lines=settings.check_lines,
    )
    words = CheckWords(would.plan, named=KeyScope.AUDIT_READ in who.scopes)
    steps = check_plan(service.runtime, who.business_id, would, seconds=settings.check_seconds)
    await anext(steps)
    return would, words, steps


class CheckStream(StreamingResponse):
    """The steps as server-sent events; what asks for them ends when its reader does."""

    def __init__(self, steps: Steps, words: CheckWords) -> None:
        self._steps = steps
        super().__init__(_events(steps, words), headers=STREAMED, media_type=MEDIA_TYPE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with aclosing(self._steps):
            await super().__call__(scope, receive, send)


async def _events(steps: Steps, words: CheckWords) -> AsyncIterator[bytes]:
    async for step in steps:
        match step:
            case None:
                yield b": still here\n\n"
            case CheckProgress():
                yield event("progress", None, PlanProgress.told(step))
            case LineAtRisk():
                yield event("risk", None, words.risk(step))
            case CheckResult():
                yield event("done", None, words.result(step))


async def answered(steps: Steps, words: CheckWords, request: Request) -> PlanCheck:
    """What was found in the end, unless the caller goes before.

    Raises:
        ClientDisconnect: they have gone.
        Stopping: the process stops.
    """
    ends = asyncio.create_task(_last(steps))
    goes = asyncio.create_task(_until_gone(request))
    try:
        await asyncio.wait([ends, goes], return_when=asyncio.FIRST_COMPLETED)
        if not ends.done():
            raise ClientDisconnect
        return words.result(ends.result())
    finally:
        for one in (ends, goes):
            one.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await ends


async def _last(steps: Steps) -> CheckResult:
    async with aclosing(steps):
        async for step in steps:
            if isinstance(step, CheckResult):
                return step
    raise Stopping


async def _until_gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
