"""Alembic's environment: runs revisions on the configured database, one process at a time.

Several processes may migrate at once: the first does the work behind a lock, the others find it
done. On PostgreSQL it is the transaction's lock: a pooler may lend a session's to somebody else.
"""

import asyncio
import time

import sqlalchemy as sa
from alembic import context
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from app.config.environment import settings_or_exit
from app.db.core.pools import UNNAMED_STATEMENTS
from app.db.isolate import is_isolated, isolate_anew, let_the_owner_in
from app.db.tables.administration import administration
from app.db.tables.messages import messages
from app.db.tables.pages import public_pages
from app.db.tables.personal import former_contacts
from app.db.tables.webhooks import webhook_endpoints

# With every table: the others are what these build on.
metadata = webhook_endpoints.metadata
assert messages.metadata is metadata
assert administration.metadata is metadata
assert public_pages.metadata is metadata
assert former_contacts.metadata is metadata
_PATIENCE_SECONDS = 30.0
_ADVISORY_LOCK = 0x62756C6B  # "bulk"
_DEADLOCK = "40P01"
_TRIES = 5


def _migrate(connection: sa.Connection) -> None:
    postgresql = connection.dialect.name == "postgresql"
    if postgresql:
        _wait_for_others(connection)
    else:
        # A second process waits here for the first, instead of failing half way.
        connection.exec_driver_sql("PRAGMA busy_timeout=30000")
        _write_ahead(connection)
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    context.configure(
        connection=connection, target_metadata=metadata, render_as_batch=not postgresql
    )
    isolated = is_isolated(connection)
    with context.begin_transaction():
        if isolated and context.get_context().get_current_revision() != context.get_head_revision():
            let_the_owner_in(connection)
        context.run_migrations()
        if isolated:
            isolate_anew(connection)
    connection.commit()


def _wait_for_others(connection: sa.Connection) -> None:
    """Take the lock, in the transaction that migrates.

    Its own patience is no statement's after it: to wait for a table, a revision says itself.
    """
    seconds = context.config.attributes.get("patience_seconds", _PATIENCE_SECONDS)
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = {int(seconds * 1000)}")
    connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
    connection.exec_driver_sql("SET LOCAL lock_timeout = DEFAULT")


def _write_ahead(connection: sa.Connection) -> None:
    """Turn WAL on.

    SQLite refuses that at once, whatever its busy timeout, while another process has the file open.
    """
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            connection.exec_driver_sql("PRAGMA journal_mode=WAL")
        except sa.exc.OperationalError:
            connection.rollback()
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            connection.commit()
            return


async def _begin_until_it_ends(engine: AsyncEngine) -> None:
    """Migrate, from the beginning where PostgreSQL ends it for a deadlock with who writes.

    They have these tables in another order; nothing of what was begun is left.

    Raises:
        sqlalchemy.exc.DBAPIError: whatever else is wrong, or that for the last time.
    """
    for is_last in (False,) * (_TRIES - 1) + (True,):
        try:
            async with engine.connect() as connection:
                await connection.run_sync(_migrate)
        except sa.exc.DBAPIError as error:
            if is_last or getattr(error.orig, "sqlstate", None) != _DEADLOCK:
                raise
        else:
            return


async def _run() -> None:
    url = context.config.attributes.get("database_url") or settings_or_exit().database_url
    # seconds, to connect
    how = {"timeout": 10, **UNNAMED_STATEMENTS}
    postgresql = sa.make_url(url).get_backend_name() == "postgresql"
    engine = create_async_engine(url, poolclass=sa.NullPool, connect_args=how if postgresql else {})
    try:
        await _begin_until_it_ends(engine)
    finally:
        await engine.dispose()


asyncio.run(_run())
