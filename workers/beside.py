"""What runs in a worker beside arq: for refunds, and for webhook deliveries.

So the work may be divided between workers. Both go on while Redis is away.
"""

import asyncio
from functools import partial
from typing import Any

from app.queue import ArqQueue
from app.refunds.runtime import Runtime
from app.refunds.slices.bell import listen_forever
from app.refunds.slices.sweep import sweep_forever
from app.refunds.verify import keep_checking
from app.webhooks.deliver import deliver_forever
from app.webhooks.prompts import hear_forever
from workers.tasks import run_job


async def refund_forever(runtime: Runtime, ctx: dict[str, Any]) -> None:
    """Find due jobs, hear of new ones, and check the books, until the worker stops."""
    await asyncio.gather(
        sweep_forever(runtime),
        keep_checking(runtime),
        listen_forever(runtime, partial(run_job, ctx)),
    )


async def deliver(runtime: Runtime) -> None:
    """Deliver webhooks until the worker stops, as far as refunds leave it time."""
    assert isinstance(runtime.queue, ArqQueue)
    hearing = asyncio.create_task(hear_forever(runtime.db, runtime.queue))
    await deliver_forever(runtime.db, runtime.settings, runtime.stopping, yields=runtime.is_at_work)
    hearing.cancel()
