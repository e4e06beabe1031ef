"""A business with jobs, refunds and webhooks, on a socket, that a machine may ask anything."""

import asyncio
import contextlib
import datetime as dt
import json
from dataclasses import dataclass

import httpx
from worlds.queue import Unheard
from worlds.sample_keys import HOOKS_SECRET

from app.auth.keys import Scope, create_key
from app.auth.platform.keys import create as create_platform_key
from app.config.settings import Settings
from app.db.access.businesses import create as create_business
from app.db.core.engine import Database
from app.db.messages import attempts, claims, contacts
from app.db.messages.attempts import TryRow
from app.domain.statuses import MessageStatus
from app.main import create_app
from app.messages import unsubscribe
from app.messages.unsubscribe import WhoseMail
from app.refunds.runtime import Runtime, gateways
from app.refunds.slices.run import run_slice
from app.sandbox.app import create_sandbox
from app.serving import served

ENDPOINTS = 30  # of webhooks: some are deleted and disabled while the others are asked for
KEYS = 20  # some are revoked while the others are asked for
ASKED = 10  # clients who have a choice
AWAITING = 10  # jobs: some are refused while the others are asked for
ERASED = "gone"  # a client
SPARE = 30  # sessions, bookings and clients beside those that all else is about: some are deleted
A_WHILE = 3600  # seconds
# The week and the ids that the document's own examples name, so that these are taken and not only
# refused.
WEEK = {"date_from": "2026-11-23", "date_to": "2026-11-29"}
FIRST = dt.datetime(2026, 11, 23, 15, tzinfo=dt.UTC)
SESSIONS = [f"s{n}" for n in range(1, 9)]
# One payment or credit line of each job is refused, so that there is something to retry and to
# resolve.
REFUSED = {"p5": "payment_disputed", "a6": "account_closed", "p7": "refund_window_expired"}


class StopsWhenAsked(asyncio.Event):
    """To each stream in turn the server is stopping as soon as it would wait, so none goes on."""

    async def wait(self):
        self.set()
        return True

    def is_set(self):
        was_set = super().is_set()
        self.clear()
        return was_set


@dataclass(frozen=True)
class Business:
    """A business as its callers reach it, with ids of jobs and of refunds a person may close.

    All its webhook endpoints have been told of the same events.
    """

    address: str
    key: str
    platform_key: str
    document: dict
    jobs: list[str]
    awaiting: list[str]
    refunds: list[str]
    endpoints: list[str]
    keys: list[str]
    events: list[str]
    tokens: list[str]
    messages: list[str]
    addresses: list[str]
    other: str


def records():
    yield {"type": "client", "id": "c1", "name": "Kim Li", "email": "kim@example.org"}
    yield {"type": "client", "id": ERASED, "name": "Al"}
    times = {"starts_at": FIRST.isoformat(), "ends_at": (FIRST + dt.timedelta(hours=1)).isoformat()}
    yield {"type": "session", "id": "full", "name": "Chess"} | times
    for n in range(SPARE):
        yield {"type": "session", "id": f"spare-{n}", "name": "Chess"} | times
        yield {"type": "client", "id": f"spare-{n}", "name": "Bo"}
        names = {"session_id": "full", "client_id": "c1"}
        yield {"type": "booking", "id": f"spare-{n}", "status": "booked", "payments": []} | names
    for n in range(AWAITING):
        yield {"type": "session", "id": f"awaiting-{n}", "name": "Chess"} | times
    yield {"type": "session", "id": "asking", "name": "Chess"} | times
    for n in range(ASKED):
        paid = {"method": "payment", "payment_id": f"k{n}", "amount_minor": 900, "currency": "CAD"}
        names = {"session_id": "asking", "client_id": f"spare-{n}"}
        yield {"type": "booking", "id": f"k{n}", "status": "booked", "payments": [paid]} | names
    for n, session_id in enumerate(SESSIONS, start=1):
        starts_at = FIRST + dt.timedelta(hours=12 * n)
        times = {
            "starts_at": starts_at.isoformat(),
            "ends_at": (starts_at + dt.timedelta(hours=1)).isoformat(),
        }
        place = {
            "timezone": "America/Toronto",
            "location": "Hall 1",
            "instructor": "Ana",
            "capacity": 12,
        }
        yield {"type": "session", "id": session_id, "name": f"Yoga {n}"} | times | place
        card = {"method": "payment", "payment_id": f"p{n}", "amount_minor": 2000, "currency": "CAD"}
        credit = {"method": "credit", "account_id": f"a{n}", "credits": 2}
        for name, payments, status in (
            ("card", [card], "booked"),
            ("split", [card | {"payment_id": f"q{n}"}, credit], "booked"),
            ("free", [], "booked"),
            ("waiting", [], "waitlisted"),
        ):
            names = {"session_id": session_id, "client_id": "c1"}
            yield {
                "type": "booking",
                "id": f"{name}-{n}",
                "status": status,
                "payments": payments,
            } | names


