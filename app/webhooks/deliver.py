"""Delivering events: a lane for each endpoint that something is due for.

So a slow or dead one delays no other. Rows alone say what is due, and whose it is: a commit that
wrote some only prompts to look. A worker that dies costs a lease, and an event comes again under
the same id.
"""

import asyncio
import datetime as dt
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import structlog

from app.config.settings import Settings
from app.db.core.dialect import clock
from app.db.core.engine import Database
from app.db.webhooks import deliveries, events
from app.webhooks.addresses import AddressPolicy, Resolver
from app.webhooks.batch import DeliveryContext
from app.webhooks.lane import serve
from app.webhooks.share import Share

log = structlog.get_logger()

LOOK_SECONDS: Final = 1.0
# Between two looks, however many commits made something due.
_TOGETHER_SECONDS: Final = 0.1
_MAX_LANES: Final = 128
_MAX_FAILING_LANES: Final = 96  # the rest are for endpoints that take what they are sent
_KEPT_DAYS: Final = 30
_FORGET_EVERY_SECONDS: Final = 3_600.0
_FORGOTTEN_AT_ONCE: Final = 500  # at each look, until none is left

# Of each lane's task: the endpoint's id, and whether it was failing when the lane began.
_Lanes = dict[asyncio.Task[None], tuple[str, bool]]


@dataclass(slots=True)
class Deliverer:
    """What a process that delivers keeps from one look to the next."""

    db: Database
    settings: Settings
    stopping: asyncio.Event
    jitter: Callable[[], float]
    yields: Callable[[], bool]
    forget_at: float  # monotonic
    resolver: Resolver = field(default_factory=Resolver)
    # Set by a commit of this process that made something due.
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    lanes: _Lanes = field(default_factory=dict)
    # Due at the last look though they had a lane, which may have claimed its last before that.
    again: set[str] = field(default_factory=set)
    context: DeliveryContext | None = None  # opened when something is due for the first time


def opened(
    db: Database,
    settings: Settings,
    stopping: asyncio.Event,
    *,
    jitter: Callable[[], float],
    yields: Callable[[], bool],
) -> Deliverer:
    """One that is woken by this process's commits from now on, until it is closed.

    Args:
        db: where events, endpoints and deliveries are.
        settings: of this process.
        stopping: ends lanes; what is not delivered yet is given back then.
        jitter: draws from 0 to 1.
        yields: whether something is under way in this process that goes before deliveries, which
            then keep to `share`.
    """
    forget_at = time.monotonic() + _FORGET_EVERY_SECONDS * jitter()
    deliverer = Deliverer(db, settings, stopping, jitter, yields, forget_at)
    db.listeners.of_deliveries.append(deliverer.woken.set)
    return deliverer


async def start_due(deliverer: Deliverer) -> None:
    """Start a lane for each endpoint that something is due for, whoever wrote it."""
    due = await _due(deliverer.db)
    if due and deliverer.context is None:
        deliverer.context = _context(deliverer)
    if deliverer.context is not None:
        _start_lanes(deliverer, deliverer.context, due)
    if time.monotonic() >= deliverer.forget_at and await _forget(deliverer.db) < _FORGOTTEN_AT_ONCE:
        deliverer.forget_at = time.monotonic() + _FORGET_EVERY_SECONDS


async def close(deliverer: Deliverer) -> None:
    """Be woken by commits no more; no lane may be running."""
    deliverer.db.listeners.of_deliveries.remove(deliverer.woken.set)
    await deliverer.resolver.aclose()


def deaf_seconds(*, pinched: bool) -> float:
    """For how many seconds after a look no commit wakes it.

    It is as long as unprompted while refunds go on, for each commit wakes it.
    """
    return LOOK_SECONDS if pinched else _TOGETHER_SECONDS


def _context(deliverer: Deliverer) -> DeliveryContext | None:
    settings = deliverer.settings
    secret_box = settings.secret_box()
    if secret_box is None:
        log.error("webhooks.no_key", setting="SECRETS_KEY")
        return None
    return DeliveryContext(
        deliverer.db,
        secret_box,
        AddressPolicy.of(settings),
        deliverer.resolver,
        ssl.create_default_context(),
        settings.webhook_timeout_seconds,
        deliverer.stopping,
        deliverer.jitter,
        Share(deliverer.yields, deliverer.stopping),
    )


async def _due(db: Database) -> Sequence[tuple[str, bool]]:
    async with db.autocommit() as conn:
        return await deliveries.due_endpoints(conn)


def _start_lanes(
    deliverer: Deliverer, context: DeliveryContext, due: Sequence[tuple[str, bool]]
) -> None:
    lanes = deliverer.lanes
    chosen = choose(due, list(lanes.values()), context.served_at)
    busy = {endpoint_id for endpoint_id, _ in lanes.values()}
    deliverer.again = {endpoint_id for endpoint_id, _ in due if endpoint_id in busy}
    for endpoint_id, is_failing in chosen:
        lane = asyncio.create_task(
            context.share.metered(serve(context, endpoint_id, is_failing=is_failing))
        )
        lanes[lane] = endpoint_id, is_failing
        lane.add_done_callback(partial(_lane_ended, deliverer))
    having = {endpoint_id for endpoint_id, _ in lanes.values()}
    begun_at = dict.fromkeys((endpoint_id for endpoint_id, _ in chosen), time.monotonic())
    context.served_at = {
        one: at for one, _ in due if (at := (context.served_at | begun_at).get(one)) is not None
    }
    if any(endpoint_id not in having for endpoint_id, _ in due):
        context.crowded.set()
    else:
        context.crowded.clear()


def _lane_ended(deliverer: Deliverer, lane: asyncio.Task[None]) -> None:
    """Look again for what was due while this lane was ending.

    Nobody else wakes it for that.
    """
    endpoint_id, _ = deliverer.lanes.pop(lane)
    if endpoint_id in deliverer.again:
        deliverer.woken.set()


def choose(
    due: Sequence[tuple[str, bool]],
    running: Sequence[tuple[str, bool]],
    served_at: Mapping[str, float],
) -> list[tuple[str, bool]]:
    """The endpoints that get a lane now: healthy ones first.

    Failing ones never get all lanes. Of each kind, who has waited comes first.

    Args:
        due: endpoints that something is due for, the longest first, and whether they are failing.
        running: those that have a lane, and whether they were failing then.
        served_at: when the last lane of each began; of one that is not there none has for a while.
    """
    busy = {endpoint_id for endpoint_id, _ in running}
    waiting = sorted(
        (one for one in due if one[0] not in busy), key=lambda one: served_at.get(one[0], 0.0)
    )
    room = _MAX_LANES - len(running)
    healthy = [one for one in waiting if not one[1]][:room]
    room_of_failing = min(
        room - len(healthy), _MAX_FAILING_LANES - sum(failing for _, failing in running)
    )
    return healthy + [one for one in waiting if one[1]][: max(0, room_of_failing)]


async def _forget(db: Database) -> int:
    """Delete some of what is too old to be replayed; how much."""
    async with db.write() as conn:
        before = await clock(conn) - dt.timedelta(days=_KEPT_DAYS)
        return await events.forget(conn, before=before, limit=_FORGOTTEN_AT_ONCE)
