"""What a worker process holds open: database, upstreams and queue.

Slices end before those are closed.
"""

import asyncio

import structlog

from app import fault_points
from app.config.environment import settings_or_exit
from app.config.production import require_safe
from app.config.settings import Settings, WrongSettings
from app.db.core.engine import database_of
from app.queue import open_queue
from app.refunds.runtime import Runtime, gateways
from app.telemetry import configure_logging
from app.tracing import spans

log = structlog.get_logger()


def worker_settings() -> Settings:
    """The settings of this process, with all that a worker needs.

    Raises:
        SystemExit: they are wrong or unsafe, or lack Redis, an upstream, or where the sandbox is;
            its line says which.
    """
    config = settings_or_exit()
    try:
        config.require_redis()
        config.upstream_urls()
        require_safe(config)
    except WrongSettings as wrong:
        raise SystemExit(f"bulk-cancel: {wrong}") from None
    return config


def open_runtime(config: Settings) -> Runtime:
    """A worker's runtime; connects to nothing yet."""
    configure_logging(
        json_lines=config.log_json, level=config.log_level, more=config.log_processors()
    )
    spans.start(config.traces(), role="worker")
    fault_points.arm()
    payments_url, credits_url = config.upstream_urls()
    if config.test_mode:
        log.warning("test_mode.on", sandbox=config.sandbox_url)
    upstreams = gateways(config, payments_url=payments_url, credits_url=credits_url)
    db = database_of(config)
    return Runtime(
        db, open_queue(config.redis_url, namespace=config.prompts_namespace), upstreams, config
    )


async def close_runtime(runtime: Runtime) -> None:
    """Close what `open_runtime` opened; no slice may be running."""
    await runtime.aclose()
    await runtime.queue.aclose()
    await runtime.db.close()
    await spans.stop()


async def slices_ended(slices: set[asyncio.Task[None]]) -> None:
    """Wait for the slices in hand.

    Told to stop, they finish their calls and write the outcomes.
    """
    if slices:
        await asyncio.wait(set(slices))
