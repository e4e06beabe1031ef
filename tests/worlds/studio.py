"""A studio at its desk: what one business asks of the API, its worker, and its upstreams' books.

The worker runs when told to.
"""

import asyncio
import csv
import datetime as dt
import io
import itertools
import json
from collections import Counter
from dataclasses import replace
from decimal import Decimal

import httpx
import sqlalchemy as sa
from worlds.patience import PATIENCE_SECONDS
from worlds.records import TODAY, booking, client, session

from app.auth.keys import Scope, create_key
from app.db import tables
from app.db.access.businesses import create as create_business
from app.db.core.isolation import of_business
from app.refunds.slices.run import run_slice

MINOR_UNITS = {"JPY": 0, "KWD": 3}


class Audit(list):
    """An audit CSV's lines by column, with the bytes that they were read from."""

    def __init__(self, content):
        self.content = content
        text = content.decode("utf-8")
        super().__init__(csv.DictReader(io.StringIO(text, newline=""), strict=True))
        self.columns = next(csv.reader([text.split("\r\n", 1)[0]]))

    @staticmethod
    def set_of(lines):
        """Lines in whatever order, without their hashes: in another order these are others."""
        bare = ({name: cell for name, cell in one.items() if name != "line_hash"} for one in lines)
        return sorted(map(str, bare))

    def as_set(self):
        return self.set_of(self)

    def by_refund(self):
        return {line["refund_id"]: line for line in self if line["refund_id"]}

    def by_booking(self):
        found = {}
        for line in self:
            found.setdefault(line["booking_id"], []).append(line)
        return found

    def statuses(self):
        return Counter(line["status"] for line in self)

    def sums(self, *statuses):
        """Minor units by currency, and credits, over the lines of these statuses."""
        sums = Counter()
        for line in self:
            if line["status"] in statuses and line["method"] == "payment":
                places = MINOR_UNITS.get(line["currency"], 2)
                sums[line["currency"]] += int(Decimal(line["amount"]).scaleb(places))
            elif line["status"] in statuses and line["method"] == "credit":
                sums["credits"] += int(line["credits"])
        return dict(sums)


