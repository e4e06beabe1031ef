"""Pending refunds of the sandbox, hooks that tell of them, and studios that hear those."""

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any

import pytest
from crash.studio import Studio, studio, until
from crash.week import CREDITS, PAYMENTS, Week

from app.db.core.engine import Database
from app.refunds.policy import AttemptContext
from app.refunds.verify import verify

EACH = 10
BOTH = (PAYMENTS, CREDITS)
HARD = {"ignore_keys": True, "forget_keys": True, "allow_excess": True, "pending": 1}
# Look-ups are counted: no call and no lease may end early because the machine is busy.
PATIENT = {"upstream_timeout_seconds": 20, "lease_seconds": 60}
HOUR = 3600.0
NO_POLLS = {"give_up_after_seconds": 7 * HOUR}  # which is what `_pause` knows them by
SECRET, OTHER = (f"whsec_{base64.b64encode(name * 32).decode()}" for name in (b"k", b"o"))


async def hooked(
    place: Studio,
    *,
    seconds: float,
    then: str = "succeeded",
    of_service: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
    **hooks: Any,
) -> None:
    """Have the sandbox's refunds stay pending so long, and end so; its hooks go to the studio.

    `of_service` are switches of one service alone.
    """
    told = {
        service: HARD
        | {
            "pending_seconds": seconds,
            "pending_then": then,
            "hooks": {"url": f"{place.api.base_url}/v1/hooks/{service}", "secret": SECRET} | hooks,
        }
        | of_service.get(service, {})
        for service in BOTH
    }
    await place.faults(**told)


async def asked(place: Studio, kind: str) -> list[int]:
    return [await place.requests(service, kind) for service in BOTH]


async def all_taken(place: Studio, *counts: int) -> None:
    """So many hooks of each service have been answered 204, and none in another way."""

    async def heard() -> bool:
        return await asked(place, "hooks_204") == [*counts]

    await until(heard)
    books = await place.books()
    kinds = {
        kind for service in BOTH for kind in books[service]["requests"] if kind.startswith("hooks_")
    }
    assert kinds == {"hooks_204"}


def pauses() -> contextlib.AbstractContextManager[None]:
    """Where there are no polls, what waits to be looked up waits for hours.

    Only a hook can bring a look-up forward.
    """
    as_it_is = AttemptContext.pause_of_look_up

    def _pause(trail: AttemptContext) -> float:
        return (
            HOUR
            if trail.give_up_after_seconds == NO_POLLS["give_up_after_seconds"]
            else as_it_is(trail)
        )

    @contextlib.contextmanager
    def patched() -> Any:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(AttemptContext, "pause_of_look_up", _pause)
            yield

    return patched()


Played = Mapping[str, tuple[Callable[[Studio, Database], Awaitable[None]], dict[str, Any]]]


@contextlib.asynccontextmanager
async def played(
    request: pytest.FixtureRequest,
    fresh_databases: Callable[[str, int], list[str]],
    cases: Played,
    made: Callable[[], Week],
) -> AsyncIterator[dict[str, asyncio.Task[None]]]:
    """The chosen cases of a file on one kind of database, as tasks: they mostly wait."""
    chosen = [
        item.callspec.params["name"]
        for item in request.session.items
        if item.path == request.path and item.callspec.params["running"] == request.param
    ]
    # In a thread: it runs a loop of its own.
    databases = await asyncio.to_thread(fresh_databases, request.param, len(chosen))
    room = asyncio.Semaphore(4)

    async def run(name: str, database_url: str) -> None:
        play, settings = cases[name]
        async with room:
            db = Database(database_url)
            try:
                async with studio(
                    database_url, made(), hooks_secret=SECRET, **(PATIENT | settings)
                ) as place:
                    await play(place, db)
                assert not await verify(db)
            finally:
                await db.close()

    tasks = {
        name: asyncio.create_task(run(name, url))
        for name, url in zip(chosen, databases, strict=True)
    }
    yield tasks
    for task in tasks.values():
        task.cancel()
    await asyncio.gather(*tasks.values(), return_exceptions=True)
