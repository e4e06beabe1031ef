"""Puts the application together: routes, edge layers, and what must be open while it serves.

Things are closed in the opposite order of opening; the worker loop of an embedded process stops
before what it uses.
"""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cache, partial
from importlib.metadata import version
from typing import Final

import structlog
from fastapi import APIRouter, Depends, FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.routing import BaseRoute

from app import fault_points, services
from app.api import business, health, metrics
from app.api.approvals import limit_routes
from app.api.authorise import Authorise
from app.api.cancellations import cancellation_routes
from app.api.choices import choice_routes, own_page_routes
from app.api.dependencies import State
from app.api.evidence import evidence_routes
from app.api.hot_routes import HotRoutes
from app.api.keys import key_routes
from app.api.layers.addresses import networks
from app.api.layers.body_limit import BodyLimit, Limits
from app.api.layers.cross_origin import CrossOrigin
from app.api.layers.entity_tags import EntityTags
from app.api.layers.governor import Governor
from app.api.layers.heads import Heads
from app.api.layers.hosts import AllowedHosts, allowed_hosts
from app.api.layers.mount import Mounted
from app.api.layers.problems import Refusals
from app.api.layers.problems import install as install_problems
from app.api.layers.request_log import RequestLog
from app.api.messages import (
    hook_routes,
    message_routes,
    plan_routes,
    settings_routes,
    unsubscribe_routes,
)
from app.api.openapi import describe
from app.api.pages import outbox_pages, pages, problem_pages
from app.api.platform import administration_routes, business_routes
from app.api.privacy import privacy_routes, retention_routes
from app.api.query import known_parameters
from app.api.schedule import page_routes, public_routes, schedule_routes
from app.api.sign_ins import logout_route, sign_in_routes
from app.api.terms import terms_routes
from app.api.webhooks import endpoint_routes, inbound_routes
from app.auth.people import people_of
from app.config.settings import Settings, WrongSettings
from app.db.core.engine import Database, database_of
from app.domain.zones import RULES
from app.queue import ArqQueue, LocalQueue, Queue, open_queue
from app.refunds.runtime import Runtime, gateways
from app.sandbox.app import create_sandbox
from app.serving import served
from app.tracing import spans
from app.webhooks.prompts import DeliveryPrompter

log = structlog.get_logger()

_IMPORT: Final = ("POST", "/v1/schedule/import")
# Digits of a whole number in a body: to read it takes the square of them, and two million would
# take the loop's time. This is the least that Python lets itself be set to.
_MAX_DIGITS: Final = 640
_DESCRIPTION: Final = """\
Cancel many class sessions in one action, and give every booked client their money or credits back,
exactly once.

Every call but the public ones and the hooks needs an API key: `Authorization: Bearer bck_…`.
Refusals are problem documents (RFC 9457, `application/problem+json`); a refused request has changed
nothing. Every GET answers HEAD, with the same headers. A query parameter that is not declared here
is refused, as an unknown member of a body is.
"""
_TAGS: Final = [
    {
        "name": "cancellations",
        "description": "Bulk cancellations: plan, cancel, follow, retry and audit.",
    },
    {
        "name": "schedule",
        "description": "Sessions, bookings and clients, as the booking platform keeps them.",
    },
    {
        "name": "privacy",
        "description": (
            "Clients' personal data: all that is held of one as one document, and erasing it."
        ),
    },
    {
        "name": "public",
        "description": "Without a key: the schedule (JSON, calendar feed) and clients' choices.",
    },
    {
        "name": "messages",
        "description": "What clients and staff are sent: whom, when, and what came of it.",
    },
    {
        "name": "access",
        "description": "Who may call: the keys of a business, and what they may do.",
    },
    {
        "name": "platform",
        "description": "For operators: businesses, and whether they are in service.",
    },
    {
        "name": "webhooks",
        "description": "Being told of what happens: endpoints, and what was sent to them.",
    },
    {
        "name": "events",
        "description": "What webhook endpoints are sent: the bodies, by type of event.",
    },
    {
        "name": "hooks",
        "description": (
            "For the payment and credit services, that a refund has come further; for mail "
            "services, what became of a mail."
        ),
    },
    {"name": "health", "description": "For load balancers and probes."},
]


