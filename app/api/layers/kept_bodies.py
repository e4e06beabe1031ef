"""Bodies that a process keeps, so many and no more.

Who asks again is answered without writing them anew.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Final, NamedTuple

from app.api.negotiation import etag_of

MAX_BODIES: Final = 512
PUBLIC_SECONDS: Final = 2.0
MAX_PUBLIC_PAGES: Final = 256
MAX_PUBLIC_BYTES: Final = 8 * 2**20
_MAX_BODY: Final = 16_384  # larger ones, with sums in many currencies, are written anew


class JobBodies:
    """The bodies that were asked for last, each by its job's id and its tag."""

    def __init__(self) -> None:
        self._bodies: OrderedDict[tuple[str, str], bytes] = OrderedDict()

    def get(self, job_id: str, tag: str) -> bytes | None:
        """The body, if it is kept."""
        body = self._bodies.get((job_id, tag))
        if body is not None:
            self._bodies.move_to_end((job_id, tag))
        return body

    def keep(self, job_id: str, tag: str, body: bytes) -> None:
        """Keep a body, unless it is large; the longest unasked for makes room."""
        if len(body) <= _MAX_BODY:
            self._bodies[job_id, tag] = body
            if len(self._bodies) > MAX_BODIES:
                self._bodies.popitem(last=False)


class PublicPage(NamedTuple):
    """A body that anybody may have, with its tag."""

    body: bytes
    etag: str


@dataclass(eq=False, slots=True)
class _Kept:
    """A page that is being read, or was."""

    reading: asyncio.Task[PublicPage]
    until: float
    size: int = 0  # once it was read


class PublicPages:
    """Pages of businesses' schedules, each kept for `PUBLIC_SECONDS` at most.

    Those are counted from when it began to be read. Of those who ask for a page at once, one reads
    it. When a business's schedule is changed by this process its pages are let go, those too that
    are being read: what anybody asks for from then on is read from then on.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` counts seconds."""
        self._clock = clock
        self._of: dict[str, dict[Hashable, _Kept]] = {}
        self._count = 0
        self._bytes = 0

    async def get(
        self, business_id: str, page: Hashable, read: Callable[[], Awaitable[bytes]]
    ) -> PublicPage:
        """The page, from `read` where it is not kept.

        What `read` raises is kept by nobody.
        """
        kept = self._of.get(business_id, {}).get(page)
        if kept is None or kept.until <= self._clock():
            kept = self._begin(business_id, page, read)
        # A reader who leaves takes nothing from the others.
        return await asyncio.shield(kept.reading)

    def drop(self, business_id: str) -> None:
        """Let go of all pages of this business."""
        for kept in self._of.pop(business_id, {}).values():
            self._forget(kept)

    def _begin(
        self, business_id: str, page: Hashable, read: Callable[[], Awaitable[bytes]]
    ) -> _Kept:
        if self._count >= MAX_PUBLIC_PAGES or self._bytes >= MAX_PUBLIC_BYTES:
            self._of.clear()  # none would have lasted for long
            self._count = self._bytes = 0
        pages = self._of.setdefault(business_id, {})
        if (before := pages.pop(page, None)) is not None:
            self._forget(before)
        kept = _Kept(asyncio.create_task(_page(read)), self._clock() + PUBLIC_SECONDS)
        pages[page] = kept
        self._count += 1
        kept.reading.add_done_callback(lambda _: self._note(business_id, page, kept))
        return kept

    def _note(self, business_id: str, page: Hashable, kept: _Kept) -> None:
        pages = self._of.get(business_id, {})
        has_failed = kept.reading.cancelled() or kept.reading.exception() is not None
        if pages.get(page) is not kept:
            return  # let go meanwhile
        if has_failed:
            self._forget(pages.pop(page))
        else:
            kept.size = len(kept.reading.result().body)
            self._bytes += kept.size

    def _forget(self, kept: _Kept) -> None:
        self._count -= 1
        self._bytes -= kept.size


async def _page(read: Callable[[], Awaitable[bytes]]) -> PublicPage:
    body = await read()
    return PublicPage(body, etag_of(body))
