"""Delivering events: a lane for each endpoint that something is due for, so that a slow or dead one delays no other.

Rows alone say what is due, and whose it is: a worker that dies costs a lease, and an event comes again under the same
id.
"""

import asyncio
import datetime as dt
import random
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final

import structlog

from app.config import Settings
from app.db import jobs, webhook_deliveries, webhook_events
from app.db.engine import Database
from app.webhooks.addresses import Reach, Resolver
from app.webhooks.lane import Office, serve

log = structlog.get_logger()

_LOOK_SECONDS: Final = 1.0
_MOST_LANES: Final = 128
_MOST_FAILING_LANES: Final = 96  # the rest are for endpoints that take what they are sent
_KEPT_DAYS: Final = 30
_FORGET_EVERY_SECONDS: Final = 3_600.0
_FORGOTTEN_AT_ONCE: Final = 500  # at each look, until none is left

_Lanes = dict[asyncio.Task[None], tuple[str, bool]]  # the endpoint's id, and whether it was failing then


async def deliver_forever(
    db: Database, settings: Settings, stopping: asyncio.Event, *, jitter: Callable[[], float] = random.random
) -> None:
    """Deliver what is due, whoever wrote it, until `stopping` is set; then give back what is not delivered yet."""
    resolver = Resolver()
    office: Office | None = None
    lanes: _Lanes = {}
    forget_at = time.monotonic() + _FORGET_EVERY_SECONDS * jitter()
    while not stopping.is_set():
        try:
            due = await _due(db)
            if due and office is None:
                office = _open(db, settings, resolver, stopping, jitter)
            if office is not None:
                _start_lanes(office, lanes, due)
            if time.monotonic() >= forget_at and await _forget(db) < _FORGOTTEN_AT_ONCE:
                forget_at = time.monotonic() + _FORGET_EVERY_SECONDS
        except Exception as error:  # noqa: BLE001 - the worker's edge: a database that is away comes back
            log.warning("webhooks.failed", error=type(error).__name__)
        with suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), _LOOK_SECONDS)
    if lanes:
        await asyncio.wait(set(lanes))
    await resolver.aclose()


def _open(
    db: Database, settings: Settings, resolver: Resolver, stopping: asyncio.Event, jitter: Callable[[], float]
) -> Office | None:
    seals = settings.seals()
    if seals is None:
        log.error("webhooks.no_key", setting="SECRETS_KEY")
        return None
    return Office(
        db,
        seals,
        Reach.of(settings),
        resolver,
        ssl.create_default_context(),
        settings.webhook_timeout_seconds,
        stopping,
        jitter,
    )


async def _due(db: Database) -> Sequence[tuple[str, bool]]:
    async with db.glance() as conn:
        return await webhook_deliveries.due_endpoints(conn)


def _start_lanes(office: Office, lanes: _Lanes, due: Sequence[tuple[str, bool]]) -> None:
    chosen = choose(due, list(lanes.values()), office.served_at)
    for endpoint_id, is_failing in chosen:
        lane = asyncio.create_task(serve(office, endpoint_id, is_failing=is_failing))
        lanes[lane] = endpoint_id, is_failing
        lane.add_done_callback(lanes.pop)
    having = {endpoint_id for endpoint_id, _ in lanes.values()}
    begun_at = dict.fromkeys((endpoint_id for endpoint_id, _ in chosen), time.monotonic())
    office.served_at = {one: at for one, _ in due if (at := (office.served_at | begun_at).get(one)) is not None}
    if any(endpoint_id not in having for endpoint_id, _ in due):
        office.crowded.set()
    else:
        office.crowded.clear()


def choose(
    due: Sequence[tuple[str, bool]], running: Sequence[tuple[str, bool]], served_at: Mapping[str, float]
) -> list[tuple[str, bool]]:
    """The endpoints that get a lane now: healthy ones first, failing ones never all lanes; who has waited comes first.

    Args:
        due: endpoints that something is due for, the longest first, and whether they are failing.
        running: those that have a lane, and whether they were failing then.
        served_at: when the last lane of each began; of one that is not there none has for a while.
    """
    busy = {endpoint_id for endpoint_id, _ in running}
    waiting = sorted((one for one in due if one[0] not in busy), key=lambda one: served_at.get(one[0], 0.0))
    room = _MOST_LANES - len(running)
    healthy = [one for one in waiting if not one[1]][:room]
    room_of_failing = min(room - len(healthy), _MOST_FAILING_LANES - sum(failing for _, failing in running))
    return healthy + [one for one in waiting if one[1]][: max(0, room_of_failing)]


async def _forget(db: Database) -> int:
    """Delete some of what is too old to be replayed; how much."""
    async with db.write() as conn:
        before = await jobs.clock(conn) - dt.timedelta(days=_KEPT_DAYS)
        return await webhook_events.forget(conn, before=before, limit=_FORGOTTEN_AT_ONCE)
