"""One endpoint's lane: claims what is due to it, sends, and writes what came of it, until nothing is due any more.

More calls go at once the better the endpoint takes them, and one at a time while it fails.
"""

import asyncio
import datetime as dt
import ssl
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import sqlalchemy as sa
import structlog

from app.db import webhook_deliveries, webhook_endpoints, webhook_events
from app.db.engine import Database
from app.db.groups import Groups
from app.db.webhook_deliveries import Attempt, Claimed
from app.db.webhook_events import Event
from app.db.webhook_tables import DisabledBecause, EndpointStatus, EventType
from app.sealing import Seals, Unreadable
from app.webhooks import retries
from app.webhooks.addresses import Reach, Resolver
from app.webhooks.send import Poster
from app.webhooks.signing import signed

log = structlog.get_logger()

_LOOK_SECONDS: Final = 1.0
_TURN_SECONDS: Final = 20.0  # while other endpoints wait for a lane
_FIRST_WINDOW: Final = 4
_LARGEST_WINDOW: Final = 16
_LEASE_MARGIN_SECONDS: Final = 15.0  # beyond the call's own deadline, for writing what came of it
_GRACE_SECONDS: Final = 1.0  # for calls in flight when the worker stops; others are soon made again elsewhere
_UNREADABLE_WAITS_SECONDS: Final = 60.0


@dataclass(slots=True)
class Office:
    """What all lanes of a process share."""

    db: Database
    seals: Seals
    reach: Reach
    resolver: Resolver
    tls: ssl.SSLContext
    timeout_seconds: float
    stopping: asyncio.Event
    jitter: Callable[[], float]
    crowded: asyncio.Event = field(default_factory=asyncio.Event)  # endpoints wait for a lane
    served_at: dict[str, float] = field(default_factory=dict)  # monotonic, by endpoint: when its last lane began


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


async def serve(office: Office, endpoint_id: str, *, is_failing: bool) -> None:
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
            try:
                await _keep_delivering(office, lane)
            finally:
                await _end_calls(office, lane)
    except Exception as error:
        log.exception("webhooks.lane_failed", endpoint_id=endpoint_id, error=type(error).__name__)
    finally:
        await poster.aclose()


async def _keep_delivering(office: Office, lane: _Lane) -> None:
    stopped = asyncio.create_task(office.stopping.wait())
    turn_ends = time.monotonic() + _TURN_SECONDS
    try:
        while not office.stopping.is_set() and not (office.crowded.is_set() and time.monotonic() > turn_ends):
            room = lane.window - len(lane.under_way)
            if room >= max(1, lane.window // 2) or not lane.under_way:
                batch = await _claim(office, lane, most=max(1, room))
                for claimed in batch.claimed:
                    task = asyncio.create_task(_deliver(office, lane, batch, claimed))
                    lane.under_way.add(task)
                    task.add_done_callback(lane.under_way.discard)
            if not lane.under_way:
                return
            # Not only until a call ends: one may hang, and new events are not to wait for it.
            ended, _ = await asyncio.wait(
                [stopped, *lane.under_way], timeout=_LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
            for call in ended:
                call.result()
    finally:
        stopped.cancel()


async def _end_calls(office: Office, lane: _Lane) -> None:
    """Let the calls in flight end; when the worker stops, only for a moment, and give back the rest."""
    stopped = asyncio.create_task(office.stopping.wait())
    while lane.under_way and not stopped.done():
        await asyncio.wait([stopped, *lane.under_way], return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if lane.under_way:
        _, late = await asyncio.wait(set(lane.under_way), timeout=_GRACE_SECONDS)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)


async def _claim(office: Office, lane: _Lane, *, most: int) -> _Batch:
    """Claim, and commit: only then is anything sent."""
    async with office.db.write() as conn:
        endpoint = await webhook_endpoints.get_any(conn, lane.endpoint_id)
        if endpoint is None:
            return _NOTHING
        if endpoint["status"] != EndpointStatus.ENABLED:
            # What is due was written while it was being disabled; unless it is being enabled right now.
            held = await webhook_endpoints.hold(conn, lane.endpoint_id)
            if held is not None and held["status"] != EndpointStatus.ENABLED:
                await webhook_deliveries.give_up(conn, lane.endpoint_id)
            return _NOTHING
        lease = office.timeout_seconds + _LEASE_MARGIN_SECONDS
        claimed = await webhook_deliveries.claim(conn, lane.endpoint_id, most=most, lease_seconds=lease)
    return _Batch(endpoint["url"], _secrets(office.seals, endpoint), claimed)


def _secrets(seals: Seals, endpoint: sa.RowMapping) -> list[str]:
    try:
        secrets = [seals.open(endpoint["secret"])]
    except Unreadable:
        log.error("webhooks.secret_unreadable", endpoint_id=endpoint["id"])  # noqa: TRY400 - there is nothing to trace
        return []
    if endpoint["previous_secret"] is not None and endpoint["previous_secret_until"] > endpoint["read_at"]:
        with suppress(Unreadable):  # whoever has the new one needs it no more
            secrets.append(seals.open(endpoint["previous_secret"]))
    return secrets


async def _deliver(office: Office, lane: _Lane, batch: _Batch, claimed: Claimed) -> None:
    """One attempt, and what it came to."""
    came = partial(Attempt, lane.endpoint_id, claimed.event_id, claimed.epoch, claimed.tries, batch.url)
    if not batch.secrets:
        # The operator's to mend, and no fault of the endpoint: it waits.
        lane.results.put(came(False, _UNREADABLE_WAITS_SECONDS, None, None, None, None))
        return
    try:
        headers = signed(claimed.event_id, claimed.payload, batch.secrets, at=dt.datetime.now(dt.UTC))
        posted = await lane.poster.post(batch.url, headers, claimed.payload.encode())
    except asyncio.CancelledError:
        lane.results.put(came(False, 0.0, None, None, None, None))
        raise
    delivered = retries.is_delivered(posted.status)
    lane.window = min(2 * lane.window, _LARGEST_WINDOW) if delivered else 1
    due_in = None
    if not delivered:
        due_in = retries.next_in(
            claimed.tries + 1, jitter=office.jitter(), retry_after_seconds=posted.retry_after_seconds
        )
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
        # Not what was said where the endpoint has been before.
        if any(retries.is_gone(one.status_code) and one.url == endpoint["url"] for one in made):
            because = DisabledBecause.GONE
        elif any(one.delivered for one in made):
            if endpoint["failing_since"] is not None:
                await webhook_endpoints.update(conn, endpoint_id, failing_since=None)
        elif made and await webhook_endpoints.has_failed(conn, endpoint, for_seconds=retries.PATIENCE_SECONDS):
            because = DisabledBecause.FAILING
        if because is not None and endpoint["status"] == EndpointStatus.ENABLED:
            await webhook_endpoints.disable(conn, endpoint_id, because)
            event = Event(EventType.ENDPOINT_DISABLED, {"endpoint_id": endpoint_id, "because": because})
            await webhook_events.tell(conn, endpoint["business_id"], [event])
            log.warning("webhook_endpoint.disabled", endpoint_id=endpoint_id, because=because)
