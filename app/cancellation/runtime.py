"""What a worker needs to run slices, built once per process."""

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from app.config import Settings
from app.db.engine import Database
from app.gateways.build import gateways_from
from app.gateways.outcomes import Gateway, Method
from app.queue import Queue

SLICES_AT_ONCE = 8  # jobs that one process runs side by side


@dataclass(frozen=True, slots=True)
class Runtime:
    """A worker's database, queue, upstreams and settings; `jitter` draws from 0 to 1."""

    db: Database
    queue: Queue
    gateways: Mapping[Method, Gateway]
    settings: Settings
    jitter: Callable[[], float] = random.random
    stopping: asyncio.Event = field(default_factory=asyncio.Event)  # set: claim and send nothing more
    quiet_until: dict[tuple[str, Method], float] = field(default_factory=dict)  # by business and upstream; monotonic

    def leave_alone(self, business_id: str, method: Method, seconds: float) -> None:
        """An upstream asked us to wait: nothing of this business goes there for so long."""
        until = time.monotonic() + seconds
        self.quiet_until[business_id, method] = max(until, self.quiet_until.get((business_id, method), 0.0))

    def quiet_seconds(self, business_id: str, method: Method) -> float:
        """How much longer this business's refunds stay away from the upstream; 0 or less: they may go."""
        return self.quiet_until.get((business_id, method), 0.0) - time.monotonic()

    async def aclose(self) -> None:
        """Close the upstreams' pools; database and queue belong to whoever opened them."""
        for gateway in self.gateways.values():
            await gateway.aclose()


def gateways(settings: Settings, *, payments_url: str, credits_url: str) -> dict[Method, Gateway]:
    """The gateways of a process, with room for every slice that it runs at once."""
    return gateways_from(
        payments_url=payments_url,
        payments_token=settings.payments_token.get_secret_value() if settings.payments_token else None,
        credits_url=credits_url,
        credits_token=settings.credits_token.get_secret_value() if settings.credits_token else None,
        connect_seconds=min(5.0, settings.upstream_timeout_seconds),
        total_seconds=settings.upstream_timeout_seconds,
        max_connections=settings.concurrency * SLICES_AT_ONCE,
    )
