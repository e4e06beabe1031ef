"""The pools behind `engine.Database`: how connections are made, kept and trusted."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import orjson
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from app.domain.money import major_units
from app.domain.refund_ids import refund_id
from app.domain.texts.sheet_text import csv_cell

# Those that poolers keep for each of their callers; all others go with BEGIN.
_POSTGRES_SETTINGS = {"application_name": "bulk-cancel", "timezone": "UTC", "datestyle": "ISO"}
# Of a statement outside a transaction, which then has no timeout of the server's.
_STATEMENT_SECONDS = 300
UNNAMED_STATEMENTS: Final[dict[str, Any]] = {
    "statement_cache_size": 0,
    "prepared_statement_cache_size": 0,
    "prepared_statement_name_func": str,
}
"""The driver's parameters where a statement's name may be another caller's, or gone when used."""

SQLITE_CONNECTIONS: Final = 16
_CONNECTED_AT = "bulk_cancel_connected_at"
_IDLE_SINCE = "bulk_cancel_idle_since"
# A connection that has been idle for longer is asked whether it still answers.
_TRUSTED_IDLE_SECONDS = 1.0


def postgresql_engine(
    url: sa.URL,
    pool_size: int,
    distrusted_until: Callable[[], float],
    *,
    prepared_statements: bool,
) -> AsyncEngine:
    """An engine whose pool gives nobody a connection that is dead or distrusted.

    Distrusted is one that was made until `distrusted_until()`.
    """
    engine = create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        hide_parameters=True,  # they hold names and e-mails, and tracebacks are logged
        json_deserializer=orjson.loads,
        connect_args={
            "server_settings": _POSTGRES_SETTINGS,
            "timeout": 10,
            "command_timeout": _STATEMENT_SECONDS,
            **({} if prepared_statements else UNNAMED_STATEMENTS),
        },
    )

    @sa.event.listens_for(engine.sync_engine, "connect")
    def _on_connect(connection: Any, record: sa.pool.ConnectionPoolEntry) -> None:
        record.info[_CONNECTED_AT] = time.monotonic()
        if prepared_statements:  # else there are no statements outside transactions, which say it
            connection.run_async(lambda its: its.execute("SET jit = off"))

    # Instead of the pool's own ping before each use, which would be one round trip in three of a
    # busy worker.
    @sa.event.listens_for(engine.sync_engine, "checkin")
    def _on_checkin(_connection: Any, record: sa.pool.ConnectionPoolEntry) -> None:
        record.info[_IDLE_SINCE] = time.monotonic()

    @sa.event.listens_for(engine.sync_engine, "checkout")
    def _on_checkout(connection: Any, record: sa.pool.ConnectionPoolEntry, _proxy: Any) -> None:
        # Not one that was made for this very use, or with many at once the pool would make and give
        # up by turns.
        is_old = record.info.get(_IDLE_SINCE) is not None
        if is_old and record.info[_CONNECTED_AT] <= distrusted_until():
            raise sa.exc.DisconnectionError  # the pool then connects anew
        if connection.driver_connection.is_closed():  # the server has said so: to its others, too
            raise sa.exc.InvalidatePoolError
        idle_seconds = time.monotonic() - record.info.get(_IDLE_SINCE, time.monotonic())
        if idle_seconds > _TRUSTED_IDLE_SECONDS:
            try:
                engine.dialect.do_ping(connection)
            except Exception as error:
                # The pool then connects anew, and so for all its others.
                raise sa.exc.InvalidatePoolError from error

    return engine


def sqlite_engine(url: sa.URL) -> AsyncEngine:
    """An engine for one file, whose folder is made where there is none."""
    if url.database and url.database != ":memory:":
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_async_engine(
        url, pool_size=SQLITE_CONNECTIONS, max_overflow=0, hide_parameters=True
    )

    @sa.event.listens_for(engine.sync_engine, "connect")
    def _on_connect(connection: Any, _record: Any) -> None:
        # The driver's own BEGIN is deferred and late; ours (below) says what it means.
        connection.isolation_level = None
        connection.create_function("refund_id", 5, refund_id, deterministic=True)
        connection.create_function("csv_cell", 1, csv_cell, deterministic=True)
        connection.create_function("major_units", 2, _major_units_or_null, deterministic=True)
        connection.create_function("share_of", 3, _share_or_null, deterministic=True)
        cursor = connection.cursor()
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "busy_timeout=30000",
            "foreign_keys=ON",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @sa.event.listens_for(engine.sync_engine, "begin")
    def _on_begin(connection: sa.Connection) -> None:
        mode = connection.get_execution_options().get("bulk_cancel_begin", "DEFERRED")
        connection.exec_driver_sql(f"BEGIN {mode}")

    return engine


def _major_units_or_null(amount_minor: int | None, currency: str | None) -> str | None:
    return None if amount_minor is None or currency is None else major_units(amount_minor, currency)


def _share_or_null(fee: int | None, part: int | None, whole: int | None) -> int | None:
    """In Python, whose integers are of any size; see `db.terms.owed_lines`."""
    return fee * part // whole if fee is not None and part is not None and whole else None
