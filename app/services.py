"""What runs in the background of each process, and the one loop.

An API process runs `of_api`, and an embedded one `embedded` beside it; a worker `refunds` and
`deliveries`, or one of them. After the commits of an API process beside Redis a `DeliveryPrompter`
prompts those who deliver.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from functools import partial

import structlog

from app.auth import last_use, sign_ins
from app.config.settings import Settings
from app.db.core.engine import Database
from app.db.core.outage import DATABASE_ERRORS, is_outage
from app.lanes import start
from app.messages import deliver as messages
from app.meters import round_ended
from app.privacy import erase, retention
from app.queue import ArqQueue, LocalQueue
from app.refunds import check_chains, verify
from app.refunds.runtime import Runtime
from app.refunds.slices import loop, sweep
from app.refunds.slices import prompts as slice_prompts
from app.webhooks import deliver, prompts

log = structlog.get_logger()

_MAX_BOOKS_SECONDS = 60.0  # between two looks whether it is time for a check of the books


@dataclass(frozen=True, slots=True)
class Service:
    """A round that is run again and again until its process stops.

    Attributes:
        name: of its task, and as it is logged.
        run_once: the round; returns the seconds until the next; None: as many as usual.
        every_seconds: as many as usual, and after a round that raised.
        failed: the event that is logged of a round that raised.
        woken: when set, the next round comes at once.
        deaf_seconds: for how many seconds after a round it is not, though it is woken.
        only_waits: the round waits for others' word, and is cut off when the process stops.
        tasks: what rounds began and nobody waited for; they are to end before the service does.
        close: at the very end.
    """

    name: str
    run_once: Callable[[], Awaitable[float | None]]
    every_seconds: float
    failed: str
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    deaf_seconds: Callable[[], float] = lambda: 0.0
    only_waits: bool = False
    tasks: Collection[asyncio.Task[None]] = ()
    close: Callable[[], Awaitable[None]] | None = None


def of_api(db: Database) -> list[Service]:
    """What every API process runs."""
    return [
        Service(
            "key uses",
            partial(last_use.write_noted, db),
            every_seconds=last_use.EVERY_SECONDS,
            failed="key_uses.unwritten",
            close=partial(last_use.write_noted, db),
        ),
        Service(
            "ended sign-ins",
            partial(sign_ins.purge, db),
            every_seconds=sign_ins.PURGE_EVERY_SECONDS,
            failed="ended_sign_ins.not_purged",
        ),
    ]


def embedded(runtime: Runtime, queue: LocalQueue) -> list[Service]:
    """What an API process without Redis runs beside that."""
    running: dict[asyncio.Task[None], str] = {}
    slices = Service(
        "slices",
        partial(loop.start_due, runtime, queue, running),
        every_seconds=runtime.settings.sweep_seconds,
        failed="sweep.failed",
        woken=queue.woken,
        tasks=running.keys(),
    )
    return [slices, *_books(runtime), *privacy(runtime), *deliveries(runtime)]


def refunds(runtime: Runtime, run_slice: slice_prompts.RunSlice) -> list[Service]:
    """What a worker runs beside arq: each goes on while Redis is away.

    `run_slice` runs a slice of the job that another process asked for.
    """
    assert isinstance(runtime.queue, ArqQueue)
    own: set[asyncio.Task[None]] = set()
    asked_for: set[asyncio.Task[None]] = set()
    return [
        Service(
            "sweep",
            partial(sweep.run_due, runtime, own),
            every_seconds=runtime.settings.sweep_seconds,
            failed="sweep.failed",
            tasks=own,
        ),
        *_books(runtime),
        *privacy(runtime),
        Service(
            "prompts",
            partial(slice_prompts.run_next, runtime.queue, run_slice, asked_for),
            every_seconds=slice_prompts.PAUSE_SECONDS,
            failed="prompts.redis_away",
            only_waits=True,
            tasks=asked_for,
        ),
    ]


def deliveries(runtime: Runtime) -> list[Service]:
    """What a process that delivers runs: as far as refunds leave it time."""
    db, queue = runtime.db, runtime.queue
    delivering = delivering_from(db, runtime.settings, runtime.stopping, yields=runtime.is_at_work)
    telling = telling_from(db, runtime.settings, runtime.stopping, yields=runtime.is_at_work)
    if not isinstance(queue, ArqQueue):
        return [delivering, telling]
    hearing = Service(
        "delivery prompts",
        partial(prompts.take_prompt, db, queue),
        every_seconds=prompts.PAUSE_SECONDS,
        failed="delivery_prompts.redis_away",
        only_waits=True,
    )
    return [delivering, telling, hearing]


def delivering_from(
    db: Database,
    settings: Settings,
    stopping: asyncio.Event,
    *,
    jitter: Callable[[], float] = random.random,
    yields: Callable[[], bool] = lambda: False,
) -> Service:
    """Deliveries that are due by this database's rows; arguments as `deliver.opened` has them."""
    deliverer = deliver.opened(db, settings, stopping, jitter=jitter, yields=yields)
    return _by_lanes(
        "deliveries",
        partial(deliver.start_due, deliverer),
        deliverer.lanes,
        yields,
        failed="webhooks.failed",
        close=partial(deliver.close, deliverer),
    )