class Desk:
    """One caller of the API."""

    _names = itertools.count(1)

    def __init__(self, http):
        self.http = http

    async def load(self, *records):
        """Put these into the schedule."""
        lines = "\n".join(json.dumps(record) for record in records)
        headers = {"Content-Type": "application/x-ndjson"}
        answer = await self.http.post("/v1/schedule/import", content=lines, headers=headers)
        assert answer.status_code == 200, answer.text
        assert answer.json()["errors"] == 0, answer.text

    def record(self, type_, *arguments, **members):
        """A client, session or booking to load."""
        return {"client": client, "session": session, "booking": booking}[type_](
            *arguments, **members
        )

    async def session(self, id_, **members):
        await self.load(session(id_, **members))

    async def booking(self, id_, *arguments, **members):
        await self.load(booking(id_, *arguments, **members))

    def body(self, session_ids="all", **members):
        """A request that chooses from a range wide enough for every session of the studio."""
        days = {
            "date_from": str(TODAY - dt.timedelta(days=3)),
            "date_to": str(TODAY + dt.timedelta(days=30)),
        }
        return days | {"session_ids": session_ids} | members

    async def plan(self, session_ids="all", **members):
        return await self.http.post(
            "/v1/bulk-cancellations/plan", json=self.body(session_ids, **members)
        )

    async def cancel(self, session_ids="all", *, key=None, accept="application/json", **members):
        headers = {"Idempotency-Key": key or f"key-{next(self._names)}", "Accept": accept}
        return await self.http.post(
            "/v1/bulk-cancellations", json=self.body(session_ids, **members), headers=headers
        )

    async def accepted(self, session_ids="all", **arguments):
        """The body of a 202."""
        answer = await self.cancel(session_ids, **arguments)
        assert answer.status_code == 202, answer.text
        return answer.json()

    async def get(self, path, **query):
        answer = await self.http.get(f"/v1{path}", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def job(self, job_id):
        return await self.get(f"/bulk-cancellations/{job_id}")

    async def post(self, path, **body):
        return await self.http.post(f"/v1{path}", json=body or None)

    async def audit(self, job_id):
        answer = await self.http.get(f"/v1/bulk-cancellations/{job_id}/audit.csv")
        assert answer.status_code == 200, answer.text
        return Audit(answer.content)

    async def pages(self, path, **query):
        """Every row of a list, page by page."""
        rows, cursor = [], None
        while True:
            page = await self.get(path, **query, **({"cursor": cursor} if cursor else {}))
            assert len(page["data"]) <= int(query.get("limit", 50))
            rows += page["data"]
            cursor = page["next_cursor"]
            if cursor is None:
                return rows
            assert page["data"], "a page that has another after it is not empty"

    async def refunds(self, job_id, **query):
        return await self.pages(f"/bulk-cancellations/{job_id}/refunds", **query)


class Studio(Desk):
    """The business under test: its desk, schedule and worker, and what upstreams did for it."""

    def __init__(self, http, db, runtime, upstream, queue):
        super().__init__(http)
        self.db = db
        self.runtime = runtime
        self.upstream = upstream
        self.queue = queue

    def looks_up_soon(self):
        """Look up after 2 s what was not heard: what its upstream does, it does at once."""
        settings = self.runtime.settings.model_copy(update={"upstream_timeout_seconds": 2.0})
        self.runtime = replace(self.runtime, settings=settings)

    async def work(self, job_id, *, seconds=PATIENCE_SECONDS):
        """The worker: slices of the job, each when due, until it has ended (or is on hold)."""
        async with asyncio.timeout(seconds):
            while True:
                prompts = len(self.queue.woken)
                again_in = await run_slice(self.runtime, job_id, seconds=5)
                # A slice whose time was up before all was done prompts the next: it is this one's.
                if again_in is None and job_id not in self.queue.woken[prompts:]:
                    return
                await asyncio.sleep(max(again_in or 0, 0.01))

    async def faults(self, **switches):
        answer = await self.upstream.put(
            "/faults", json={"payments": switches, "credits": switches}
        )
        assert answer.status_code == 200, answer.text

    async def books(self):
        """What both upstreams did: sums of what was given back, and each effect by reference."""
        books = (await self.upstream.get("/books")).json()
        effects = {one["reference"]: one for book in books.values() for one in book["effects"]}
        sums = books["payments"]["totals"]["sums"] | books["credits"]["totals"]["sums"]
        twice = books["payments"]["twice"] | books["credits"]["twice"]
        return {"sums": sums, "effects": effects, "twice": twice}

    async def rows(self, table):
        """Every row of a table, to see that nothing was changed."""
        async with self.db.read() as conn:
            return sorted(map(repr, (await conn.execute(sa.select(table))).all()))

    async def everything(self):
        """All rows of all tables, but the keys."""
        return {
            t.name: await self.rows(t)
            for t in tables.metadata.sorted_tables
            if t is not tables.api_keys
        }


def calling(app, **headers) -> httpx.AsyncClient:
    """What calls this app in this process, with these headers."""
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://studio.test", headers=headers
    )


def caller(app, key) -> httpx.AsyncClient:
    return calling(app, Authorization=f"Bearer {key}")


async def open_business(db, id_: str, timezone: str, currency: str) -> str:
    """Create a business; gives a key that may do everything."""
    with of_business(id_):
        async with db.write() as conn:
            await create_business(conn, id_, name=id_.title(), timezone=timezone, currency=currency)
    return await create_key(db, id_, "front desk", list(Scope))


def step_path(job, step):
    return f"/bulk-cancellations/{job['id']}/{step}"