def create_app(
    settings: Settings,
    *,
    database: Database | None = None,
    queue: Queue | None = None,
    runtime: Runtime | None = None,
    demo_key: str | None = None,
) -> FastAPI:
    """The API as an ASGI app.

    Its lifespan opens what is not given, and in an embedded process runs the worker loop too. With
    `database` and `queue` given it serves without a lifespan; it asks upstreams about plans then
    if it is given a `runtime`. `demo_key`: as `pages.install` has it, and
    where no relay is named the mails are shown.
    """
    sys.set_int_max_str_digits(_MAX_DIGITS)
    app = FastAPI(
        title="Bulk Cancel",
        version=version("bulk-cancel"),
        description=_DESCRIPTION,
        openapi_tags=_TAGS,
        license_info={"name": "MIT", "identifier": "MIT"},
        servers=[{"url": settings.root_path or "/"}],
        # Its own spans and logs, which whatever sets a global provider turns on, tell of queries,
        # of bodies' faults and of exceptions' words. Ours are `tracing`.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
        openapi_url=None,  # `pages` serves it
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        separate_input_output_schemas=False,
        generate_unique_id_function=_operation_id,
        lifespan=partial(_lifespan, settings, database, queue, runtime),
        dependencies=[Depends(known_parameters)],
    )
    app.state.stopping = asyncio.Event()
    app.state.people = people_of(settings)
    app.state.governor = Governor(settings, app.state.people)
    if database is not None and queue is not None:
        app.state.service = State(database, queue, settings, runtime)
    app.router.routes.extend(_routes())
    pages.install(
        app,
        people=app.state.people,
        demo_key=demo_key,
        test_mode=settings.test_mode,
        prefix=settings.root_path or "",
    )
    if demo_key is not None and settings.embedded and settings.smtp_url is None:
        outbox_pages.install(app, settings.outbox)
    install_problems(app)
    app.router.routes.insert(0, HotRoutes())
    # The last added is the outermost.
    app.add_middleware(
        Authorise, governor=app.state.governor, proxies=networks(settings.trusted_proxies)
    )
    app.add_middleware(Refusals)
    app.add_middleware(
        BodyLimit,
        limits=Limits(settings.body_limit_bytes, settings.silence_seconds, settings.body_seconds),
        apart={_IMPORT: Limits(None, settings.silence_seconds, settings.import_seconds)},
    )
    names = allowed_hosts(settings)
    if names is not None:
        app.add_middleware(AllowedHosts, names=names)
    app.add_middleware(EntityTags)
    app.add_middleware(Heads)
    app.add_middleware(CrossOrigin)
    app.add_middleware(RequestLog)
    if settings.root_path is not None:
        app.add_middleware(Mounted, prefix=settings.root_path)
    app.openapi = partial(_described_once, app)  # type: ignore[method-assign]
    return app


@cache
def _routes() -> Sequence[BaseRoute]:
    """Those of the API, made once in a process.

    To read their signatures takes most of what making an app does. What an app gives to routes that
    it includes (dependencies, names of operations) they bring themselves.
    """
    root = APIRouter(
        dependencies=[Depends(known_parameters)], generate_unique_id_function=_operation_id
    )
    v1 = APIRouter(prefix="/v1")
    for of in (
        cancellation_routes,
        evidence_routes,
        business,
        key_routes,
        business_routes,
        administration_routes,
        sign_in_routes,
        terms_routes,
        limit_routes,
        schedule_routes,
        privacy_routes,
        retention_routes,
        public_routes,
        page_routes,
        choice_routes,
        own_page_routes,
        settings_routes,
        plan_routes,
        message_routes,
        unsubscribe_routes,
        endpoint_routes,
        inbound_routes,
        hook_routes,
        logout_route,
    ):
        v1.include_router(of.router)
    v1.include_router(page_routes.of_anybody)
    v1.include_router(evidence_routes.of_anybody)
    v1.include_router(administration_routes.of_platform)
    v1.include_router(sign_in_routes.of_platform)
    others = (health.router, metrics.router, problem_pages.router)
    for router in (v1, *others, unsubscribe_routes.by_mail_programs):
        root.include_router(router)
    return root.routes


def _operation_id(route: APIRoute) -> str:
    return route.name