def telling_from(
    db: Database,
    settings: Settings,
    stopping: asyncio.Event,
    *,
    jitter: Callable[[], float] = random.random,
    yields: Callable[[], bool] = lambda: False,
) -> Service:
    """Messages that are due by this database's rows; arguments as `messages.deliver` has them."""
    sender = messages.opened(db, settings, stopping, jitter=jitter, yields=yields)
    return _by_lanes(
        "messages",
        partial(messages.start_due, sender),
        sender.lanes,
        yields,
        failed="messages.failed",
        close=partial(messages.close, sender),
    )


def _by_lanes(
    name: str,
    run_once: Callable[[], Awaitable[float | None]],
    lanes: start.Lanes,
    yields: Callable[[], bool],
    *,
    failed: str,
    close: Callable[[], Awaitable[None]],
) -> Service:
    """A service whose rounds start lanes."""
    return Service(
        name,
        run_once,
        every_seconds=start.LOOK_SECONDS,
        failed=failed,
        woken=lanes.woken,
        deaf_seconds=lambda: start.deaf_seconds(pinched=yields()),
        tasks=lanes.running.keys(),
        close=close,
    )


def _books(runtime: Runtime) -> list[Service]:
    """What looks for rows that break a rule: of the books, and of the jobs' chains."""

    async def check() -> None:
        await verify.check(runtime)

    async def follow() -> None:
        await check_chains.check(runtime)

    return [
        Service(
            "books",
            check,
            every_seconds=min(runtime.settings.verify_seconds, _MAX_BOOKS_SECONDS),
            failed="books.unchecked",
        ),
        Service(
            "chains",
            follow,
            every_seconds=check_chains.EVERY_SECONDS,
            failed="chains.unchecked",
        ),
    ]


def privacy(runtime: Runtime) -> list[Service]:
    """What removes who clients were: who is erased, and what is too old."""
    eraser = erase.Eraser(
        runtime.db, runtime.stopping, runtime.is_at_work, secret_box=runtime.secret_box
    )
    return [
        Service(
            "erasures",
            partial(erase.run_due, eraser),
            every_seconds=runtime.settings.sweep_seconds,
            failed="erasures.failed",
        ),
        Service(
            "retention",
            partial(retention.run_due, eraser),
            every_seconds=retention.EVERY_SECONDS,
            failed="retention.failed",
        ),
    ]


async def run(services: Sequence[Service], stopping: asyncio.Event) -> None:
    """Run services side by side until `stopping` is set and all have ended.

    Raises:
        Exception: one died of it, outside of its rounds; the others were stopped, and have ended.
    """
    running = [
        asyncio.create_task(keep_running(service, stopping), name=service.name)
        for service in services
    ]
    await asyncio.wait(running, return_when=asyncio.FIRST_EXCEPTION)
    stopping.set()
    await asyncio.wait(running)
    for one in running:
        one.result()


async def keep_running(service: Service, stopping: asyncio.Event) -> None:
    """Run one service, round after round, until `stopping` is set.

    A round that raises is logged, and the next one comes: so a database or a Redis that is away
    ends nothing. It returns when what the rounds began has ended, too.
    """
    while not stopping.is_set():
        service.woken.clear()
        try:
            seconds = await _round(service, stopping)
            round_ended(service.name, failed=False)
        except Exception as error:  # noqa: BLE001 - the worker's edge: what is away comes back
            log.warning(service.failed, service=service.name, error=type(error).__name__)
            round_ended(service.name, failed=True)
            seconds = None
        await _pause(service, stopping, service.every_seconds if seconds is None else seconds)
    if service.tasks:
        await asyncio.wait(set(service.tasks))
    if service.close is not None:
        await _close(service, service.close)


async def _close(service: Service, close: Callable[[], Awaitable[None]]) -> None:
    """Close it; a database that is away by then takes nothing from what has ended in order."""
    try:
        await close()
    except DATABASE_ERRORS as error:
        if not is_outage(error):
            raise
        log.warning(service.failed, service=service.name, error=type(error).__name__)


async def _round(service: Service, stopping: asyncio.Event) -> float | None:
    if not service.only_waits:
        return await service.run_once()
    round_ = asyncio.ensure_future(service.run_once())
    stops = asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait([round_, stops], return_when=asyncio.FIRST_COMPLETED)
        return round_.result() if round_.done() else None
    finally:
        stops.cancel()
        if not round_.done():
            round_.cancel()
            await asyncio.wait([round_])


async def _pause(service: Service, stopping: asyncio.Event, seconds: float) -> None:
    """Wait for the time of the next round, a wake or the stop."""
    if seconds <= 0:
        await asyncio.sleep(0)  # others have their turn, though the round waited for nothing
        return
    deaf = min(seconds, service.deaf_seconds())
    stops = asyncio.create_task(stopping.wait())
    wakes = asyncio.create_task(service.woken.wait())
    try:
        if deaf > 0:
            await asyncio.wait([stops], timeout=deaf)
        await asyncio.wait(
            [stops, wakes], timeout=seconds - deaf, return_when=asyncio.FIRST_COMPLETED
        )
    finally:
        stops.cancel()
        wakes.cancel()
