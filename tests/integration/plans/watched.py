"""What a database really does: each statement with its plan, caught at the driver.

So it is seen whoever wrote the statement.
"""

import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import sqlalchemy as sa

from app.db.core.engine import Database

_POSTGRESQL_SETTINGS = {
    "session_preload_libraries": "auto_explain",
    "auto_explain.log_min_duration": "0",
    "auto_explain.log_nested_statements": "on",  # the look-ups of foreign keys too
    "auto_explain.log_format": "json",
    "auto_explain.log_level": "notice",  # to the client, and not into the server's log
}
_SQLITE_STEP = re.compile(
    r"(?P<how>SCAN|SEARCH) (?P<table>\w+)(?: AS \w+)?"
    r"(?: USING(?:.* INDEX (?P<index>\w+)| (?P<key>INTEGER PRIMARY KEY)))?"
)
_NOT_PLANNED = re.compile(
    r"\s*(--|BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE|PRAGMA|EXPLAIN)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Reading:
    """One table as one statement read it; without an index, it was read from end to end."""

    statement: str
    table: str
    index: str | None
    by: str  # what the index was searched by


@dataclass(slots=True)
class Watched:
    """Everything that was read while the database was watched."""

    readings: set[Reading] = field(default_factory=set)

    def whole(self, tables) -> set[Reading]:
        return {one for one in self.readings if one.index is None and one.table in tables}

    def indexes(self) -> set[str]:
        return {one.index for one in self.readings if one.index is not None}

    def of(self, table: str) -> set[Reading]:
        return {one for one in self.readings if one.table == table}


@asynccontextmanager
async def watched(db: Database) -> AsyncIterator[Watched]:
    """Watch every connection that the handle opens until the block ends."""
    seen = Watched()
    if db.is_postgresql:
        async with _plans_told(db, seen):
            yield seen
    else:
        statements: list[str] = []
        async with _every_connection(
            db, lambda driver: driver.set_trace_callback(statements.append)
        ):
            yield seen
        async with db.read() as conn:
            for statement in dict.fromkeys(statements):
                if not _NOT_PLANNED.match(statement):
                    steps = (await conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}")).all()
                    seen.readings.update(_of_sqlite(statement, [step[3] for step in steps]))


@asynccontextmanager
async def _plans_told(db: Database, seen: Watched) -> AsyncIterator[None]:
    async with db.write() as conn:
        for name, value in _POSTGRESQL_SETTINGS.items():
            await conn.execute(
                sa.text(f"ALTER DATABASE \"{db.url.database}\" SET {name} = '{value}'")
            )

    def told(_connection, message) -> None:
        _, found, plan = message.message.partition("plan:\n")
        if found:
            explained = json.loads(plan)
            seen.readings.update(_of_postgresql(explained["Query Text"], explained["Plan"]))

    async def listen(driver) -> None:
        driver.add_log_listener(told)

    async with _every_connection(db, listen):
        yield
    async with db.write() as conn:
        await conn.execute(sa.text(f'ALTER DATABASE "{db.url.database}" RESET ALL'))
    await db.engine.dispose()


@asynccontextmanager
async def _every_connection(db: Database, prepare) -> AsyncIterator[None]:
    def connected(connection, _record) -> None:
        connection.run_async(prepare)

    await db.engine.dispose()
    sa.event.listen(db.engine.sync_engine, "connect", connected)
    try:
        yield
    finally:
        await db.engine.dispose()
        sa.event.remove(db.engine.sync_engine, "connect", connected)


def _of_postgresql(statement: str, plan: dict) -> Iterator[Reading]:
    searched_by = plan.get("Index Cond", "")
    match plan["Node Type"]:
        case "Seq Scan":
            yield Reading(statement, plan["Relation Name"], None, "")
        case "Index Scan" | "Index Only Scan":
            yield Reading(statement, plan["Relation Name"], plan["Index Name"], searched_by)
        case "Bitmap Heap Scan":
            for part in _bitmaps(plan):
                yield Reading(
                    statement, plan["Relation Name"], part["Index Name"], part.get("Index Cond", "")
                )
    for part in plan.get("Plans", ()):
        yield from _of_postgresql(statement, part)


def _bitmaps(plan: dict) -> Iterator[dict]:
    for part in plan.get("Plans", ()):
        if part["Node Type"] == "Bitmap Index Scan":
            yield part
        else:
            yield from _bitmaps(part)


def _of_sqlite(statement: str, steps: list[str]) -> Iterator[Reading]:
    for step in steps:
        if found := _SQLITE_STEP.match(step):
            yield Reading(statement, found["table"], found["index"] or found["key"], step)
