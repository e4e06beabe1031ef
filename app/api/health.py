"""Whether the process lives and whether it can serve.

Machines ask for it, without a key, and it tells nothing secret. A Redis outage leaves the API
ready: it accepts, and the sweep finds the work. Taking it out of service would only add an outage
to a delay.
"""

import asyncio
from enum import StrEnum
from typing import Final, Literal

import structlog
from fastapi import APIRouter, Response, status
from pydantic import Field

from app.api.schedule.local_times import ZoneRules
from app.api.shapes import Answer
from app.api.state import Service
from app.db.core.engine import Database
from app.db.core.outage import DATABASE_ERRORS, is_outage
from app.db.schema import Fit, found_in
from app.queue import ArqQueue

log = structlog.get_logger()
router = APIRouter(tags=["health"])

_PATIENCE_SECONDS: Final = 3.0


class DatabaseState(StrEnum):
    """What the database looks like from here."""

    OK = "ok"
    UNREACHABLE = "unreachable"
    NOT_MIGRATED = "not_migrated"
    TOO_NEW = "too_new"  # its schema needs a newer build
    READ_ONLY = "read_only"  # a standby, or made so


class RedisState(StrEnum):
    """What Redis looks like from here."""

    OK = "ok"
    UNREACHABLE = "unreachable"
    NOT_CONFIGURED = "not_configured"


class Liveness(Answer):
    """The process answers."""

    status: Literal["alive"] = "alive"


class Readiness(Answer):
    """`degraded` still serves: accepted work waits for the sweep instead of a wake-up."""

    status: Literal["ready", "degraded", "unready"]
    database: DatabaseState
    redis: RedisState
    test_mode: bool = Field(
        description="The sandbox answers instead of payment and credit services: no money moves."
    )
    tzdata: ZoneRules = Field(default_factory=ZoneRules.of_process)


@router.get("/livez", summary="Whether the process lives")
async def livez() -> Liveness:
    """Answer as long as the process does; depends on nothing."""
    return Liveness()


@router.get(
    "/readyz",
    summary="Whether the process can serve",
    responses={503: {"model": Readiness, "description": "Unready"}},
)
async def readyz(service: Service, response: Response) -> Readiness:
    """Whether it can serve now.

    200 when the database answers, takes writes and has a schema that this build can run on, 503
    otherwise.
    """
    database, redis = await asyncio.gather(_database(service.db), _redis(service.queue))
    if database is not DatabaseState.OK:
        response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
        return Readiness(
            status="unready", database=database, redis=redis, test_mode=service.settings.test_mode
        )
    overall: Literal["ready", "degraded"] = (
        "degraded" if redis is RedisState.UNREACHABLE else "ready"
    )
    return Readiness(
        status=overall, database=database, redis=redis, test_mode=service.settings.test_mode
    )


async def _database(db: Database) -> DatabaseState:
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            found = await found_in(db)
            writable = await db.is_writable()
    except DATABASE_ERRORS as error:
        if not is_outage(error):
            raise
        log.warning("database.unreachable", error=type(error).__name__)
        return DatabaseState.UNREACHABLE
    if not writable:
        log.warning("database.read_only")
        return DatabaseState.READ_ONLY
    if found.is_compatible:
        return DatabaseState.OK
    log.warning("database.schema_unfit", because=found.sentence)
    return DatabaseState.TOO_NEW if found.fit is Fit.TOO_NEW else DatabaseState.NOT_MIGRATED


async def _redis(queue: object) -> RedisState:
    if not isinstance(queue, ArqQueue):
        return RedisState.NOT_CONFIGURED
    return RedisState.OK if await queue.ping() else RedisState.UNREACHABLE