def _described_once(app: FastAPI) -> dict[str, object]:
    if app.openapi_schema is None:
        app.openapi_schema = describe(app)
    return app.openapi_schema


@asynccontextmanager
async def _lifespan(
    settings: Settings,
    database: Database | None,
    queue: Queue | None,
    runtime: Runtime | None,
    app: FastAPI,
) -> AsyncIterator[None]:
    fault_points.arm()
    async with AsyncExitStack() as stack:
        spans.start(settings.traces(), role="embedded" if settings.embedded else "api")
        stack.push_async_callback(spans.stop)
        if database is None:
            database = database_of(settings)
            stack.push_async_callback(database.close)
        if queue is None:
            queue = open_queue(settings.redis_url, namespace=settings.prompts_namespace)
            stack.push_async_callback(queue.aclose)
        stack.push_async_callback(app.state.governor.buckets.aclose)
        if app.state.people is not None:
            stack.push_async_callback(app.state.people.aclose)
            looking = asyncio.create_task(app.state.people.look_ahead())
            stack.callback(looking.cancel)
        background = services.of_api(database)
        if isinstance(queue, LocalQueue):
            opened = _runtime(database, queue, settings, app.state.stopping)
            runtime = await stack.enter_async_context(opened)
            background += services.embedded(runtime, queue)
        elif runtime is None and _names_upstreams(settings):
            opened = _runtime(database, queue, settings, app.state.stopping)
            runtime = await stack.enter_async_context(opened)
        await stack.enter_async_context(_background(background, app.state.stopping))
        app.state.service = State(database, queue, settings, runtime)
        if isinstance(queue, ArqQueue):
            DeliveryPrompter(database, queue)
        stack.callback(app.state.stopping.set)
        # They are made here, or the first request would wait for them.
        for _ in iter_route_contexts(app.routes):
            pass
        log.info(
            "api.started",
            embedded=settings.embedded,
            tzdata=RULES.release,
            tzdata_source=RULES.source,
        )
        if settings.test_mode:
            log.warning("test_mode.on", sandbox=settings.sandbox_url)
        yield
    log.info("api.stopped")


@asynccontextmanager
async def _runtime(
    db: Database, queue: Queue, settings: Settings, stopping: asyncio.Event
) -> AsyncIterator[Runtime]:
    """What speaks with the upstreams, for the embedded worker and for checks.

    Raises:
        WrongSettings: an upstream is not named.
    """
    async with _upstreams(settings) as (payments_url, credits_url):
        upstreams = gateways(settings, payments_url=payments_url, credits_url=credits_url)
        runtime = Runtime(db, queue, upstreams, settings, stopping=stopping)
        try:
            yield runtime
        finally:
            await runtime.aclose()


@asynccontextmanager
async def _background(
    running: Sequence[services.Service], stopping: asyncio.Event
) -> AsyncIterator[None]:
    """Services beside the API.

    They end when the process stops, and the process with them should one die.
    """
    task = asyncio.create_task(services.run(running, stopping), name="background")
    task.add_done_callback(_die_with)
    try:
        yield
    finally:
        stopping.set()
        await asyncio.wait([task])


def _names_upstreams(settings: Settings) -> bool:
    """Whether a process beside workers knows where the upstreams are."""
    try:
        settings.upstream_urls()
    except WrongSettings:
        return False
    return True


def _die_with(task: asyncio.Task[None]) -> None:
    """End the process, which without its services would accept work and never do it.

    Whoever supervises it starts it again.
    """
    if not task.cancelled() and (error := task.exception()) is not None:
        log.critical("background.died", exc_info=error)
        signal.raise_signal(signal.SIGTERM)


@asynccontextmanager
async def _upstreams(settings: Settings) -> AsyncIterator[tuple[str, str]]:
    """The addresses for payments and credits.

    The sandbox answers, over real HTTP, only where it is named.

    Raises:
        WrongSettings: an upstream is not named.
    """
    if not settings.test_mode or settings.sandbox_url is not None:
        yield settings.upstream_urls()
        return
    settings.sandbox_books.parent.mkdir(parents=True, exist_ok=True)
    async with served(create_sandbox(settings.sandbox_books)) as sandbox:
        log.info("sandbox.started", books=f"{sandbox}/books")
        yield settings.model_copy(update={"sandbox_url": sandbox}).upstream_urls()
