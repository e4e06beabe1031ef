"""Whether the process lives and whether it can serve.

Machines ask for it, without a key, and it tells nothing secret. A Redis outage leaves the API
ready: it accepts, and the sweep finds the work. Taking it out of service would only add an outage
to a delay.
"""

import asyncio
from typing import Literal

from fastapi import APIRouter, Response, status
from pydantic import Field

from app.api.bodies import Answer
from app.api.dependencies import Service
from app.api.schedule.local_times import ZoneRules
from app.operators.readiness import DatabaseState, RedisState, database_state, redis_state

router = APIRouter(tags=["health"])


class Liveness(Answer):
    """The process answers."""

    status: Literal["alive"] = "alive"


class Readiness(Answer):
    """`degraded` still serves: accepted work waits for the sweep instead of a wake-up."""

    status: Literal["ready", "degraded", "unready"]
    database: DatabaseState
    redis: RedisState
    isolated: bool = Field(
        description="PostgreSQL keeps businesses apart, whatever a statement has forgotten."
    )
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
    database, redis = await asyncio.gather(database_state(service.db), redis_state(service.queue))
    if database is not DatabaseState.OK:
        response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
        return Readiness(
            status="unready",
            database=database,
            redis=redis,
            isolated=False,
            test_mode=service.settings.test_mode,
        )
    overall: Literal["ready", "degraded"] = (
        "degraded" if redis is RedisState.UNREACHABLE else "ready"
    )
    return Readiness(
        status=overall,
        database=database,
        redis=redis,
        isolated=service.db.is_isolated,
        test_mode=service.settings.test_mode,
    )
