"""Waking a worker: arq over Redis when one is configured, an in-process event when not.

A wake holds one job id and may be lost: the database decides what is due, and a sweep finds it. So
a wake never raises and never keeps its caller waiting for long.
"""

import asyncio
import time
from typing import Any, Final, Protocol
from urllib.parse import unquote, urlsplit

import orjson
import structlog
from arq.connections import ArqRedis, RedisSettings, create_pool
from redis.exceptions import RedisError

from app.fault_points import Call, reached

log = structlog.get_logger()

RUN_JOB: Final = "run_job"  # the arq task's name
_MAX_DELIVERY_PROMPTS: Final = 16  # each has one deliverer look for all that is due
_MAX_PROMPTS: Final = 10_000  # with more nobody listens, and a sweep will find them
_TIMEOUT_SECONDS: Final = 1.0
_COOL_DOWN_SECONDS: Final = 5.0


class Queue(Protocol):
    """Something that can prompt a worker."""

    reaches_others: bool  # whether another process may receive a wake

    async def wake(
        self,
        job_id: str,
        *,
        after_seconds: float = 0.0,
        once: str | None = None,
        extra_slice: bool = False,
    ) -> bool:
        """Prompt a worker to run a slice of the job, or an extra one.

        False if the prompt is known to be lost.

        Of prompts with the same `once` one waits at a time, so that slices that prompt for what
        they leave don't multiply.
        """
        ...

    async def aclose(self) -> None:
        """Let go of connections."""
        ...


