"""PostgreSQL databases, lent to one test at a time.

They are made from a migrated template, and emptied when they come back. Making one takes a
tenth of a second and dropping it a third, which every second test of this project would pay.
TRUNCATE, which makes each table and index anew, takes as long: so the few tables that were written
to are emptied by DELETE and VACUUM, in milliseconds, and all by TRUNCATE only where one grew beyond
what those give back. What comes back is as new (rows, sizes, sequences, statistics, connections),
or it is dropped: if its schema or settings have been changed, or if it can't be emptied at once.
"""

import asyncio
import uuid
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

import asyncpg
import sqlalchemy as sa

from app.db.schema import migrate

T = TypeVar("T")

_OTHERS: Final = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
_TABLES: Final = (
    "SELECT relname FROM pg_class "
    "WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1"
)
_WRITTEN: Final = (
    f"SELECT relname FROM ({_TABLES}) one "
    "WHERE pg_relation_size(quote_ident(relname)::regclass) > 0"
)
# An index keeps its pages, and would be another to the planner. A new one has one page, and two
# from its first row on.
_GROWN: Final = """
SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace
  AND CASE relkind WHEN 'r' THEN pg_relation_size(oid) > 0
                   WHEN 'i' THEN pg_relation_size(oid) > 2 * current_setting('block_size')::int END
"""
_UNUSED: Final = """
SELECT setval(seqrelid, seqstart, false) FROM pg_sequence JOIN pg_class ON pg_class.oid = seqrelid
  WHERE relnamespace = 'public'::regnamespace
"""
_FORGET: Final = """
DELETE FROM pg_statistic WHERE starelid IN (
  SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace)
"""
_SIZES: Final = """
SELECT jsonb_agg(jsonb_build_object(\
'relname', relname, 'relpages', relpages, 'reltuples', reltuples,
  'relallvisible', relallvisible)) FROM pg_class \
WHERE relkind IN ('r', 'i') AND relnamespace = 'public'::regnamespace
"""
_AS_PLANNED: Final = """
UPDATE pg_class SET relpages = new.relpages, reltuples = new.reltuples, \
relallvisible = new.relallvisible
  FROM jsonb_populate_recordset(NULL::pg_class, $1) new
  WHERE new.relname = pg_class.relname AND pg_class.relnamespace = 'public'::regnamespace
    AND (new.relpages, new.reltuples) <> (pg_class.relpages, pg_class.reltuples)
"""
# A row of a catalog that is written anew has another xmin, and a copy of a database has the same
# ones. Only those of pg_class change by what is done to rows alone.
_SCHEMA: Final = f"""
SELECT concat_ws(' ', {
    ", ".join(
        f"(SELECT concat(count(*), ':', sum(xmin::text::bigint)) FROM {catalog})"
        for catalog in (
            "pg_attrdef",
            "pg_attribute",
            "pg_constraint",
            "pg_index",
            "pg_proc",
            "pg_trigger",
            "pg_type",
        )
    )
},
  (SELECT sum(hashtext(concat(relname, relkind, reloptions))::bigint) FROM pg_class),
  (SELECT count(*) FROM pg_db_role_setting
    WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())))
"""


def in_a_thread(work: Coroutine[Any, Any, T]) -> T:
    """Runs it in a loop of its own: in this thread one may be running, as in a browser's tests."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


async def administer(url: str, *statements: str) -> None:
    """Runs statements on the server at `url`, each by itself, as CREATE and DROP want it."""
    conn = await _connect(sa.make_url(url))
    try:
        for statement in statements:
            await conn.execute(statement)
    finally:
        await conn.close()


async def ask(url: str, statement: str) -> Any:
    """The one value that a statement gives on the server at `url`."""
    conn = await _connect(sa.make_url(url))
    try:
        return await conn.fetchval(statement)
    finally:
        await conn.close()


async def _connect(url: sa.URL) -> asyncpg.Connection:
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    return await asyncpg.connect(plain, timeout=10)


class Databases:
    """The databases of one test process on the server at `url`."""

    def __init__(self, url: str) -> None:
        self._url = sa.make_url(url)
        self.template = f"bulk_cancel_test_{uuid.uuid4().hex[:12]}"
        self._free: list[str] = []
        self._made: list[str] = [self.template]
        self._administer(f'CREATE DATABASE "{self.template}"')
        with ThreadPoolExecutor(1) as thread:
            thread.submit(migrate, self._url_of(self.template)).result()
        self._schema, self._sizes, self._rows = in_a_thread(self._look())

    def lend(self) -> str:
        """The URL of a database that is as the migrations leave one."""
        if not self._free:
            name = f"{self.template}_{len(self._made)}"
            self._made.append(name)
            self._administer(f'CREATE DATABASE "{name}" TEMPLATE "{self.template}"')
            self._free.append(name)
        return self._url_of(self._free.pop())

    def take_back(self, url: str) -> None:
        """Empty what was lent."""
        name = sa.make_url(url).database
        assert name is not None
        try:
            is_as_new = in_a_thread(self._empty(name))
        except (asyncpg.PostgresError, OSError, TimeoutError):
            is_as_new = False
        if is_as_new:
            self._free.append(name)
        else:
            self._administer(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            self._made.remove(name)

    def close(self) -> None:
        """Drop all."""
        self._administer(*(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)' for name in self._made))

    def _url_of(self, name: str) -> str:
        return self._url.set(database=name).render_as_string(hide_password=False)

    def _administer(self, *statements: str) -> None:
        in_a_thread(administer(self._url.render_as_string(hide_password=False), *statements))

    async def _look(self) -> tuple[str, str, dict[str, str]]:
        """The template's schema, what its planner knows of sizes, and the rows it begins with."""
        conn = await _connect(self._url.set(database=self.template))
        rows = {}
        for [table] in await conn.fetch(_TABLES):
            if found := await conn.fetchval(f'SELECT jsonb_agg(one) FROM "{table}" one'):
                rows[table] = found
        schema, sizes = await conn.fetchval(_SCHEMA), await conn.fetchval(_SIZES)
        await conn.close()
        return schema, sizes, rows

    async def _empty(self, name: str) -> bool:
        conn = await _connect(self._url.set(database=name))
        # History is append-only for everybody else.
        await conn.execute("SET session_replication_role = replica")
        await conn.execute("SET lock_timeout = '5s'")
        await conn.execute("SET synchronous_commit = off")
        async with asyncio.timeout(10):  # VACUUM keeps what somebody's transaction may still see
            while await conn.fetch(_OTHERS):  # noqa: ASYNC110 - backends end by themselves
                await asyncio.sleep(0.002)
        is_as_new = await conn.fetchval(_SCHEMA) == self._schema
        if is_as_new:
            await self._empty_tables(conn)
            await conn.execute(_UNUSED)
            await conn.execute(_AS_PLANNED, self._sizes)
        await conn.close()
        return is_as_new

    async def _empty_tables(self, conn: asyncpg.Connection) -> None:
        tables = [f'"{table}"' for [table] in await conn.fetch(_TABLES)]
        written = [f'"{table}"' for [table] in await conn.fetch(_WRITTEN)]
        await conn.execute("; ".join(f"DELETE FROM {table}" for table in written))
        await conn.execute(f"VACUUM {', '.join(written)}")
        if await conn.fetch(_GROWN):
            await conn.execute(f"TRUNCATE {', '.join(tables)}")
        for table, rows in self._rows.items():
            first = f'SELECT * FROM jsonb_populate_recordset(NULL::"{table}", $1)'
            await conn.execute(f'INSERT INTO "{table}" {first}', rows)
        await conn.execute(_FORGET)
