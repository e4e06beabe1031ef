"""What a worker process holds open: database, upstreams and queue, and how slices end before they are closed."""

import asyncio

from app import fault_points
from app.cancellation.runtime import Runtime, gateways
from app.config import Settings
from app.db.engine import Database
from app.queue import open_queue
from app.telemetry import configure_logging


def open_runtime(config: Settings) -> Runtime:
    """A worker's runtime; connects to nothing yet.

    Raises:
        SystemExit: an upstream is not configured (the built-in sandbox lives in an embedded API process only).
    """
    configure_logging(json_lines=config.log_json, level=config.log_level)
    fault_points.arm()
    if config.redis_url is None:
        raise SystemExit("bulk-cancel: a worker needs BULK_CANCEL_REDIS_URL; without it the API runs the worker loop")
    if config.payments_url is None or config.credits_url is None:
        raise SystemExit("bulk-cancel: a worker needs BULK_CANCEL_PAYMENTS_URL and BULK_CANCEL_CREDITS_URL")
    upstreams = gateways(config, payments_url=config.payments_url, credits_url=config.credits_url)
    db = Database(config.database_url, pool_size=config.database_pool)
    return Runtime(db, open_queue(config.redis_url), upstreams, config)


async def close_runtime(runtime: Runtime) -> None:
    """Close what `open_runtime` opened; no slice may be running."""
    await runtime.aclose()
    await runtime.queue.aclose()
    await runtime.db.close()


async def slices_ended(slices: set[asyncio.Task[None]]) -> None:
    """Wait for the slices in hand: told to stop, they finish their calls and write the outcomes."""
    if slices:
        await asyncio.wait(set(slices))
