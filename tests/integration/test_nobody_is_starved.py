"""A business with as much as it may have keeps nobody waiting.

Whatever it asks for, no step of it holds the loop, so others are answered. The collector
of garbage is off while a test watches: a server freezes what it began with (see the last test), and
a process of tests holds other tests' objects.
"""

import asyncio
import gc
import json
import os
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from benchmarks import schedule
from loop_watchdog import watching

from app.config.settings import Settings
from app.main import create_app
from app.queue import LocalQueue

RANGE = {"date_from": str(schedule.DAY), "date_to": str(schedule.DAY)}
OF_DAY = f"date_from={schedule.DAY}&date_to={schedule.DAY}"
MAX_TRIES = 3


class Business:
    """One whose schedule has so many sessions, and a caller of it."""

    def __init__(self, app, key, sessions):
        self.app, self.key, self.sessions = app, key, sessions

    async def ask(
        self, method, path, body=b"", *, query="", content_type="application/json", **headers
    ):
        """The status and the body of an answer, of which nothing is read faster than it comes."""
        parts = [body[at : at + 64 * 1024] for at in range(0, len(body), 64 * 1024)] or [b""]
        sent = []

        async def receive():
            await asyncio.sleep(0)
            if not parts:
                await asyncio.Event().wait()  # the caller stays
            return {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}

        async def send(message):
            sent.append(message)

        given = {"content-type": content_type, "authorization": f"Bearer {self.key}"} | headers
        scope = {
            "type": "http",
            "http_version": "1.1",
            "scheme": "http",
            "server": ("test", 80),
            "client": ("127.0.0.1", 1),
            "root_path": "",
            "path": path,
            "method": method,
            "query_string": query.encode(),
            "headers": [
                (name.replace("_", "-").encode(), value.encode()) for name, value in given.items()
            ],
        }
        await asyncio.create_task(self.app(scope, receive, send))
        return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])

    async def holds_nobody_up(self, status, *args, **kwargs):
        """Ask up to three times: a busy machine adds to some. Gives the last body."""
        for left in reversed(range(MAX_TRIES)):
            with watching() as watched:
                found, body = await self.ask(*args, **kwargs)
            assert found == status, body[:500]
            try:
                watched.check()
            except AssertionError:
                if left == 0:
                    raise
            else:
                break
        return body


@pytest.fixture(
    params=[3_000, pytest.param(20_000, marks=[pytest.mark.long, pytest.mark.measured])]
)
async def business(request, db):
    key = await schedule.business(db, "studio")
    await schedule.sessions(db, "studio", count=request.param, bookings_each=2)
    app = create_app(Settings(), database=db, queue=LocalQueue())
    found = Business(app, key, request.param)
    await found.ask("GET", "/v1/business")  # what is made once, is made here
    gc.collect()
    gc.disable()
    yield found
    gc.enable()


def a_cancellation(**members):
    return json.dumps(
        RANGE | {"session_ids": "all", "reason": "Snow day", "hold_seconds": 3600} | members
    ).encode()


async def test_a_plan_and_an_acceptance_of_all_sessions_and_their_audit(business):
    path = "/v1/bulk-cancellations"
    plan = json.loads(await business.holds_nobody_up(200, "POST", f"{path}/plan", a_cancellation()))
    assert len(plan["sessions"]) == business.sessions
    # All of it is one client's, who stands for all who walk in.
    telling = a_cancellation(messages={"clients": "email"})
    await business.holds_nobody_up(200, "POST", f"{path}/plan/message", telling)
    # The first time makes the job; once more is answered with the same.
    accepting = a_cancellation(plan_digest=plan["digest"])
    job = json.loads(
        await business.holds_nobody_up(202, "POST", path, accepting, idempotency_key="one")
    )
    assert len(job["sessions"]) == business.sessions
    await business.holds_nobody_up(409, "POST", path, a_cancellation(), idempotency_key="two")
    named = [f"s{number}" for number in range(min(business.sessions, 5_000))]
    await business.holds_nobody_up(200, "POST", f"{path}/plan", a_cancellation(session_ids=named))
    for of in ("sessions", "refunds"):
        await business.holds_nobody_up(200, "GET", f"{path}/{job['id']}/{of}", query="limit=200")
    lines = await business.holds_nobody_up(200, "GET", f"{path}/{job['id']}/audit.csv")
    assert lines.count(b"\r\n") == 1 + 2 * business.sessions


async def test_lists_at_their_limit_and_the_calendar(business):
    for path in (
        "/v1/sessions",
        "/v1/clients/c/bookings",
        "/v1/sessions/s1/bookings",
        "/v1/public/studio/schedule",
    ):
        query = f"{OF_DAY}&limit=200" if path.endswith(("sessions", "schedule")) else "limit=200"
        await business.holds_nobody_up(200, "GET", path, query=query)
    feed = await business.holds_nobody_up(
        200, "GET", "/v1/public/studio/schedule.ics", query=OF_DAY
    )
    assert feed.count(b"BEGIN:VEVENT") == min(business.sessions, 5_000)


async def test_an_import_plain_and_gzipped(business):
    line = (
        '{{"type":"booking","id":"i{0}","session_id":"s{1}","client_id":"c{0}",'
        '"status":"booked","payments":[]}}'
    )
    lines = "\n".join(
        line.format(number, number % business.sessions) for number in range(2 * business.sessions)
    )
    path, kind = "/v1/schedule/import", "application/x-ndjson"
    await business.holds_nobody_up(200, "POST", path, lines.encode(), content_type=kind)
    packing = zlib.compressobj(wbits=31)
    packed = packing.compress(lines.encode()) + packing.flush()
    said = await business.holds_nobody_up(
        200, "POST", path, packed, content_type=kind, content_encoding="gzip"
    )
    assert json.loads(said)["bookings"]["unchanged"] == 2 * business.sessions


async def test_the_first_request_of_a_process_waits_for_nothing_that_can_be_made_before(sqlite_url):
    program = """
import asyncio, sys
from app.config.settings import Settings
from app.main import create_app
import httpx
from loop_watchdog import watching

async def main():
    upstream = "http://127.0.0.1:9"
    settings = Settings(database_url=sys.argv[1], payments_url=upstream, credits_url=upstream)
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        http = httpx.AsyncClient(transport=transport, base_url="http://studio", verify=False)
        with watching() as watched:
            assert (await asyncio.create_task(http.get("/livez"))).status_code == 200
        watched.check()

asyncio.run(main())
"""
    # In a process of its own: in this one other tests have made requests.
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-c", program, sqlite_url]
    done = await asyncio.to_thread(
        subprocess.run, command, capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_a_server_does_not_walk_through_all_it_began_with_again():
    program = """
import asyncio, gc, socket
from starlette.applications import Starlette
from app.serving import listen, serve

async def main():
    app = Starlette()
    app.state.stopping = asyncio.Event()
    serving = asyncio.create_task(serve(app, listen("127.0.0.1", 0)))
    await asyncio.sleep(0)
    print(gc.get_freeze_count())
    serving.cancel()
    await asyncio.wait([serving])

asyncio.run(main())
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) > 10_000
