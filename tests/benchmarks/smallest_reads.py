"""The smallest apps that read what the API reads: one bare query, and its rows as JSON.

They are FastAPI over asyncpg. `python -m tests.benchmarks.smallest_reads` serves them as the API is
served, in a process of its own.
"""

import asyncio
import datetime as dt
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import orjson
import uvloop
from fastapi import FastAPI, Request, Response

from app.serving import address_of, listen, serve

_JOB = "SELECT version FROM jobs WHERE business_id = $1 AND id = $2"
_WEEK = (
    """
SELECT s.id, s.name, s.starts_at, s.ends_at, s.timezone, s.location, s.instructor, s.capacity,"""
    """ s.status,
  s.job_id::text, s.cancelled_at, j.status AS job_status, j.reason,
  (SELECT count(*) FROM bookings b WHERE b.business_id = s.business_id AND b.session_id = s.id
   AND b.status IN ('booked', 'checked_in')) AS booked
FROM sessions s LEFT JOIN jobs j ON j.id = s.job_id
WHERE s.business_id = $1 AND s.starts_at >= $2 AND s.starts_at < $3 ORDER BY s.starts_at, s.id"""
    """ LIMIT 51
"""
)
_PUBLIC = (
    """
SELECT s.id, s.name, s.starts_at, s.ends_at, s.timezone, s.location, s.instructor, s.status,"""
    """ s.cancelled_at, j.reason
FROM sessions s LEFT JOIN jobs j ON j.id = s.job_id
WHERE s.business_id = $1 AND s.starts_at >= $2 AND s.starts_at < $3 ORDER BY s.starts_at, s.id"""
    """ LIMIT 51
"""
)
_CLIENT = (
    """
SELECT b.id, b.session_id, b.client_id, b.status, s.name, s.starts_at, s.ends_at, s.timezone,"""
    """ s.location, s.instructor,
  s.status AS session_status, s.job_id::text, s.cancelled_at, j.status AS job_status, j.reason,
  (SELECT json_agg(json_build_array(p.method, p.payment_id, p.amount_minor, p.currency,"""
    """ p.account_id, p.credits)
                   ORDER BY p.line_no)
   FROM payment_lines p WHERE p.business_id = b.business_id AND p.booking_id = b.id) AS payments,
  (SELECT json_agg(json_build_array(r.id, r.job_id, r.method, r.payment_id, r.account_id,"""
    """ r.amount_minor, r.currency,
                                    r.credits, r.kept_amount_minor, r.kept_credits, r.kept_by,"""
    """ r.status,
                                    r.upstream_reference, r.failure_code, r.failure_detail,"""
    """ r.settled_at)
                   ORDER BY r.line_no)
   FROM refunds r WHERE r.business_id = b.business_id AND r.booking_id = b.id
   AND (status <> 'skipped' OR coalesce(failure_code, '') <> 'withdrawn')) AS refunds
FROM bookings b JOIN sessions s ON s.business_id = b.business_id AND s.id = b.session_id
LEFT JOIN jobs j ON j.id = s.job_id
WHERE b.business_id = $1 AND b.client_id = $2 ORDER BY s.starts_at DESC, b.id DESC LIMIT 51
"""
)


@asynccontextmanager
async def _pool(app: FastAPI) -> AsyncIterator[None]:
    async with asyncpg.create_pool(os.environ["BULK_CANCEL_DATABASE_URL"]) as pool:
        app.state.pool = pool
        yield


app = FastAPI(lifespan=_pool)
app.state.stopping = asyncio.Event()


@app.get("/jobs/{business_id}/{job_id}")
async def poll(business_id: str, job_id: str, request: Request) -> Response:
    row = await request.app.state.pool.fetchrow(_JOB, business_id, job_id)
    return Response(None, 304, {"ETag": f'"{row["version"]}"'})


@app.get("/sessions/{business_id}")
async def sessions(
    business_id: str, date_from: dt.date, date_to: dt.date, request: Request
) -> Response:
    return await _between(request, _WEEK, business_id, date_from, date_to)


@app.get("/public/{business_id}")
async def public(
    business_id: str, date_from: dt.date, date_to: dt.date, request: Request
) -> Response:
    return await _between(request, _PUBLIC, business_id, date_from, date_to)


@app.get("/clients/{business_id}/{client_id}")
async def bookings(business_id: str, client_id: str, request: Request) -> Response:
    return _json(await request.app.state.pool.fetch(_CLIENT, business_id, client_id))


async def _between(
    request: Request, query: str, business_id: str, date_from: dt.date, date_to: dt.date
) -> Response:
    from_at = dt.datetime.combine(date_from, dt.time(0), dt.UTC)
    until_at = dt.datetime.combine(date_to, dt.time(0), dt.UTC) + dt.timedelta(days=1)
    return _json(await request.app.state.pool.fetch(query, business_id, from_at, until_at))


def _json(rows: list[asyncpg.Record]) -> Response:
    return Response(orjson.dumps([dict(row) for row in rows]), media_type="application/json")


if __name__ == "__main__":
    with listen("127.0.0.1", 0) as listener:
        print(f"Serving on {address_of(listener)}", file=sys.stderr, flush=True)
        uvloop.run(serve(app, listener))
