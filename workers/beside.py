"""What runs in a worker beside arq: for refunds, and for webhook deliveries.

So the work may be divided between workers. Both go on while Redis is away.
"""

import asyncio
from typing import Any

from app.queue import ArqQueue
from app.refunds.runtime import Runtime
from app.refunds.verify import keep_checking
from app.webhooks.deliver import deliver_forever
from app.webhooks.prompts import hear_forever
from workers.bell import listen_forever
from workers.sweep import sweep_forever


async def refund_forever(runtime: Runtime, ctx: dict[str, Any]) -> None:
    """Find due jobs, hear of new ones, and check the books, until the worker stops."""
    await asyncio.gather(sweep_forever(runtime), keep_checking(runtime), listen_forever(ctx))


async def deliver(runtime: Runtime) -> None:
    """Deliver webhooks until the worker stops, as far as refunds leave it time."""
    assert isinstance(runtime.queue, ArqQueue)
    hearing = asyncio.create_task(hear_forever(runtime.db, runtime.queue))
    await deliver_forever(runtime.db, runtime.settings, runtime.stopping, yields=runtime.is_at_work)
    hearing.cancel()
