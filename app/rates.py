"""Token buckets: how much a key, a business or an address may still ask for.

They are in Redis for all processes, or in memory. Tokens are fetched from Redis by portions, so
that a request seldom waits for it. While Redis is away each process counts for itself: nobody is
refused for that, nor kept waiting.
"""

import asyncio
import datetime as dt
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import structlog
from redis.exceptions import RedisError
from throttled.asyncio import (
    BaseRateLimiter,
    BaseStore,
    MemoryStore,
    RateLimiterRegistry,
    RateLimitResult,
    RedisStore,
    rate_limiter,
)
from throttled.exceptions import StoreUnavailableError

log = structlog.get_logger()

_PATIENCE_SECONDS: Final = 0.2
_COOL_DOWN_SECONDS: Final = 15.0
_MAX_KEPT: Final = 10_000  # buckets in memory; of those beyond, the longest unused are full again
_MAX_PORTION: Final = 20
_PORTIONS_OF_ALL: Final = 100


@dataclass(frozen=True, slots=True)
class Quota:
    """A bucket of so many tokens, which is full again after so many seconds.

    Its name is what callers read.
    """

    name: str
    tokens: int
    seconds: int


class Buckets:
    """All buckets of one process; `clock` counts seconds."""

    def __init__(
        self, redis_url: str | None, *, namespace: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._memory = MemoryStore(options={"MAX_SIZE": _MAX_KEPT})
        self._redis = None if redis_url is None else RedisStore(server=_held_to_its_name(redis_url))
        self._namespace = namespace
        self._clock = clock
        self._limiters: dict[tuple[Quota, int], BaseRateLimiter] = {}
        self._portions: OrderedDict[tuple[Quota, str], int] = OrderedDict()
        self._is_away = False
        self._away_until = 0.0

    async def take(self, quota: Quota, whose: str) -> int:
        """Take one token: 0, or in how many seconds there will be one again."""
        left = self._portions.get((quota, whose), 0)
        if left == 0:
            portion = max(1, min(quota.tokens // _PORTIONS_OF_ALL, _MAX_PORTION))
            result = await self._fetch(quota, whose, portion)
            if result.limited and result.state.remaining > 0:
                portion = min(portion, result.state.remaining)
                result = await self._fetch(quota, whose, portion)
            if result.limited:
                return math.ceil(quota.seconds / quota.tokens)
            # Others may have fetched meanwhile.
            left = portion + self._portions.get((quota, whose), 0)
        self._portions[quota, whose] = left - 1
        self._portions.move_to_end((quota, whose))
        if len(self._portions) > _MAX_KEPT:
            self._portions.popitem(last=False)
        return 0

    async def aclose(self) -> None:
        """Let go of connections."""
        if self._redis is not None:
            client: Any = self._redis._backend.get_client()  # noqa: SLF001 - it has no word for closing
            await client.aclose(close_connection_pool=True)

    async def _fetch(self, quota: Quota, whose: str, tokens: int) -> RateLimitResult:
        if self._redis is not None and self._clock() >= self._away_until:
            if self._is_away:  # one tries, and the others count in memory meanwhile
                self._away_until = self._clock() + _COOL_DOWN_SECONDS
            try:
                async with asyncio.timeout(_PATIENCE_SECONDS):
                    result = await self._limiter(quota, self._redis).limit(whose, tokens)
            except (StoreUnavailableError, RedisError, OSError, TimeoutError) as error:
                self._went(error)
            else:
                self._came()
                return result
        return await self._limiter(quota, self._memory).limit(whose, tokens)

    def _went(self, error: Exception) -> None:
        self._away_until = self._clock() + _COOL_DOWN_SECONDS
        if not self._is_away:
            self._is_away = True
            log.warning("rates.redis_away", error=type(error).__name__)

    def _came(self) -> None:
        self._away_until = 0.0
        if self._is_away:
            self._is_away = False
            log.info("rates.redis_back")

    def _limiter(self, quota: Quota, store: BaseStore) -> BaseRateLimiter:
        known = self._limiters.get((quota, id(store)))
        if known is None:
            rate = rate_limiter.Rate(period=dt.timedelta(seconds=quota.seconds), limit=quota.tokens)
            whole = rate_limiter.Quota(rate, burst=quota.tokens)
            kind = RateLimiterRegistry.get("token_bucket")
            known = kind(whole, store, key_prefix=f"{self._namespace}:rates:{quota.name}")
            self._limiters[quota, id(store)] = known
        return known


def _held_to_its_name(url: str) -> str:
    """The URL by which redis-py connects.

    Over TLS it does so to none but a server whose certificate is for this host.
    """
    if not url.startswith("rediss:"):
        return url
    return f"{url}{'&' if '?' in url else '?'}ssl_check_hostname=true"
