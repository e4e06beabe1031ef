"""What every route may reach: the database, the wake-up queue and the settings of the process."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from app.config import Settings
from app.db.engine import Database
from app.queue import Queue


@dataclass(frozen=True, slots=True)
class State:
    """One per process, set by `app.main.create_app`."""

    db: Database
    queue: Queue
    settings: Settings


async def _state(connection: HTTPConnection) -> State:  # FastAPI would call one that is not async in a thread
    state = connection.app.state.service
    assert isinstance(state, State)
    return state


Service = Annotated[State, Depends(_state)]
