"""What a worker costs that has nothing to do: CPU, and statements to its database.

Those are counted on the wire.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa
from benchmarks import bench as places
from benchmarks.bench import Bench, Server
from benchmarks.figures import AT_MOST, Figure, Goal

_SETTLING_SECONDS: Final = 5.0
_STATEMENTS: Final = b"QE"  # Query and Execute (PostgreSQL, "Message Formats")


async def measure(bench: Bench) -> list[Figure]:
    """A worker over PostgreSQL and Redis, which sweeps, checks the books and listens."""
    seconds = bench.size(30, 2)
    cpu: list[float] = []
    queries: list[float] = []
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(places.database(bench, "postgresql"))
        wire = await stack.enter_async_context(_counted(url))
        redis = stack.enter_context(places.redis_url())
        nowhere = "http://127.0.0.1:9"
        settings = {
            "database_url": wire.url,
            "redis_url": redis,
            "payments_url": nowhere,
            "credits_url": nowhere,
        }
        worker = await stack.enter_async_context(_aside(places.worker(bench, **settings)))
        await asyncio.sleep(bench.size(int(_SETTLING_SECONDS), 1))
        for _ in range(bench.rounds):
            cpu_before, statements_before = worker.cpu_seconds, wire.statements
            await asyncio.sleep(seconds)
            cpu.append(100 * (worker.cpu_seconds - cpu_before) / seconds)
            queries.append((wire.statements - statements_before) / seconds)
    note = f"over {seconds} s; BEGIN and COMMIT count as statements"
    return [
        Figure("idle worker, CPU", "% of a core", cpu, goal=Goal(AT_MOST, 1.0), note=note),
        Figure("idle worker, queries", "1/s", queries, goal=Goal(AT_MOST, 5.0), note=note),
    ]


@asynccontextmanager
async def _aside(starting: AbstractContextManager[Server]) -> AsyncIterator[Server]:
    """Start and stop a process in a thread: this loop carries its statements meanwhile."""
    started = await asyncio.to_thread(starting.__enter__)
    try:
        yield started
    finally:
        await asyncio.to_thread(starting.__exit__, None, None, None)


@dataclass(slots=True)
class Wire:
    """A way to a database on which statements are counted."""

    host: str
    port: int
    url: str = ""
    statements: int = 0

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client's connection, both directions, until either side ends it."""
        back_reader, back_writer = await asyncio.open_connection(self.host, self.port)
        ways = (self._carry_questions(reader, back_writer), _carry_answers(back_reader, writer))
        await asyncio.gather(*ways, return_exceptions=True)

    async def _carry_questions(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        kind = b""  # the startup message has none
        with suppress(asyncio.IncompleteReadError):
            while True:
                length = await reader.readexactly(4)
                writer.write(kind + length + await reader.readexactly(int.from_bytes(length) - 4))
                kind = await reader.readexactly(1)
                self.statements += kind in _STATEMENTS
        writer.close()


async def _carry_answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while answer := await reader.read(65_536):
        writer.write(answer)
    writer.close()


@asynccontextmanager
async def _counted(url: str) -> AsyncIterator[Wire]:
    """The same database by another port."""
    target = sa.make_url(url)
    wire = Wire(target.host or "127.0.0.1", target.port or 5432)
    server = await asyncio.start_server(wire.carry, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    counted = target.set(host=host, port=port).update_query_dict({"ssl": "disable"})
    wire.url = counted.render_as_string(hide_password=False)
    try:
        yield wire
    finally:
        server.close()
