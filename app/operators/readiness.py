"""Whether the database and Redis answer this process now, and take what it writes."""

import asyncio
from enum import StrEnum
from typing import Final

import structlog

from app.db.core.engine import Database
from app.db.core.outage import DATABASE_ERRORS, is_outage
from app.db.isolated import isolation_of
from app.db.schema import Fit, found_in
from app.queue import ArqQueue, Queue

log = structlog.get_logger()

_PATIENCE_SECONDS: Final = 3.0


class DatabaseState(StrEnum):
    """What the database looks like from here."""

    OK = "ok"
    UNREACHABLE = "unreachable"
    NOT_MIGRATED = "not_migrated"
    TOO_NEW = "too_new"  # its schema needs a newer build
    READ_ONLY = "read_only"  # a standby, or made so
    NOT_ISOLATED = "not_isolated"  # its role sees all businesses, and is not to
    ISOLATED = "isolated"  # it sees one at a time, and this process says none


class RedisState(StrEnum):
    """What Redis looks like from here."""

    OK = "ok"
    UNREACHABLE = "unreachable"
    NOT_CONFIGURED = "not_configured"


async def database_state(db: Database) -> DatabaseState:
    """Whether it answers in good time, takes writes and has a schema for this build."""
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            found = await found_in(db)
            writable = await db.is_writable()
            isolation = await isolation_of(db) if found.is_compatible else None
    except DATABASE_ERRORS as error:
        if not is_outage(error):
            raise
        log.warning("database.unreachable", error=type(error).__name__)
        return DatabaseState.UNREACHABLE
    if not writable:
        log.warning("database.read_only")
        return DatabaseState.READ_ONLY
    if isolation is not None:
        if isolation.fits(wanted=db.is_isolated):
            return DatabaseState.OK
        log.warning("database.isolation_unfit", because=isolation.sentence(wanted=db.is_isolated))
        return DatabaseState.NOT_ISOLATED if db.is_isolated else DatabaseState.ISOLATED
    log.warning("database.schema_unfit", because=found.sentence)
    return DatabaseState.TOO_NEW if found.fit is Fit.TOO_NEW else DatabaseState.NOT_MIGRATED


async def redis_state(queue: Queue) -> RedisState:
    """Whether it answers, where there is one."""
    if not isinstance(queue, ArqQueue):
        return RedisState.NOT_CONFIGURED
    return RedisState.OK if await queue.ping() else RedisState.UNREACHABLE
