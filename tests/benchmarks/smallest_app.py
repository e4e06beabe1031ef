"""The smallest app that takes a request durably.

It validates a small body, inserts one row, and answers 202. `python -m
tests.benchmarks.smallest_app` serves it as the API is served, in a process of its own.
"""

import asyncio
import os
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import uvloop
from fastapi import FastAPI, Request
from pydantic import BaseModel

from app.serving import address_of, listen, serve

TABLE = "CREATE TABLE taken (id uuid PRIMARY KEY, session_id text NOT NULL, reason text)"
_INSERT = "INSERT INTO taken (id, session_id, reason) VALUES ($1, $2, $3)"


class Wanted(BaseModel):
    session_id: str
    reason: str | None = None


class Taken(BaseModel):
    id: uuid.UUID
    status: str


@asynccontextmanager
async def _pool(app: FastAPI) -> AsyncIterator[None]:
    async with asyncpg.create_pool(os.environ["BULK_CANCEL_DATABASE_URL"]) as pool:
        app.state.pool = pool
        yield


app = FastAPI(lifespan=_pool)
app.state.stopping = asyncio.Event()


@app.post("/", status_code=202)
async def take(wanted: Wanted, request: Request) -> Taken:
    taken = Taken(id=uuid.uuid4(), status="queued")
    await request.app.state.pool.execute(_INSERT, taken.id, wanted.session_id, wanted.reason)
    return taken


if __name__ == "__main__":
    with listen("127.0.0.1", 0) as listener:
        print(f"Serving on {address_of(listener)}", file=sys.stderr, flush=True)
        uvloop.run(serve(app, listener))
