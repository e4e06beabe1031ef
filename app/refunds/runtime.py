"""What a worker needs to run slices, built once per process."""

import asyncio
import random
import time
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Final

from app.config.settings import Settings
from app.db.core.engine import Database
from app.encryption import SecretBox
from app.gateways.build import gateways_from, provider_of
from app.gateways.facts import ReadingGateway
from app.gateways.outcomes import UpstreamMethod
from app.gateways.provider import Provider
from app.queue import Queue
from app.refunds.pacing.paces import Paces

# Seconds of some clock that runs on while the machine is suspended, as the database's does; the
# usual one may not.
seconds_since_boot: Final[Callable[[], float]] = (
    partial(time.clock_gettime, time.CLOCK_BOOTTIME)
    if hasattr(time, "CLOCK_BOOTTIME")
    else time.monotonic
)

SLICES_AT_ONCE = 32  # jobs that one process runs side by side
BUSINESSES_AT_FULL_PACE = 4  # with more at one upstream at a time, they share its calls


@dataclass(frozen=True, slots=True)
class Runtime:
    """A worker's database, queue, upstreams and settings; `jitter` draws from 0 to 1."""

    db: Database
    queue: Queue
    gateways: Mapping[UpstreamMethod, ReadingGateway]
    settings: Settings
    jitter: Callable[[], float] = random.random
    # Once set, nothing more is claimed or sent.
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    at_work: Counter[str] = field(default_factory=Counter)  # slices of this process, by job
    paces: Paces = field(init=False)
    # Made when the first is needed, and kept.
    secret_box: Callable[[], SecretBox | None] = field(init=False)

    def __post_init__(self) -> None:
        most = self.settings.concurrency
        total = most * BUSINESSES_AT_FULL_PACE
        paces = Paces(most=most, total=total, jitter=self.jitter, worker=uuid.uuid4().hex)
        object.__setattr__(self, "paces", paces)  # frozen; and made of the settings that are given
        object.__setattr__(self, "secret_box", cache(self.settings.secret_box))

    @property
    def time_bucket(self) -> int:
        """Number of the current slice-long time bucket.

        Prompts named after it are deduplicated within the bucket.
        """
        return int(time.time() // self.settings.slice_seconds)

    def provider_of(self, method: UpstreamMethod) -> Provider:
        """Who gives back what was paid by this method."""
        return provider_of(method, self.settings.payments_provider)

    def is_at_work(self) -> bool:
        """Whether a slice of some job is running in this process."""
        return bool(self.at_work)

    async def aclose(self) -> None:
        """Close the upstreams' pools; database and queue belong to whoever opened them."""
        for gateway in self.gateways.values():
            await gateway.aclose()


def gateways(
    settings: Settings, *, payments_url: str, credits_url: str
) -> dict[UpstreamMethod, ReadingGateway]:
    """A process's gateways, with room for every call that its paces let go at once."""
    payments_token, credits_token = settings.payments_token, settings.credits_token
    return gateways_from(
        payments_provider=settings.payments_provider,
        payments_url=payments_url,
        payments_token=payments_token.get_secret_value() if payments_token else None,
        credits_url=credits_url,
        credits_token=credits_token.get_secret_value() if credits_token else None,
        connect_seconds=min(5.0, settings.upstream_timeout_seconds),
        total_seconds=settings.upstream_timeout_seconds,
        # Look-ups are beside the sends.
        max_connections=settings.concurrency * BUSINESSES_AT_FULL_PACE * 3 // 2,
    )
