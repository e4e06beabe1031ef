"""What one caller may ask of the process, so that none starves the others.

Requests are counted by time, and streams at once. A refusal is 429 and says when to try again
(draft-ietf-httpapi-ratelimit-headers-11). Who sends wrong keys is refused by address; a key in
force is never refused for what others at its address send.
"""

import asyncio
import contextlib
import math
import time
from collections import Counter
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Final
from weakref import WeakValueDictionary

from app.auth.belief import BELIEVED_SECONDS, believed, token_of
from app.auth.callers import AnyCaller, Caller
from app.auth.keys import authenticate
from app.auth.people import People
from app.auth.tokens import is_token, seconds_left
from app.config.settings import Settings
from app.db.core.engine import Database
from app.db.core.outage import is_outage
from app.errors import Problem, Unauthenticated
from app.rates import Buckets, Quota

_WINDOW_SECONDS: Final = 10
_MINUTE: Final = 60
_BY_LINK: Final = Quota("link", 60, _MINUTE)
_TEST_MAILS: Final = Quota("test-mails", 6, _MINUTE)
# Of keys that are not believed, by one address: it gets some of the database's connections.
_LOOK_UPS_AT_ONCE: Final = 4
_STREAM_RETRY_SECONDS: Final = 5


class Governor:
    """One per process, which counts streams itself.

    Requests are counted in Redis, where there is one.
    """

    def __init__(self, settings: Settings, people: People | None = None) -> None:
        self._people = people
        self.buckets = Buckets(settings.redis_url, namespace=settings.prompts_namespace)
        self.look_again_seconds = BELIEVED_SECONDS
        self._by_key = _quota("key", settings.requests_per_second)
        self._by_business = _quota("business", settings.business_requests_per_second)
        self._wrong_keys = Quota("wrong-keys", settings.wrong_keys_per_minute, _MINUTE)
        self._streams_per_key = settings.streams_per_key
        self._streams_per_business = settings.streams_per_business
        self._streams: Counter[tuple[str, str]] = Counter()
        self._looking: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    async def identify(
        self, db: Database, authorization: str | None, *, address: Callable[[], str]
    ) -> AnyCaller:
        """Who is calling, from an address that is asked for only where it matters.

        Raises:
            Unauthenticated: as `authenticate`, of keys and of people.
            Suspended: their business is out of service.
            Problem: 429 too-many-requests instead, once there were too many wrong keys.
        """
        known = believed(db, authorization)
        if known is not None:
            return known
        of = address()
        looking = self._looking.setdefault(of, asyncio.Semaphore(_LOOK_UPS_AT_ONCE))
        async with looking:
            try:
                return await self._authenticate(db, authorization)
            except Unauthenticated:
                seconds = await self.buckets.take(self._wrong_keys, of) if authorization else 0
                if seconds:
                    raise too_many_requests(self._wrong_keys, seconds) from None
                raise

    async def admit(self, who: AnyCaller) -> None:
        """Count one request.

        Raises:
            Problem: 429 too-many-requests.
        """
        counted = [(self._by_key, who.counted_as)]
        if isinstance(who, Caller):
            counted.append((self._by_business, who.business_id))
        for quota, whose in counted:
            if seconds := await self.buckets.take(quota, whose):
                raise too_many_requests(quota, seconds)

    async def admit_link(self, whose: str) -> None:
        """Count one request by a client's link.

        Raises:
            Problem: 429 too-many-requests.
        """
        if seconds := await self.buckets.take(_BY_LINK, whose):
            raise too_many_requests(_BY_LINK, seconds)

    async def admit_test_mail(self, who: Caller) -> None:
        """Count one mail that a business sends itself.

        Raises:
            Problem: 429 too-many-requests.
        """
        if seconds := await self.buckets.take(_TEST_MAILS, who.business_id):
            raise too_many_requests(_TEST_MAILS, seconds)

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
            ("key", who.counted_as, self._streams_per_key),
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

    async def until_out_of_force(
        self, db: Database, who: AnyCaller, authorization: str | None
    ) -> None:
        """Wait until the key is out of force, or what a person showed has ended.

        While nobody can tell, it is taken to be in force.
        """
        while True:
            left = math.inf if who.ends_at is None else seconds_left(who.ends_at, time.time())
            await asyncio.sleep(min(self.look_again_seconds, left))
            if left <= self.look_again_seconds:
                return
            try:
                await self._authenticate(db, authorization)
            except Problem as refusal:
                if refusal.status < HTTPStatus.INTERNAL_SERVER_ERROR:
                    return
            except Exception as error:
                if not is_outage(error):
                    raise

    async def _authenticate(self, db: Database, authorization: str | None) -> AnyCaller:
        token = token_of(authorization)
        if self._people is not None and token is not None and is_token(token):
            return await self._people.authenticate(db, authorization)
        return await authenticate(db, authorization)


def _quota(name: str, per_second: float) -> Quota:
    return Quota(name, max(1, round(per_second * _WINDOW_SECONDS)), _WINDOW_SECONDS)


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
