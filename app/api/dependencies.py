"""What every route may reach: the process's database, wake-up queue and settings."""

from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from app.api.layers.cross_origin import KeptSites
from app.api.layers.kept_bodies import JobBodies, PublicPages
from app.config.settings import Settings
from app.db.core.engine import Database
from app.queue import Queue
from app.refunds.runtime import Runtime


@dataclass(frozen=True, slots=True)
class State:
    """One per process, set by `app.main.create_app`."""

    db: Database
    queue: Queue
    settings: Settings
    runtime: Runtime | None = None  # where the process knows of the upstreams
    job_bodies: JobBodies = field(default_factory=JobBodies)
    public_pages: PublicPages = field(default_factory=PublicPages)
    sites: KeptSites = field(default_factory=KeptSites)

    def __post_init__(self) -> None:
        self.db.listeners.of_schedules.append(self.sites.drop)
        self.db.listeners.of_schedules.append(self.public_pages.drop)


# Async, because FastAPI would call any other in a thread.
async def state_of(connection: HTTPConnection) -> State:
    """The state of the process that a request has come to."""
    state = connection.app.state.service
    assert isinstance(state, State)
    return state


Service = Annotated[State, Depends(state_of)]
