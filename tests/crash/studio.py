"""A studio in this process: the embedded API, and the sandbox, both over real sockets.

The API has its worker loop. It is quick to build, so that every fault can have one of its own;
nothing of it is killed.
"""

import asyncio
import datetime as dt
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import httpx
import sqlalchemy as sa
from crash.processes import PATIENCE_SECONDS, free_port
from crash.week import CREDITS, FIRST_DAY, LAST_DAY, PAYMENTS, Line, Week, audit_rows

from app.auth import keys
from app.config.settings import Settings
from app.db.access import businesses
from app.db.core.engine import Database
from app.db.tables import jobs
from app.main import create_app
from app.sandbox.app import create_sandbox
from app.schedule.load import import_file
from app.serving import served

T = TypeVar("T")
BUSINESS: Final = "studio"
ENDED: Final = {"completed", "completed_with_failures"}
QUICK: Final = {
    "database_pool": 4,
    "upstream_timeout_seconds": 1,
    # A sandbox that acts later than this is beyond what can be promised: both share this process
    # and a busy machine.
    "upstream_quiescence_seconds": 1,
    "lease_seconds": 3,
    "webhook_loopback": True,
    "sweep_seconds": 1,
    "slice_seconds": 1,
    "redis_url": None,
}
_JOBS: Final = "/v1/bulk-cancellations"
PATHS: Final = {PAYMENTS: "/payments/refunds", CREDITS: "/credits/credit-returns"}


async def until(found: Callable[[], Awaitable[T]], seconds: float = PATIENCE_SECONDS) -> T:
    """Ask until the answer is true; fails when it has not become so in time."""
    deadline = time.monotonic() + seconds
    while not (answer := await found()):
        assert time.monotonic() < deadline, f"it did not happen within {seconds} s"
        await asyncio.sleep(0.25)
    return answer


async def end_hold(database_url: str, job_id: str) -> None:
    """Let a job's hold be over now, as time would have done."""
    db = Database(database_url)
    async with db.write() as conn:
        now = dt.datetime.now(dt.UTC)
        await conn.execute(
            sa.update(jobs).where(jobs.c.id == job_id).values(hold_until=now, due_at=now)
        )
    await db.close()


@dataclass(slots=True)
class Studio:
    """Both ends of the service: what its callers ask of it, and what its upstreams say it did."""

    api: httpx.AsyncClient
    sandbox: httpx.AsyncClient
    week: Week
    database_url: str

    async def faults(self, **services: dict[str, Any]) -> None:
        answer = await self.sandbox.put("/faults", json=services)
        assert answer.status_code == 200, answer.text

    async def both(self, **switches: Any) -> None:
        await self.faults(payments=switches, credits={"seed": 2} | switches)  # other dice

    async def register(self, line: Line) -> None:
        """Make a payment known to the sandbox, so that no more than its amount comes back."""
        body = {"amount_minor": line.amount, "currency": line.currency}
        assert (await self.sandbox.put(f"/payments/{line.subject}", json=body)).status_code == 200

    async def books(self) -> dict[str, Any]:
        return (await self.sandbox.get("/books")).json()

    async def requests(self, service: str, kind: str) -> int:
        books = (await self.sandbox.get("/books?effects=false")).json()
        return books[service]["requests"].get(kind, 0)

    async def ask(
        self, line: Line, reference: str, *, key: str, amount: int | None = None
    ) -> httpx.Response:
        """Ask the sandbox for a refund, as somebody else who calls it."""
        amount = amount or line.amount
        what = (
            {"payment_id": line.subject, "amount_minor": amount, "currency": line.currency}
            if line.service == PAYMENTS
            else {"client_id": "somebody", "account_id": line.subject, "credits": amount}
        )
        body = what | {"business_id": BUSINESS, "reference": reference, "reason": "Snow day"}
        return await self.sandbox.post(
            PATHS[line.service], json=body, headers={"Idempotency-Key": key}
        )

    async def cancel(self, **more: Any) -> str:
        body = {
            "date_from": FIRST_DAY,
            "date_to": LAST_DAY,
            "session_ids": "all",
            "reason": "Snow day",
        } | more
        answer = await self.api.post(_JOBS, json=body, headers={"Idempotency-Key": "once"})
        assert answer.status_code == 202, answer.text
        return answer.json()["id"]

    async def hold(self) -> str:
        """Accept the whole week, held until the test says so; gives the job's id."""
        return await self.cancel(hold_seconds=3600)

    async def end_hold(self, job_id: str) -> None:
        """Let the job's hold be over now: how long a test needs before that is no matter."""
        await end_hold(self.database_url, job_id)

    async def job(self, job_id: str) -> dict[str, Any]:
        return (await self.api.get(f"{_JOBS}/{job_id}")).json()

    async def is_finished(self, job_id: str) -> bool:
        return (await self.job(job_id))["status"] in ENDED

    async def finished(self, job_id: str, seconds: float = PATIENCE_SECONDS) -> dict[str, Any]:
        """The job once it has ended."""

        async def ended() -> dict[str, Any] | None:
            job = await self.job(job_id)
            return job if job["status"] in ENDED else None

        return await until(ended, seconds)

    async def audit(self, job_id: str) -> list[dict[str, str]]:
        return audit_rows((await self.api.get(f"{_JOBS}/{job_id}/audit.csv")).text)

    async def refunds(self, job_id: str) -> list[dict[str, Any]]:
        answer = await self.api.get(f"{_JOBS}/{job_id}/refunds", params={"limit": 200})
        return answer.json()["data"]


@asynccontextmanager
async def studio(
    database_url: str, made: Week, *, absent: bool = False, **settings: Any
) -> AsyncIterator[Studio]:
    """Open one over this database, with the week imported.

    `absent`: without a sandbox at the upstreams' address.
    """
    db = Database(database_url)
    async with db.write() as conn:
        await businesses.create(conn, BUSINESS, "Studio", "UTC", "EUR")
    key = await keys.create_key(db, BUSINESS, "tests", list(keys.Scope))
    report = await import_file(db, BUSINESS, made.ndjson())
    assert not report.errors, report.first_errors
    await db.close()
    async with AsyncExitStack() as stack:
        if absent:  # its port is free for it to come to
            sandbox = f"http://127.0.0.1:{free_port()}"
        else:
            sandbox = await stack.enter_async_context(served(create_sandbox()))
        upstreams = {"payments_url": f"{sandbox}/payments", "credits_url": f"{sandbox}/credits"}
        config = Settings(**(QUICK | {"database_url": database_url} | upstreams | settings))
        api = await stack.enter_async_context(served(create_app(config)))
        caller = await stack.enter_async_context(_client(api, {"Authorization": f"Bearer {key}"}))
        desk = await stack.enter_async_context(_client(sandbox, {}))
        yield Studio(caller, desk, made, database_url)


def _client(url: str, headers: dict[str, str]) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        base_url=url, headers=headers, trust_env=False, verify=False, timeout=60
    )
