"""What one caller may ask of the process, so that none starves the others.

Requests are counted by time, and streams at once. A refusal is 429 and says when to try again
(draft-ietf-httpapi-ratelimit-headers-11). Who sends wrong keys is refused by address; a key in
force is never refused for what others at its address send.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final
from weakref import WeakValueDictionary

from app.auth.keys import BELIEVED_SECONDS, Caller, authenticate, believed
from app.config.settings import Settings
from app.db.core.engine import Database
from app.db.core.outage import is_outage
from app.errors import Problem, Unauthenticated
from app.rates import Buckets, Quota

_WINDOW_SECONDS: Final = 10
_MINUTE: Final = 60
_BY_LINK: Final = Quota("link", 60, _MINUTE)
# Of keys that are not believed, by one address: it gets some of the database's connections.
_LOOK_UPS_AT_ONCE: Final = 4
_STREAM_RETRY_SECONDS: Final = 5


class Governor:
    """One per process, which counts streams itself.

    Requests are counted in Redis, where there is one.
    """

    def __init__(self, settings: Settings) -> None:
        self.buckets = Buckets(settings.redis_url, namespace=settings.prompts_namespace)
        self.look_again_seconds = BELIEVED_SECONDS
        self._by_key = _quota("key", settings.requests_per_second)
        self._by_business = _quota("business", settings.business_requests_per_second)
        self._wrong_keys = Quota("wrong-keys", settings.wrong_keys_per_minute, _MINUTE)
        self._streams_per_key = settings.streams_per_key
        self._streams_per_business = settings.streams_per_business
        self._streams: Counter[tuple[str, str]] = Counter()
        self._checking: set[str] = set()
        self._looking: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    async def identify(
        self, db: Database, authorization: str | None, *, address: Callable[[], str]
    ) -> Caller:
        """Who is calling, from an address that is asked for only where it matters.

        Raises:
            Unauthenticated: as `authenticate`.
            Problem: 429 too-many-requests instead, once there were too many wrong keys.
        """
        known = believed(db, authorization)
        if known is not None:
            return known
        of = address()
        looking = self._looking.setdefault(of, asyncio.Semaphore(_LOOK_UPS_AT_ONCE))
        async with looking:
            try:
                return await authenticate(db, authorization)
            except Unauthenticated:
                seconds = await self.buckets.take(self._wrong_keys, of) if authorization else 0
                if seconds:
                    raise too_many_requests(self._wrong_keys, seconds) from None
                raise

    async def admit(self, who: Caller) -> None:
        """Count one request.

        Raises:
            Problem: 429 too-many-requests.
        """
        for quota, whose in ((self._by_key, who.key_prefix), (self._by_business, who.business_id)):
            if seconds := await self.buckets.take(quota, whose):
                raise too_many_requests(quota, seconds)

    async def admit_link(self, whose: str) -> None:
        """Count one request by a client's link.

        Raises:
            Problem: 429 too-many-requests.
        """
        if seconds := await self.buckets.take(_BY_LINK, whose):
            raise too_many_requests(_BY_LINK, seconds)

    async def count_wrong_link(self, address: str) -> None:
        """Count a link that nobody was given, as a wrong key.

        Raises:
            Problem: 429 too-many-requests.
        """
        if seconds := await self.buckets.take(self._wrong_keys, address):
            raise too_many_requests(self._wrong_keys, seconds)

    @contextlib.contextmanager
    def stream(self, who: Caller) -> Iterator[None]:
        """Count a stream while the block runs.

        Raises:
            Problem: 429 too-many-streams.
        """
        places = (
            ("key", who.key_prefix, self._streams_per_key),
            ("business", who.business_id, self._streams_per_business),
        )
        for of, whose, most in places:
            if self._streams[of, whose] >= most:
                raise too_many_streams(of, most)
        for of, whose, _ in places:
            self._streams[of, whose] += 1
        try:
            yield
        finally:
            for of, whose, _ in places:
                self._streams[of, whose] -= 1
                if not self._streams[of, whose]:
                    del self._streams[of, whose]

    @contextlib.contextmanager
    def check(self, who: Caller) -> Iterator[None]:
        """Have the business's payment service asked about a plan while the block runs.

        Raises:
            Problem: 409 check-under-way.
        """
        if who.business_id in self._checking:
            raise check_under_way(who.business_id)
        self._checking.add(who.business_id)
        try:
            yield
        finally:
            self._checking.discard(who.business_id)

    async def until_out_of_force(self, db: Database, authorization: str | None) -> None:
        """Wait until the key is out of force.

        While the database is away, the key is taken to be in force.
        """
        while True:
            await asyncio.sleep(self.look_again_seconds)
            try:
                await authenticate(db, authorization)
            except Unauthenticated:
                return
            except Exception as error:
                if not is_outage(error):
                    raise


def _quota(name: str, per_second: float) -> Quota:
    return Quota(name, max(1, round(per_second * _WINDOW_SECONDS)), _WINDOW_SECONDS)


def check_under_way(business_id: str) -> Problem:
    """409: the payment service is asked about another plan of the business."""
    return Problem(
        409,
        "check-under-way",
        "Another plan is being checked",
        f"The payment service is being asked about another plan of {business_id}. Let that end.",
    )


def too_many_requests(quota: Quota, seconds: int) -> Problem:
    """429: the bucket is empty, and has a token again in so many seconds."""
    return Problem(
        429,
        "too-many-requests",
        "Too many requests",
        (
            f"At most {quota.tokens} requests in {quota.seconds} seconds are taken here. Try again "
            f"in {seconds} s."
        ),
        headers={
            "Retry-After": str(seconds),
            "RateLimit": f'"{quota.name}";r=0;t={seconds}',
            "RateLimit-Policy": f'"{quota.name}";q={quota.tokens};w={quota.seconds}',
        },
    )


def too_many_streams(of: str, most: int) -> Problem:
    """429: so many streams of a key or a business are open."""
    return Problem(
        429,
        "too-many-streams",
        "Too many streams",
        f"At most {most} streams and imports of one {of} run at once. Let one end, or try again.",
        headers={
            "Retry-After": str(_STREAM_RETRY_SECONDS),
            "RateLimit": f'"{of}-streams";r=0;t={_STREAM_RETRY_SECONDS}',
            "RateLimit-Policy": f'"{of}-streams";q={most};qu="concurrent-requests"',
        },
    )
