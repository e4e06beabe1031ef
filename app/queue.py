"""Waking a worker: arq over Redis when one is configured, an in-process event when not.

A wake holds one job id and may be lost: the database decides what is due, and a sweep finds it. So a wake never
raises and never keeps its caller waiting for long.
"""

import asyncio
import time
from typing import Any, Final, Protocol
from urllib.parse import unquote, urlsplit

import orjson
import structlog
from arq.connections import ArqRedis, RedisSettings, create_pool
from redis.exceptions import RedisError

log = structlog.get_logger()

RUN_JOB: Final = "run_job"  # the arq task's name
_PATIENCE_SECONDS: Final = 1.0
_COOL_DOWN_SECONDS: Final = 5.0


class Queue(Protocol):
    """Something that can prompt a worker."""

    async def wake(self, job_id: str, *, after_seconds: float = 0.0, once: str | None = None) -> bool:
        """Prompt a worker to run a slice of the job; False if the prompt is known to be lost.

        Of prompts with the same `once` one waits at a time, so that slices that prompt for what they leave don't
        multiply.
        """
        ...

    async def aclose(self) -> None:
        """Let go of connections."""
        ...


class LocalQueue:
    """Prompts the worker loop in this process: `woken` is set whenever the loop should look at the database."""

    def __init__(self) -> None:
        self.woken = asyncio.Event()

    async def wake(self, job_id: str, *, after_seconds: float = 0.0, once: str | None = None) -> bool:  # noqa: ARG002 - the loop looks for all due jobs
        if after_seconds > 0:
            asyncio.get_running_loop().call_later(after_seconds, self.woken.set)
        else:
            self.woken.set()
        return True

    async def aclose(self) -> None:
        self.woken.set()


class ArqQueue:
    """Prompts arq workers through Redis; while Redis is away, wakes are dropped at once instead of waited for."""

    def __init__(self, redis_url: str) -> None:
        self._settings = redis_settings(redis_url)
        self._pool: ArqRedis | None = None
        self._connecting = asyncio.Lock()
        self._away_until = 0.0

    async def wake(self, job_id: str, *, after_seconds: float = 0.0, once: str | None = None) -> bool:
        message_id = None if once is None else f"{job_id}:{once}"
        if time.monotonic() < self._away_until:
            return False
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                pool = await self._connected()
                await pool.enqueue_job(RUN_JOB, job_id, _job_id=message_id, _defer_by=after_seconds or None)
        except (RedisError, OSError, TimeoutError) as error:
            self._away_until = time.monotonic() + _COOL_DOWN_SECONDS
            log.warning("wake.lost", job_id=job_id, error=type(error).__name__)
            return False
        return True

    async def ping(self) -> bool:
        """Whether Redis answers now."""
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await (await self._connected()).ping()
        except (RedisError, OSError, TimeoutError):
            return False
        return True

    async def aclose(self) -> None:
        if self._pool is not None:
            await self._pool.aclose()

    async def _connected(self) -> ArqRedis:
        async with self._connecting:
            if self._pool is None:
                self._pool = await create_pool(self._settings, job_serializer=serialize, job_deserializer=deserialize)
            return self._pool


def open_queue(redis_url: str | None) -> LocalQueue | ArqQueue:
    """The queue for this configuration; connects to nothing yet."""
    return LocalQueue() if redis_url is None else ArqQueue(redis_url)


def redis_settings(url: str) -> RedisSettings:
    """Arq's settings for a `redis://`, `rediss://` or `unix://` URL, with percent-encoded credentials decoded."""
    settings = RedisSettings.from_dsn(url)
    password = urlsplit(url).password
    settings.password = unquote(password) if password else settings.password
    settings.conn_retries = 0
    settings.conn_timeout = 1
    return settings


def serialize(message: dict[str, Any]) -> bytes:
    """JSON instead of arq's pickle: whoever can write to Redis must not run code in a worker."""
    return orjson.dumps(message, default=str)


def deserialize(message: bytes) -> dict[str, Any]:
    """The message of `serialize`; anything else raises, and arq drops it."""
    decoded = orjson.loads(message)
    if not isinstance(decoded, dict):
        raise TypeError("a message is an object")
    return decoded
