"""Plans that are checked: how they are asked for, and a payment service that notes each read."""

import asyncio
import json
import time
from collections import Counter
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import httpx
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from app.db.core.engine import Database
from app.main import create_app
from app.refunds.runtime import gateways
from app.serving import served

PATH = "/v1/bulk-cancellations/plan?check=true"
SSE = {"Accept": "text/event-stream"}
JSON = {"Accept": "application/json"}


async def checked(desk, session_ids="all", **members):
    """The plan that was checked, as JSON."""
    answer = await desk.http.post(
        PATH, json=desk.body(session_ids, **members), headers=JSON, timeout=300
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


async def events(answer):
    """The events of an open answer, each with its data."""
    name = None
    async for line in answer.aiter_lines():
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


def codes(check):
    """The risks by booking."""
    return {one["booking_id"]: one["code"] for one in check["risks"]}


def left_out(check):
    return {one["reason"]: one["count"] for one in check["not_asked"]}


async def known(studio, payment_id, amount_minor=2000, currency="CAD", **facts):
    """Have the sandbox know a payment."""
    document = {"business_id": "studio", "amount_minor": amount_minor, "currency": currency}
    answer = await studio.upstream.put(f"/payments/{payment_id}", json=document | facts)
    assert answer.status_code == 200, answer.text


async def booked(studio, count, session_id="yoga"):
    """A class with so many bookings, each paid by 20 dollars that the sandbox knows of."""
    bookings = [studio.record("booking", f"b{n}", session_id, ("CAD", 2000)) for n in range(count)]
    await studio.load(studio.record("session", session_id), *bookings)
    for n in range(count):
        await known(studio, f"b{n}-payment-1")


class Payments:
    """A payment service that knows every payment of 20 dollars, and when it was asked for which.

    `answers` are given first, one a read: a status, its headers and its body, or None for a
    connection that is closed without an answer.
    """

    def __init__(self, *answers):
        self.answers = list(answers)
        self.came = []
        self.answered = []
        self.asked = Counter()
        self.in_flight = self.most_in_flight = 0
        self.seconds = 0.0
        self.most = float("inf")
        self.goes_on = asyncio.Event()  # to answer those beyond the most

    def answers_until(self, most):
        """Answer so many, and keep the next waiting until `goes_on`."""
        self.most = most

    async def read(self, request):
        self.came.append(time.monotonic())
        payment_id = request.path_params["payment_id"]
        self.asked[payment_id] += 1
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            await asyncio.sleep(self.seconds)
            if len(self.came) > self.most:
                await self.goes_on.wait()
        finally:
            self.in_flight -= 1
        self.answered.append(time.monotonic())
        if self.answers and (answer := self.answers.pop(0)) is not None:
            status, headers, body = answer
            return JSONResponse(body, status, headers)
        facts = {"captured": True, "disputed": False}
        return JSONResponse({"remaining_minor": 2000, "currency": "CAD"} | facts)

    @property
    def app(self):
        return Starlette(routes=[Route("/payments/{payment_id}", self.read)])


@asynccontextmanager
async def asking(studio, payments, **settings):
    """Have the studio's plans checked at this service, by these settings."""
    async with served(payments.app) as address:
        changed = studio.runtime.settings.model_copy(update=settings)
        calls = gateways(changed, payments_url=address, credits_url=address)
        runtime = replace(studio.runtime, gateways=calls, settings=changed)
        app = create_app(changed, database=studio.db, queue=studio.queue, runtime=runtime)
        before, studio.http._transport.app = studio.http._transport.app, app
        try:
            yield runtime
        finally:
            studio.http._transport.app = before
            with suppress(Exception):
                await runtime.aclose()


@asynccontextmanager
async def another_process(studio, runtime):
    """A caller of another process: all that it shares with this one is the database."""
    db = Database(studio.db.url.render_as_string(hide_password=False))
    theirs = replace(runtime, db=db, stopping=asyncio.Event())
    app = create_app(theirs.settings, database=db, queue=studio.queue, runtime=theirs)
    transport = httpx.ASGITransport(app)
    headers = {"Authorization": f"Bearer {studio.key}"} | JSON
    try:
        async with httpx.AsyncClient(
            transport=transport, base_url="http://another", headers=headers
        ) as http:
            yield http
    finally:
        await db.close()
