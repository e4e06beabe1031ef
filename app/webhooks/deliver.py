"""Delivering events: a lane for each endpoint that something is due for.

So a slow or dead one delays no other. Rows alone say what is due, and whose it is: a commit that
wrote some only prompts to look. A worker that dies costs a lease, and an event comes again under
the same id.
"""

import asyncio
import datetime as dt
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import structlog

from app.config.settings import Settings
from app.db.core.dialect import clock
from app.db.core.engine import Database
from app.db.webhooks import deliveries, events
from app.lanes import start
from app.lanes.start import Lanes
from app.webhooks.addresses import AddressPolicy, Resolver
from app.webhooks.attempt import way_to
from app.webhooks.batch import DeliveryContext

log = structlog.get_logger()

_OF_THREAD: Final = 0.1  # while refunds are under way
_KEPT_DAYS: Final = 30
_FORGET_EVERY_SECONDS: Final = 3_600.0
_FORGOTTEN_AT_ONCE: Final = 500  # at each look, until none is left


@dataclass(slots=True)
class Deliverer:
    """What a process that delivers keeps from one look to the next."""

    db: Database
    settings: Settings
    jitter: Callable[[], float]
    lanes: Lanes
    forget_at: float  # monotonic
    resolver: Resolver = field(default_factory=Resolver)
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
    lanes = start.opened(stopping, yields=yields, of_thread=_OF_THREAD)
    db.listeners.of_deliveries.append(lanes.woken.set)
    return Deliverer(db, settings, jitter, lanes, forget_at)


async def start_due(deliverer: Deliverer) -> None:
    """Start a lane for each endpoint that something is due for, whoever wrote it."""
    async with deliverer.db.autocommit(across=True) as conn:
        due = await deliveries.due_endpoints(conn)
    if due and deliverer.context is None:
        deliverer.context = _context(deliverer)
    if deliverer.context is not None:
        whose = {one.endpoint_id: one.business_id for one in due}
        each = [(one.endpoint_id, one.is_failing) for one in due]
        start.start_due(deliverer.lanes, each, partial(way_to, deliverer.context, whose))
    if time.monotonic() >= deliverer.forget_at and await _forget(deliverer.db) < _FORGOTTEN_AT_ONCE:
        deliverer.forget_at = time.monotonic() + _FORGET_EVERY_SECONDS


async def close(deliverer: Deliverer) -> None:
    """Be woken by commits no more; no lane may be running."""
    deliverer.db.listeners.of_deliveries.remove(deliverer.lanes.woken.set)
    await deliverer.resolver.aclose()


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
        deliverer.jitter,
    )


async def _forget(db: Database) -> int:
    """Delete some of what is too old to be replayed; how much."""
    async with db.write(across=True) as conn:
        before = await clock(conn) - dt.timedelta(days=_KEPT_DAYS)
        return await events.forget(conn, before=before, limit=_FORGOTTEN_AT_ONCE)
