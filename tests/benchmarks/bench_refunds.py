"""Durable refunds a second, as a ratio to what the wire allows in the same run: raw sockets, no database.

The upstream is the sandbox in a process of its own. Floor and subject take turns, and medians are compared, because the
machine is shared: the ratio means something, the rates only a little.
"""

import asyncio
import datetime as dt
import json
import os
import re
import statistics
import subprocess
import sys
import time
import uuid

import httpx
import pytest
import sqlalchemy as sa

from app.cancellation import accept
from app.cancellation.request import Request
from app.cancellation.run import run_slice
from app.cancellation.runtime import Runtime, gateways
from app.config import Settings
from app.db import statistics as planner
from app.db import tables as t
from app.queue import LocalQueue

REFUNDS = int(os.environ.get("BENCH_REFUNDS", "10000"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
CONCURRENCY = 64
LATENCY_SECONDS = 0.02
DAY = dt.date(2026, 12, 1)


@pytest.fixture(scope="module")
def sandbox():
    command = [sys.executable, "-m", "app.cli", "sandbox", "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        address = None
        for line in process.stderr:
            if found := re.search(r"PAYMENTS_URL=(http://\S+)/payments", line):
                address = found[1]
                break
        assert address is not None, "the sandbox did not start"
        slow = {"latency_seconds": LATENCY_SECONDS}
        httpx.put(f"{address}/faults", json={"payments": slow, "credits": slow}).raise_for_status()
        yield address
        process.terminate()
        process.stderr.read()


async def floor(address: str) -> float:
    """Refunds a second over raw sockets: one connection per slot, nothing else done."""
    host, port = address.removeprefix("http://").split(":")
    left = iter(range(REFUNDS))

    async def slot() -> None:
        reader, writer = await asyncio.open_connection(host, int(port))
        for _ in left:
            reference = str(uuid.uuid4())
            body = json.dumps(
                {
                    "payment_id": f"p-{reference}",
                    "amount_minor": 1,
                    "currency": "CAD",
                    "reference": reference,
                    "reason": "",
                }
            )
            writer.write(
                f"POST /payments/refunds HTTP/1.1\r\nHost: {host}\r\nIdempotency-Key: {reference}\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
            )
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 201"), head
            await reader.readexactly(int(re.search(rb"(?i)content-length: (\d+)", head)[1]))
        writer.close()

    started = time.perf_counter()
    await asyncio.gather(*(slot() for _ in range(CONCURRENCY)))
    return REFUNDS / (time.perf_counter() - started)


async def durable(db, address: str) -> tuple[float, float]:
    """Refunds a second through the worker, and milliseconds of CPU each; one method, so that 64 calls are open."""
    business = uuid.uuid4().hex
    await seed(db, business)
    settings = Settings(concurrency=CONCURRENCY, slice_seconds=600)
    urls = {"payments_url": f"{address}/payments", "credits_url": f"{address}/credits"}
    runtime = Runtime(db, LocalQueue(), gateways(settings, **urls), settings)
    accepted = await accept.accept(
        db,
        runtime.queue,
        business_id=business,
        timezone="UTC",
        requested_by="bench",
        idempotency_key="bench",
        request=Request(DAY, DAY, "all"),
    )
    started, cpu = time.perf_counter(), time.process_time()
    while await run_slice(runtime, accepted.job["id"], seconds=600) is not None:
        pass
    took, burnt = time.perf_counter() - started, time.process_time() - cpu
    await runtime.aclose()
    async with db.read() as conn:
        done = sa.select(sa.func.count()).where(
            t.refunds.c.job_id == accepted.job["id"], t.refunds.c.status == "succeeded"
        )
        assert (await conn.execute(done)).scalar_one() == REFUNDS
    return REFUNDS / took, 1000 * burnt / REFUNDS


async def seed(db, business: str) -> None:
    start = dt.datetime.combine(DAY, dt.time(9), dt.UTC)
    end = start + dt.timedelta(hours=1)
    sessions, bookings, lines = [], [], []
    for n in range(max(1, REFUNDS // 20)):
        session = {"business_id": business, "id": f"s{n}", "name": "Yoga", "starts_at": start, "ends_at": end}
        sessions.append(session | {"timezone": "UTC"})
    for n in range(REFUNDS):
        booking = {
            "business_id": business,
            "id": f"b{n}",
            "session_id": f"s{n // 20}",
            "client_id": "c",
            "status": "booked",
        }
        bookings.append(booking)
        lines.append(
            {
                "business_id": business,
                "booking_id": f"b{n}",
                "line_no": 1,
                "method": "payment",
                "payment_id": f"{business}-{n}",
                "amount_minor": 2000,
                "currency": "CAD",
            }
        )
    async with db.write() as conn:
        await conn.execute(sa.insert(t.businesses).values(id=business, name="Bench", timezone="UTC", currency="CAD"))
        await conn.execute(sa.insert(t.clients).values(business_id=business, id="c", name="Kim", email=None))
        for table, rows in ((t.sessions, sessions), (t.bookings, bookings), (t.payment_lines, lines)):
            await conn.execute(sa.insert(table), rows)
        await planner.count_schedule(conn)


async def test_durable_refunds_against_the_wire(db, sandbox):
    floors, rates, burnt = [], [], []
    for _ in range(ROUNDS):
        floors.append(await floor(sandbox))
        rate, cpu = await durable(db, sandbox)
        rates.append(rate)
        burnt.append(cpu)
    wire, ours = statistics.median(floors), statistics.median(rates)
    kind = "PostgreSQL" if db.is_postgresql else "SQLite"
    print(
        f"\n{kind}: {ours:,.0f} durable refunds/s, wire {wire:,.0f}/s, ratio {ours / wire:.2f}, "
        f"{statistics.median(burnt):.2f} ms CPU each "
        f"({REFUNDS:,} refunds, {CONCURRENCY} x {LATENCY_SECONDS * 1000:.0f} ms)"
    )
