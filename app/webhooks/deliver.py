"""Delivering events: a lane for each endpoint that something is due for, so that a slow or dead one delays no other.

Rows alone say what is due, and whose it is: a worker that dies costs a lease, and an event comes again under the same
id. Within a lane more calls go at once the better the endpoint takes them, and one at a time while it fails.
"""

import asyncio
import datetime as dt
import random
import ssl
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import sqlalchemy as sa
import structlog

from app.config import Settings
from app.db import jobs, webhook_deliveries, webhook_endpoints, webhook_events
from app.db.engine import Database
from app.db.groups import Groups
from app.db.webhook_deliveries import Attempt, Claimed
from app.db.webhook_events import Event
from app.db.webhook_tables import DisabledBecause, EndpointStatus, EventType
from app.sealing import Seals, Unreadable
from app.webhooks import schedule
from app.webhooks.addresses import Reach, Resolver
from app.webhooks.send import Poster
from app.webhooks.signing import signed

log = structlog.get_logger()

_LOOK_SECONDS: Final = 1.0
_MOST_LANES: Final = 128
_MOST_FAILING_LANES: Final = 96  # the rest are for endpoints that take what they are sent
_FIRST_WINDOW: Final = 4
_LARGEST_WINDOW: Final = 16
_LEASE_MARGIN_SECONDS: Final = 15.0  # beyond the call's own deadline, for writing what came of it
_GRACE_SECONDS: Final = 1.0  # for calls in flight when the worker stops; others are soon made again elsewhere
_KEPT_DAYS: Final = 30
_FORGET_EVERY_SECONDS: Final = 3_600.0
_FORGOTTEN_AT_ONCE: Final = 1_000
_UNREADABLE: Final = "secret_unreadable"


@dataclass(frozen=True, slots=True)
class _Office:
    """What all lanes of a process share."""

    db: Database
    seals: Seals
    reach: Reach
    resolver: Resolver
    tls: ssl.SSLContext
    timeout_seconds: float
    stopping: asyncio.Event
    jitter: Callable[[], float]


@dataclass(slots=True)
class _Lane:
    """One endpoint, while something is due for it."""

    endpoint_id: str
    window: int
    poster: Poster
    results: Groups[Attempt]
    under_way: set[asyncio.Task[None]] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Batch:
    """Claimed deliveries, and where and under which secrets they go."""

    url: str
    secrets: Sequence[str]  # the newest first; none can be read where this is empty
    claimed: Sequence[Claimed]


_NOTHING: Final = _Batch("", (), ())


async def deliver_forever(
    db: Database, settings: Settings, stopping: asyncio.Event, *, jitter: Callable[[], float] = random.random
) -> None:
    """Deliver what is due, whoever wrote it, until `stopping` is set; then give back what is not delivered yet."""
    lanes: dict[asyncio.Task[None], tuple[str, bool]] = {}
    resolver = Resolver()
    office: _Office | None = None
    forget_at = time.monotonic() + _FORGET_EVERY_SECONDS * jitter()
    while not stopping.is_set():
        try:
            due = await _due(db)
            if due and office is None:
                office = _open(db, settings, resolver, stopping, jitter)
            if office is not None:
                for endpoint_id, is_failing in _chosen(due, list(lanes.values())):
                    lane = asyncio.create_task(_serve(office, endpoint_id, is_failing=is_failing))
                    lanes[lane] = endpoint_id, is_failing
                    lane.add_done_callback(lanes.pop)
            if time.monotonic() >= forget_at:
                forget_at = time.monotonic() + _FORGET_EVERY_SECONDS
                await _forget(db, stopping)
        except Exception as error:  # noqa: BLE001 - the worker's edge: a database that is away comes back
            log.warning("webhooks.failed", error=type(error).__name__)
        with suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), _LOOK_SECONDS)
    if lanes:
        await asyncio.wait(set(lanes))
    await resolver.aclose()