async def keys(http):
    """Make keys beside the caller's; gives their ids."""
    answers = [
        await http.post(
            "/v1/keys",
            json={"name": f"desk {number}", "role": "front_desk"},
            headers={"Idempotency-Key": f"key {number}"},
        )
        for number in range(KEYS)
    ]
    return [answer.json()["id"] for answer in answers]


async def endpoints(http):
    """Create webhook endpoints; gives their ids."""
    answers = [
        await http.post("/v1/webhook-endpoints", json={"url": f"https://{number}.example.com/"})
        for number in range(ENDPOINTS)
    ]
    assert {answer.status_code for answer in answers} == {201}
    return [answer.json()["id"] for answer in answers]


async def seed(http):
    """Import the schedule, cancel some of it in three jobs, the last on hold; give their ids."""
    lines = "\n".join(json.dumps(record) for record in records())
    answer = await http.post(
        "/v1/schedule/import", content=lines, headers={"Content-Type": "application/x-ndjson"}
    )
    assert (answer.status_code, answer.json()["errors"]) == (200, 0), answer.text
    jobs = []
    for number, (sessions, hold_seconds) in enumerate(
        ((["s5", "s6"], 0), (["s7"], 0), (["s8"], 86_400))
    ):
        body = WEEK | {"session_ids": sessions, "reason": "Snow day", "hold_seconds": hold_seconds}
        body |= {"messages": {"clients": "email"}}
        answer = await http.post(
            "/v1/bulk-cancellations", json=body, headers={"Idempotency-Key": f"seed-{number}"}
        )
        assert answer.status_code == 202, answer.text
        jobs.append(answer.json()["id"])
    return jobs


async def ask(http):
    """Cancel a session whose clients are asked; gives the job's id."""
    body = WEEK | {"session_ids": ["asking"], "terms": {"choice": {"bonus_percent": 10}}}
    answer = await http.post(
        "/v1/bulk-cancellations", json=body, headers={"Idempotency-Key": "seed-asking"}
    )
    assert answer.status_code == 202, answer.text
    return answer.json()["id"]


async def await_approval(http):
    """Ask for cancellations that nobody may do alone; gives the jobs' ids."""
    answer = await http.put("/v1/approval-limits", json={"sessions": 0})
    assert answer.status_code == 200, answer.text
    answers = [
        await http.post(
            "/v1/bulk-cancellations",
            json=WEEK | {"session_ids": [f"awaiting-{number}"]},
            headers={"Idempotency-Key": f"seed-awaiting-{number}"},
        )
        for number in range(AWAITING)
    ]
    assert {one.json()["status"] for one in answers} == {"awaiting_approval"}
    answer = await http.put("/v1/approval-limits", json={})
    assert answer.status_code == 200, answer.text
    return [one.json()["id"] for one in answers]


async def work(db, settings, jobs):
    """Run the jobs to their ends, with upstreams that refuse some of their refunds."""
    async with (
        served(create_sandbox()) as address,
        httpx.AsyncClient(base_url=address, trust_env=False, verify=False) as upstream,
    ):
        answer = await upstream.put(
            "/faults", json={name: {"refuse_ids": REFUSED} for name in ("payments", "credits")}
        )
        assert answer.status_code == 200, answer.text
        calls = gateways(
            settings, payments_url=f"{address}/payments", credits_url=f"{address}/credits"
        )
        runtime = Runtime(db, Unheard(), calls, settings, jitter=lambda: 0.0)
        for job in jobs:
            async with asyncio.timeout(30):
                while (again_in := await run_slice(runtime, job, seconds=5)) is not None:
                    if again_in > A_WHILE:
                        break  # what clients choose is waited for
                    await asyncio.sleep(max(again_in, 0.01))
        await runtime.aclose()


