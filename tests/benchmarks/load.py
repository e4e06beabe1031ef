"""An import of clients, sessions and bookings through the API, against PostgreSQL's COPY.

COPY takes the same rows.
"""

import io
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from itertools import count
from typing import Any, Final

import asyncpg
import httpx
import orjson
from benchmarks import bench as places
from benchmarks import schedule
from benchmarks.bench import Bench
from benchmarks.figures import AT_MOST, Figure, Goal, in_turns

from app.api.schedule.schedule_import import MEDIA_TYPE

BOOKINGS_PER_SESSION: Final = 20
_STARTS_AT: Final = f"{schedule.DAY}T09:00:00Z"
_ENDS_AT: Final = f"{schedule.DAY}T10:00:00Z"

_COLUMNS: Final = {
    "clients": ("id", "name", "email"),
    "sessions": (
        "id",
        "name",
        "starts_at",
        "ends_at",
        "timezone",
        "location",
        "instructor",
        "capacity",
    ),
    "bookings": ("id", "session_id", "client_id", "status"),
    "payment_lines": ("booking_id", "line_no", "method", "payment_id", "amount_minor", "currency"),
}
_CONSTANT: Final = {"sessions": {"status": "scheduled"}}


async def measure(bench: Bench) -> list[Figure]:
    """Each take is of a business of its own: its rows are new, among those of the takes before."""
    lines = bench.size(100_000, 1_000)
    records = list(_records(lines))
    content = b"".join(orjson.dumps(record) + b"\n" for record in records)
    tables = _tables(records)
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(places.database(bench, "postgresql"))
        db = await stack.enter_async_context(places.opened(url))
        redis = stack.enter_context(places.redis_url())
        address, _ = stack.enter_context(places.api(bench, database_url=url, redis_url=redis))
        connection = await asyncpg.connect(places.driver_url(url))
        stack.push_async_callback(connection.close)
        numbers = count()

        async def business() -> tuple[str, str]:
            business_id = f"b{next(numbers)}"
            await connection.execute("CHECKPOINT")
            return business_id, await schedule.business(db, business_id)

        async def ours() -> float:
            _, key = await business()
            return await imported(address, key, content, lines)

        async def floor() -> float:
            business_id, _ = await business()
            return await copied(connection, _as_csv(business_id, tables))

        await ours()
        await floor()
        taken = await in_turns(bench.rounds, ours=ours, floor=floor)
    size = f"{len(content) / 2**20:,.0f} MiB, {sum(len(rows) for rows in tables.values()):,} rows"
    return [
        Figure(
            f"import of {lines:,} NDJSON lines",
            "s",
            taken["ours"],
            "COPY of the same rows",
            taken["floor"],
            Goal(AT_MOST, 5),
            size,
        )
    ]


async def imported(address: str, key: str, content: bytes, lines: int) -> float:
    """The seconds from the first byte sent to the answer."""
    headers = {"Authorization": f"Bearer {key}", "Content-Type": MEDIA_TYPE}
    started = time.perf_counter()
    async with httpx.AsyncClient(timeout=300) as client:
        answer = await client.post(
            f"{address}/v1/schedule/import", content=content, headers=headers
        )
    seconds = time.perf_counter() - started
    report = answer.raise_for_status().json()
    created = sum(report[kind]["created"] for kind in ("clients", "sessions", "bookings"))
    if created != lines:
        raise RuntimeError(f"{created} of {lines} lines were taken: {report}")
    return seconds


async def copied(connection: asyncpg.Connection, tables: dict[str, bytes]) -> float:
    """The seconds that COPY takes for ready-made CSV.

    All in one transaction, with every index and constraint.
    """
    started = time.perf_counter()
    async with connection.transaction():
        for table, content in tables.items():
            columns = ("business_id", *_CONSTANT.get(table, {}), *_COLUMNS[table])
            await connection.copy_to_table(
                table, source=io.BytesIO(content), columns=columns, format="csv"
            )
    return time.perf_counter() - started


def _records(lines: int) -> Iterator[dict[str, Any]]:
    """As a platform would export them: clients, then each session with its bookings."""
    clients = lines // 10
    left = lines - clients
    for number in range(clients):
        name = f"Kim Li {number}"
        yield {
            "type": "client",
            "id": f"c{number}",
            "name": name,
            "email": f"kim.li.{number}@example.org",
        }
    for number in range(left):
        place = number % (BOOKINGS_PER_SESSION + 1)
        session_id = f"s{number - place}"
        if not place:
            yield {
                "type": "session",
                "id": session_id,
                "name": "Vinyasa flow",
                "starts_at": _STARTS_AT,
                "ends_at": _ENDS_AT,
                "timezone": "America/Toronto",
                "location": "Studio 1",
                "instructor": "Noor",
                "capacity": BOOKINGS_PER_SESSION,
            }
            continue
        payment = {
            "method": "payment",
            "payment_id": f"pay_{number}",
            "amount_minor": 2000,
            "currency": "CAD",
        }
        yield {
            "type": "booking",
            "id": f"b{number}",
            "session_id": session_id,
            "client_id": f"c{number % clients}",
            "status": "booked",
            "payments": [payment],
        }


def _tables(records: Sequence[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The rows that the records come to, by table, in an order that COPY can take them in."""
    tables: dict[str, list[dict[str, Any]]] = {table: [] for table in _COLUMNS}
    for record in records:
        tables[record["type"] + "s"].append(record)
        for line_no, payment in enumerate(record.get("payments", ()), start=1):
            line = {"booking_id": record["id"], "line_no": line_no, "method": payment["method"]}
            tables["payment_lines"].append(line | payment)
    return tables


def _as_csv(business_id: str, tables: dict[str, list[dict[str, Any]]]) -> dict[str, bytes]:
    return {
        table: "".join(
            ",".join(
                (
                    business_id,
                    *_CONSTANT.get(table, {}).values(),
                    *(str(row[name]) for name in _COLUMNS[table]),
                )
            )
            + "\n"
            for row in rows
        ).encode()
        for table, rows in tables.items()
    }
