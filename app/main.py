"""Puts the application together: routes, edge layers, and what must be open while it serves.

Things are closed in the opposite order of opening; the worker loop of an embedded process stops before what it uses.
"""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from importlib.metadata import version
from typing import Final

import structlog
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute

from app import fault_points
from app.api import business, cancellations, health, hooks, metrics, pages, public, schedule, webhook_endpoints
from app.api.body_limit import BodyLimit
from app.api.openapi import describe
from app.api.problems import Refusals
from app.api.problems import install as install_problems
from app.api.requests import Requests
from app.api.state import State
from app.cancellation.loop import run_forever
from app.cancellation.runtime import Runtime, gateways
from app.cancellation.verify import keep_checking
from app.config import Settings
from app.db.engine import Database
from app.queue import LocalQueue, Queue, open_queue
from app.sandbox.app import create_sandbox
from app.serving import served
from app.webhooks.deliver import deliver_forever

log = structlog.get_logger()

_IMPORT: Final = ("POST", "/v1/schedule/import")
_DESCRIPTION: Final = """\
Cancel many class sessions in one action, and give every booked client their money or credits back, exactly once.

Every call but the public ones and the hooks needs an API key: `Authorization: Bearer bck_…`. Refusals are problem
documents (RFC 9457, `application/problem+json`); a refused request has changed nothing.
"""
_TAGS: Final = [
    {"name": "cancellations", "description": "Bulk cancellations: plan, cancel, follow, retry and audit."},
    {
        "name": "schedule",
        "description": "Sessions, bookings and clients, as the booking platform keeps them.",
    },
    {"name": "public", "description": "What anybody may see: the schedule, as JSON and as a calendar feed."},
    {"name": "webhooks", "description": "Being told of what happens: endpoints, and what was sent to them."},
    {"name": "hooks", "description": "For the payment and credit services: that a refund has come further."},
    {"name": "health", "description": "For load balancers and probes."},
]


def create_app(
    settings: Settings, *, database: Database | None = None, queue: Queue | None = None, demo_key: str | None = None
) -> FastAPI:
    """The API as an ASGI app.

    Its lifespan opens what is not given, and in an embedded process runs the worker loop too. With `database` and
    `queue` given it serves without a lifespan. `demo_key`: as `pages.install` has it.
    """
    app = FastAPI(
        title="Bulk Cancel",
        version=version("bulk-cancel"),
        description=_DESCRIPTION,
        openapi_tags=_TAGS,
        servers=[{"url": "/"}],
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        separate_input_output_schemas=False,
        generate_unique_id_function=_operation_id,
        lifespan=partial(_lifespan, settings, database, queue),
    )
    app.state.stopping = asyncio.Event()
    if database is not None and queue is not None:
        app.state.service = State(database, queue, settings)
    v1 = APIRouter(prefix="/v1")
    for of in (cancellations, business, schedule, public, webhook_endpoints, hooks):
        v1.include_router(of.router)
    app.include_router(v1)
    app.include_router(health.router)
    app.include_router(metrics.router)
    pages.install(app, demo_key=demo_key)
    install_problems(app)
    # The last added is the outermost.
    app.add_middleware(Refusals)
    app.add_middleware(BodyLimit, limit_bytes=settings.body_limit_bytes, except_paths=frozenset({_IMPORT}))
    app.add_middleware(Requests)
    app.openapi = partial(_described_once, app)  # type: ignore[method-assign]
    return app


def _operation_id(route: APIRoute) -> str:
    return route.name


def _described_once(app: FastAPI) -> dict[str, object]:
    if app.openapi_schema is None:
        app.openapi_schema = describe(app)
    return app.openapi_schema


@asynccontextmanager
async def _lifespan(
    settings: Settings, database: Database | None, queue: Queue | None, app: FastAPI
) -> AsyncIterator[None]:
    fault_points.arm()
    async with AsyncExitStack() as stack:
        if database is None:
            database = Database(settings.database_url, pool_size=settings.database_pool)
            stack.push_async_callback(database.close)
        if queue is None:
            queue = open_queue(settings.redis_url)
            stack.push_async_callback(queue.aclose)
        app.state.service = State(database, queue, settings)
        if isinstance(queue, LocalQueue):
            await stack.enter_async_context(_worker(database, queue, settings, app.state.stopping))
        stack.callback(app.state.stopping.set)
        log.info("api.started", embedded=settings.embedded)
        yield
    log.info("api.stopped")


@asynccontextmanager
async def _worker(db: Database, queue: LocalQueue, settings: Settings, stopping: asyncio.Event) -> AsyncIterator[None]:
    """The worker loop, beside the API; it ends when `stopping` is set, and the process with it should it die."""
    async with _upstreams(settings) as (payments_url, credits_url):
        upstreams = gateways(settings, payments_url=payments_url, credits_url=credits_url)
        runtime = Runtime(db, queue, upstreams, settings, stopping=stopping)
        task = asyncio.create_task(run_forever(runtime, queue, stopping), name="worker loop")
        task.add_done_callback(_die_with)
        checking = asyncio.create_task(keep_checking(runtime))
        delivering = asyncio.create_task(deliver_forever(db, settings, stopping))
        try:
            yield
        finally:
            stopping.set()
            await asyncio.wait([task, checking, delivering])
            await runtime.aclose()


def _die_with(task: asyncio.Task[None]) -> None:
    """Without its loop the process would accept work and never do it; whoever supervises it starts it again."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.critical("worker_loop.died", exc_info=error)
        signal.raise_signal(signal.SIGTERM)


@asynccontextmanager
async def _upstreams(settings: Settings) -> AsyncIterator[tuple[str, str]]:
    """The addresses for payments and credits; one that is not configured is the built-in sandbox, over real HTTP."""
    if settings.payments_url is not None and settings.credits_url is not None:
        yield settings.payments_url, settings.credits_url
        return
    settings.sandbox_books.parent.mkdir(parents=True, exist_ok=True)
    async with served(create_sandbox(settings.sandbox_books)) as sandbox:
        log.info("sandbox.started", books=f"{sandbox}/books")
        yield settings.payments_url or f"{sandbox}/payments", settings.credits_url or f"{sandbox}/credits"
