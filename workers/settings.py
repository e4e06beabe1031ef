"""arq's settings: `arq workers.settings.WorkerSettings`.

A flat class, because arq ignores what it inherits. arq is only a prompt here: attempts, leases and
schedules are rows, so its retries, results and timeouts are set never to matter. A worker that is
told to stop finishes the calls in flight and writes their outcomes before arq ends.
"""

import asyncio
import signal
from functools import partial
from typing import Any, ClassVar, Final

from arq.connections import RedisSettings
from arq.worker import Function, func

from app import services
from app.queue import RUN_JOB, deserialize, queue_name, redis_settings, serialize
from app.refunds.runtime import SLICES_AT_ONCE
from workers.process import close_runtime, open_runtime, slices_ended, worker_settings
from workers.tasks import run_job

_NEVER: Final = 1_000_000
_SETTINGS: Final = worker_settings()


async def on_startup(ctx: dict[str, Any]) -> None:
    """Open what slices need and begin to sweep, unless `python -m workers` has done both."""
    if "runtime" in ctx:
        return
    runtime = open_runtime(_SETTINGS)
    ctx.update(runtime=runtime, slices=set())
    beside = [
        *services.refunds(runtime, partial(run_job, ctx)),
        *services.deliveries(runtime),
    ]
    ctx["beside"] = asyncio.create_task(services.run(beside, runtime.stopping))
    main = asyncio.current_task()
    assert main is not None
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, partial(_stop, ctx, main))


def _stop(ctx: dict[str, Any], main: asyncio.Task[None]) -> None:
    """Arq would cancel slices in mid-call; here they end first, then arq."""
    ctx["runtime"].stopping.set()
    ctx["stop"] = asyncio.create_task(_stop_when_done(ctx["slices"], main))


async def _stop_when_done(slices: set[asyncio.Task[None]], main: asyncio.Task[None]) -> None:
    await slices_ended(slices)
    main.cancel()


async def on_shutdown(ctx: dict[str, Any]) -> None:
    """Wait for the slices that the sweep itself runs, then close what `on_startup` opened."""
    if "beside" not in ctx:
        return
    ctx["runtime"].stopping.set()
    await ctx["beside"]
    await close_runtime(ctx["runtime"])


class WorkerSettings:
    """What arq reads; every name is one of `arq.worker.Worker`'s parameters."""

    functions: ClassVar[list[Function]] = [
        func(run_job, name=RUN_JOB, max_tries=_NEVER, keep_result=0)
    ]
    on_startup = on_startup
    on_shutdown = on_shutdown
    queue_name = queue_name(_SETTINGS.prompts_namespace)
    redis_settings: ClassVar[RedisSettings] = redis_settings(_SETTINGS.require_redis())
    handle_signals = False  # see `_stop`
    max_jobs = SLICES_AT_ONCE
    # A slice ends itself long before; after a kill arq keeps the message for this long, but the
    # sweep does not wait.
    job_timeout = _SETTINGS.slice_seconds + _SETTINGS.lease_seconds + 60
    max_tries = _NEVER
    keep_result = 0
    # For prompts that are for later or have a name; `slices.prompts` has those that are for now.
    poll_delay = 0.1
    queue_read_limit = 1_000
    health_check_interval = 10
    retry_jobs = True
    job_serializer = staticmethod(serialize)
    job_deserializer = staticmethod(deserialize)