def _open(
    db: Database, settings: Settings, resolver: Resolver, stopping: asyncio.Event, jitter: Callable[[], float]
) -> _Office | None:
    seals = settings.seals()
    if seals is None:
        log.error("webhooks.no_key", setting="SECRETS_KEY")
        return None
    return _Office(
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


def _chosen(due: Sequence[tuple[str, bool]], running: Collection[tuple[str, bool]]) -> list[tuple[str, bool]]:
    """The endpoints that get a lane now: healthy ones first, failing ones never all lanes."""
    busy = {endpoint_id for endpoint_id, _ in running}
    room = _MOST_LANES - len(busy)
    room_of_failing = _MOST_FAILING_LANES - sum(is_failing for _, is_failing in running)
    waiting = [one for one in due if one[0] not in busy]
    healthy = [one for one in waiting if not one[1]][:room]
    failing = [one for one in waiting if one[1]][: max(0, min(room - len(healthy), room_of_failing))]
    return healthy + failing


async def _forget(db: Database, stopping: asyncio.Event) -> None:
    """Delete what is too old to be replayed, in small transactions."""
    forgotten = _FORGOTTEN_AT_ONCE
    while forgotten == _FORGOTTEN_AT_ONCE and not stopping.is_set():
        async with db.write() as conn:
            before = await jobs.clock(conn) - dt.timedelta(days=_KEPT_DAYS)
            forgotten = await webhook_events.forget(conn, before=before, limit=_FORGOTTEN_AT_ONCE)


async def _serve(office: _Office, endpoint_id: str, *, is_failing: bool) -> None:
    """Deliver all that is due to one endpoint."""
    poster = Poster(
        office.reach,
        office.resolver,
        office.tls,
        most_connections=_LARGEST_WINDOW,
        total_seconds=office.timeout_seconds,
    )
    try:
        async with Groups[Attempt](partial(_record, office.db, endpoint_id)) as results:
            lane = _Lane(endpoint_id, 1 if is_failing else _FIRST_WINDOW, poster, results)
            await _keep_delivering(office, lane)
            await _end_calls(lane)
    except Exception as error:
        log.exception("webhooks.lane_failed", endpoint_id=endpoint_id, error=type(error).__name__)
    finally:
        await poster.aclose()


async def _keep_delivering(office: _Office, lane: _Lane) -> None:
    stopped = asyncio.create_task(office.stopping.wait())
    try:
        while not office.stopping.is_set():
            room = lane.window - len(lane.under_way)
            if room >= max(1, lane.window // 2) or not lane.under_way:
                batch = await _claim(office, lane, most=max(1, room))
                for claimed in batch.claimed:
                    task = asyncio.create_task(_deliver(office, lane, batch, claimed))
                    lane.under_way.add(task)
                    task.add_done_callback(lane.under_way.discard)
            if not lane.under_way:
                return
            ended, _ = await asyncio.wait([stopped, *lane.under_way], return_when=asyncio.FIRST_COMPLETED)
            for call in ended:
                call.result()
    finally:
        stopped.cancel()


async def _end_calls(lane: _Lane) -> None:
    """Let the calls in flight end, for a moment, and give back the rest."""
    if lane.under_way:
        _, late = await asyncio.wait(set(lane.under_way), timeout=_GRACE_SECONDS)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)


async def _claim(office: _Office, lane: _Lane, *, most: int) -> _Batch:
    """Claim, and commit: only then is anything sent."""
    async with office.db.write() as conn:
        endpoint = await webhook_endpoints.get_any(conn, lane.endpoint_id)
        if endpoint is None:
            return _NOTHING
        if endpoint["status"] != EndpointStatus.ENABLED:
            await webhook_deliveries.give_up(conn, lane.endpoint_id)  # told while it was being disabled
            return _NOTHING
        lease = office.timeout_seconds + _LEASE_MARGIN_SECONDS
        claimed = await webhook_deliveries.claim(conn, lane.endpoint_id, most=most, lease_seconds=lease)
    return _Batch(endpoint["url"], _secrets(office.seals, endpoint), claimed)


def _secrets(seals: Seals, endpoint: sa.RowMapping) -> list[str]:
    sealed = [endpoint["secret"]]
    if endpoint["previous_secret"] is not None and endpoint["previous_secret_until"] > endpoint["read_at"]:
        sealed.append(endpoint["previous_secret"])
    try:
        return [seals.open(one) for one in sealed]
    except Unreadable:
        log.error("webhooks.secret_unreadable", endpoint_id=endpoint["id"])  # noqa: TRY400 - there is nothing to trace
        return []


async def _deliver(office: _Office, lane: _Lane, batch: _Batch, claimed: Claimed) -> None:
    """One attempt, and what it came to."""
    came = partial(Attempt, lane.endpoint_id, claimed.event_id, claimed.epoch)
    tries = claimed.tries + 1
    if not batch.secrets:
        due_in = schedule.next_in(tries, jitter=office.jitter(), retry_after_seconds=None)
        lane.results.put(came(False, due_in, None, _UNREADABLE, None, 0))
        return
    try:
        headers = signed(claimed.event_id, claimed.payload, batch.secrets, at=dt.datetime.now(dt.UTC))
        posted = await lane.poster.post(batch.url, headers, claimed.payload.encode())
    except asyncio.CancelledError:
        lane.results.put(came(False, 0.0, None, None, None, None))
        raise
    delivered = schedule.is_delivered(posted.status)
    lane.window = min(2 * lane.window, _LARGEST_WINDOW) if delivered else 1
    due_in = None
    if not delivered and not schedule.is_gone(posted.status):
        due_in = schedule.next_in(tries, jitter=office.jitter(), retry_after_seconds=posted.retry_after_seconds)
    lane.results.put(came(delivered, due_in, posted.status, posted.error, posted.response, posted.milliseconds))


async def _record(db: Database, endpoint_id: str, group: Sequence[Attempt]) -> None:
    """Write a group of one endpoint's attempts, and what they say of the endpoint."""
    async with db.write() as conn:
        endpoint = await webhook_endpoints.hold(conn, endpoint_id)
        if endpoint is None:
            return  # deleted meanwhile, with all its deliveries
        await webhook_deliveries.record(conn, group)
        made = [one for one in group if one.milliseconds is not None]
        because = None
        if any(schedule.is_gone(one.status_code) for one in made):
            because = DisabledBecause.GONE
        elif any(one.delivered for one in made):
            if endpoint["failing_since"] is not None:
                await webhook_endpoints.update(conn, endpoint_id, failing_since=None)
        elif made and await webhook_endpoints.has_failed(conn, endpoint, for_seconds=schedule.PATIENCE_SECONDS):
            because = DisabledBecause.FAILING
        if because is not None and endpoint["status"] == EndpointStatus.ENABLED:
            await webhook_endpoints.disable(conn, endpoint_id, because)
            event = Event(EventType.ENDPOINT_DISABLED, {"endpoint_id": endpoint_id, "because": because})
            await webhook_events.tell(conn, endpoint["business_id"], [event])
            log.warning("webhook_endpoint.disabled", endpoint_id=endpoint_id, because=because)