class LocalQueue:
    """Prompts the worker loop in this process, which takes them as it has room.

    `woken` is set when there are some.
    """

    reaches_others = False

    def __init__(self) -> None:
        self.woken = asyncio.Event()
        self._prompts: dict[str, str] = {}  # job ids by prompt, the longest waiting first
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._count = 0

    async def wake(
        self,
        job_id: str,
        *,
        after_seconds: float = 0.0,
        once: str | None = None,
        extra_slice: bool = False,  # noqa: ARG002 - nobody else could run it
    ) -> bool:
        reached(f"{Call.WAKE}.before")
        self._count += 1
        prompt = f"{job_id}:{self._count if once is None else once}"
        if prompt in self._prompts or prompt in self._timers:
            return True
        if after_seconds > 0:
            loop = asyncio.get_running_loop()
            self._timers[prompt] = loop.call_later(after_seconds, self._put, prompt, job_id)
        else:
            self._put(prompt, job_id)
        reached(f"{Call.WAKE}.after")
        return True

    def take(self, limit: int) -> list[str]:
        """Up to `limit` ids of jobs that wait for a slice, the longest first."""
        prompts = list(self._prompts)[:limit]
        return [self._prompts.pop(prompt) for prompt in prompts]

    async def aclose(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        self.woken.set()

    def _put(self, prompt: str, job_id: str) -> None:
        self._timers.pop(prompt, None)
        self._prompts[prompt] = job_id
        self.woken.set()


class ArqQueue:
    """Prompts workers through Redis.

    While Redis is away, wakes are dropped at once instead of waited for.

    arq keeps the prompts that are for later or have a name. Those for now are in a list of ids of
    jobs, where one of the workers that wait there takes each at once: arq only polls. The list's
    key and the word `helper` are as of the first release: builds run beside each other while one is
    upgraded. All keys begin with the namespace, because Redis may be shared with other applications
    of arq's, and with other installations of this service.
    """

    reaches_others = True

    def __init__(self, redis_url: str, *, namespace: str) -> None:
        self._settings = redis_settings(redis_url)
        self._namespace = namespace
        self._prompt_list = f"{namespace}:bell"
        self._delivery_prompts = f"{namespace}:deliveries"
        self._pool: ArqRedis | None = None
        self._connecting = asyncio.Lock()
        self._away_until = 0.0
        self._pushing = asyncio.Lock()
        self._to_push: list[str] = []
        self._next_push: asyncio.Task[None] | None = None

    async def wake(
        self,
        job_id: str,
        *,
        after_seconds: float = 0.0,
        once: str | None = None,
        extra_slice: bool = False,
    ) -> bool:
        reached(f"{Call.WAKE}.before")
        message_id = None if once is None else f"{self._namespace}:{job_id}:{once}"
        if time.monotonic() < self._away_until:
            return False
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                if message_id is None and not extra_slice and after_seconds <= 0:
                    await self._push_prompt(job_id)
                else:
                    pool = await self._connected()
                    arguments = (job_id, "helper") if extra_slice else (job_id,)
                    await pool.enqueue_job(
                        RUN_JOB, *arguments, _job_id=message_id, _defer_by=after_seconds or None
                    )
        except (RedisError, OSError, TimeoutError) as error:
            self._away_until = time.monotonic() + _COOL_DOWN_SECONDS
            log.warning("wake.lost", job_id=job_id, error=type(error).__name__)
            return False
        reached(f"{Call.WAKE}.after")
        return True

    async def pop(self, *, seconds: int) -> str | None:
        """The id of a job that a slice is asked for at once.

        None if there was none for so many seconds.

        Raises:
            RedisError, OSError, TimeoutError: Redis is away.
        """
        return await self._pop(self._prompt_list, seconds=seconds)

    async def prompt_deliveries(self) -> None:
        """Prompt whoever delivers to look for what is due; raises as `pop` does."""
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            await self._push(self._delivery_prompts, "due", most=_MAX_DELIVERY_PROMPTS)

    async def pop_delivery_prompt(self, *, seconds: int) -> bool:
        """Whether somebody prompted deliveries within so many seconds; raises as `pop` does."""
        return await self._pop(self._delivery_prompts, seconds=seconds) is not None

    async def ping(self) -> bool:
        """Whether Redis answers now."""
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                await (await self._connected()).ping()
        except (RedisError, OSError, TimeoutError):
            return False
        return True

    async def aclose(self) -> None:
        if self._pool is not None:
            await self._pool.aclose()

    async def _push_prompt(self, job_id: str) -> None:
        """Prompt for a job, together with all that came during the last push."""
        self._to_push.append(job_id)
        if self._next_push is None:
            self._next_push = asyncio.create_task(self._push_all())
            self._next_push.add_done_callback(_seen)
        await asyncio.shield(self._next_push)  # it is others' too

    async def _push_all(self) -> None:
        async with self._pushing, asyncio.timeout(_TIMEOUT_SECONDS):
            job_ids, self._to_push, self._next_push = self._to_push, [], None
            await self._push(self._prompt_list, *job_ids, most=_MAX_PROMPTS)

    async def _push(self, key: str, *words: str, most: int) -> None:
        """Add to a list of prompts, of which the newest are kept."""
        pool = await self._connected()
        if await pool.rpush(key, *words) > most:  # type: ignore[misc]  # typed as both kinds of client
            await pool.ltrim(key, -most, -1)  # type: ignore[misc]  # as above

    async def _pop(self, key: str, *, seconds: int) -> str | None:
        """The oldest of a list of prompts; None: none came within so many seconds."""
        async with asyncio.timeout(seconds + _TIMEOUT_SECONDS):
            pool = await self._connected()
            popped = await pool.blpop([key], timeout=seconds)  # type: ignore[misc]  # as above
        return None if popped is None else popped[1].decode()

    async def _connected(self) -> ArqRedis:
        async with self._connecting:
            if self._pool is None:
                self._pool = await create_pool(
                    self._settings,
                    job_serializer=serialize,
                    job_deserializer=deserialize,
                    default_queue_name=queue_name(self._namespace),
                )
            return self._pool


def _seen(pushed: asyncio.Task[None]) -> None:
    """Whoever waits for it has its error; nobody may wait any more."""
    if not pushed.cancelled():
        pushed.exception()


def open_queue(redis_url: str | None, *, namespace: str) -> LocalQueue | ArqQueue:
    """The queue for this configuration; connects to nothing yet."""
    return LocalQueue() if redis_url is None else ArqQueue(redis_url, namespace=namespace)


def queue_name(namespace: str) -> str:
    """The key of arq's queue, never its default.

    That any other application of arq's reads, too.
    """
    return f"{namespace}:queue"


def redis_settings(url: str) -> RedisSettings:
    """Arq's settings for a `redis://`, `rediss://` or `unix://` URL.

    Over TLS the certificate must be the host's. Of arq 0.28's own reading, credentials stay
    percent-encoded and any certificate of a known authority will do.
    """
    settings = RedisSettings.from_dsn(url)
    given = urlsplit(url)
    settings.username = unquote(given.username) if given.username else None
    settings.password = unquote(given.password) if given.password else None
    settings.ssl_check_hostname = True
    settings.conn_retries = 0
    settings.conn_timeout = 1
    return settings


def serialize(message: dict[str, Any]) -> bytes:
    """JSON instead of arq's pickle.

    Whoever can write to Redis must not run code in a worker.
    """
    return orjson.dumps(message, default=str)


def deserialize(message: bytes) -> dict[str, Any]:
    """The message of `serialize`; anything else raises, and arq drops it."""
    decoded = orjson.loads(message)
    if not isinstance(decoded, dict):
        raise TypeError("a message is an object")
    return decoded