async def tell(db):
    """Send what is due, as far as rows say; gives the messages, and addresses left alone."""
    addresses = [f"spare-{n}@example.org" for n in range(SPARE)]
    async with db.write() as conn:
        got = await claims.claim(conn, "studio", most=10, lease_seconds=60.0)
        rows = [TryRow(one.id, one.epoch, MessageStatus.SENT) for one in got.claimed]
        await attempts.record(conn, "studio", rows)
        for address in addresses:
            await contacts.suppress(conn, "studio", address, because="550", message_id=None)
    assert len(rows) == 2  # one client, of each job that has ended
    return [one.id for one in rows], addresses


@contextlib.asynccontextmanager
async def seeded(database_url, secrets_file):
    """A `Business` with a schedule, two jobs that have ended and one on hold, on a socket.

    No worker runs any more.
    """
    async with contextlib.AsyncExitStack() as stack:
        settings = Settings(
            database_url=database_url,
            upstream_timeout_seconds=2,
            upstream_quiescence_seconds=0,
            webhook_loopback=True,
            webhook_timeout_seconds=0.5,  # hosts that are asked whether they agree are none
            hooks_secret=HOOKS_SECRET,
            stripe_hooks_secret=HOOKS_SECRET,
            secrets_file=secrets_file,
            evidence_file=secrets_file.with_name("evidence.key"),
            requests_per_second=1_000_000,
            business_requests_per_second=1_000_000,
            wrong_keys_per_minute=1_000_000,
        )
        db = Database(database_url)
        stack.push_async_callback(db.close)
        async with db.write() as conn:
            await create_business(
                conn, "studio", name="Studio", timezone="America/Toronto", currency="CAD"
            )
            await create_business(
                conn, "other", name="Other", timezone="America/Toronto", currency="CAD"
            )
        key = await create_key(db, "studio", "front desk", Scope)
        platform_key = await create_platform_key(db, "operator")
        app = create_app(settings, database=db, queue=Unheard())
        app.state.stopping = StopsWhenAsked()
        address = await stack.enter_async_context(served(app, parser="h11"))
        headers = {"Authorization": f"Bearer {key}"}
        async with httpx.AsyncClient(
            base_url=address, headers=headers, trust_env=False, verify=False
        ) as http:
            told = await endpoints(http)
            spare_keys = await keys(http)
            jobs = await seed(http)
            answer = await http.post(f"/v1/clients/{ERASED}/erase")
            assert answer.status_code == 202, answer.text
            asking = await ask(http)
            awaiting = await await_approval(http)
            await work(db, settings, [*jobs[:2], asking])
            choices = (await http.get(f"/v1/bulk-cancellations/{asking}/choices")).json()["data"]
            tokens = [one["link"].removeprefix("/choose/") for one in choices]
            assert len(tokens) == ASKED
            box = settings.secret_box()
            spare = (WhoseMail("studio", f"spare-{n}") for n in range(ASKED))
            tokens += [unsubscribe.token_of(box, whose) for whose in spare]
            messages, addresses = await tell(db)
            pages = [
                await http.get(f"/v1/bulk-cancellations/{job}/refunds?status=rejected")
                for job in jobs[:2]
            ]
            events = (
                await http.get(f"/v1/webhook-endpoints/{told[0]}/deliveries?limit=10")
            ).json()["data"]
        refunds = [refund["id"] for page in pages for refund in page.json()["data"]]
        assert len(refunds) == len(REFUSED)
        yield Business(
            address,
            key,
            platform_key,
            app.openapi(),
            jobs,
            awaiting,
            refunds,
            told,
            spare_keys,
            [event["event_id"] for event in events],
            tokens,
            messages,
            addresses,
            "other",
        )
