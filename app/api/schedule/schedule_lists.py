"""The lists that are asked for most.

They are a week's sessions, a client's bookings, and what anybody may see of a schedule. FastAPI's
routes and the `hot_routes` before them have each answer from here, so that both give the same.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Final

import orjson
from starlette.responses import Response
from starlette.status import HTTP_200_OK, HTTP_304_NOT_MODIFIED

from app.api.dependencies import State
from app.api.negotiation import matches
from app.api.schedule import schedule_answers as answers
from app.api.schedule.schedule_paging import place_of
from app.auth.callers import Caller
from app.domain.days import days_asked
from app.domain.nouns.schedule import SessionFilter
from app.domain.statuses import SessionStatus
from app.schedule import public as anybodys
from app.schedule import read
from app.schedule.public import DaysAsked

PUBLIC_CACHE: Final = "public, max-age=60"
# The caller's browser keeps it, and asks for it again each time by its ETag.
PRIVATE_CACHE: Final = "private, no-cache"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a list of sessions is asked for by, each as it came."""

    date_from: str | None = None
    date_to: str | None = None
    status: SessionStatus | None = None
    location: str | None = None
    instructor: str | None = None
    q: str | None = None
    limit: int = 50
    cursor: str | None = None


def json_response(
    members: answers.Members, status: int = HTTP_200_OK, *, cache: str | None = None
) -> Response:
    """The members as an answer; without a `cache` nobody keeps it."""
    headers = {} if cache is None else {"Cache-Control": cache}
    return Response(orjson.dumps(members), status, headers, media_type="application/json")


async def sessions(service: State, who: Caller, asked: Asked) -> Response:
    """A page of the business's sessions.

    Raises:
        Invalid, Problem: see `days_asked` and `place_of`.
    """
    now = dt.datetime.now(dt.UTC)
    days = days_asked(who.timezone, asked.date_from, asked.date_to, now=now)
    filters = (asked.status, asked.location, asked.instructor, asked.q, who.locations)
    views = await read.sessions_page(
        service.db,
        who.business_id,
        SessionFilter(days.from_at, days.until_at, *filters),
        after=place_of(asked.cursor),
        limit=asked.limit + 1,
    )
    return json_response(
        answers.session_page(days, views, asked.limit, who.timezone), cache=PRIVATE_CACHE
    )


async def bookings_of_client(
    service: State, who: Caller, client_id: str, *, limit: int = 50, cursor: str | None = None
) -> Response:
    """A page of a client's bookings.

    Raises:
        Invalid: see `place_of`.
        NotFound: the business has no such client.
    """
    rows = await read.bookings_of_client(
        service.db, who.business_id, client_id, before=place_of(cursor), limit=limit + 1
    )
    return json_response(answers.client_page(rows, limit, who.timezone), cache=PRIVATE_CACHE)


async def public(
    service: State,
    business_id: str,
    asked: Asked,
    *,
    if_none_match: str | None,
) -> Response:
    """A page of what anybody may see, kept for a moment by `PublicPages`.

    Raises:
        Invalid, Problem: see `days_asked` and `place_of`.
        NotFound: there is no such business.
    """
    after = place_of(asked.cursor)

    async def body() -> bytes:
        days = DaysAsked(asked.date_from, asked.date_to, dt.datetime.now(dt.UTC))
        found = await anybodys.page(service.db, business_id, days, after=after, limit=asked.limit)
        return orjson.dumps(answers.public_page(found))

    key = (asked.date_from, asked.date_to, asked.limit, after)
    page = await service.public_pages.get(business_id, key, body)
    headers = {"ETag": page.etag, "Cache-Control": PUBLIC_CACHE}
    if matches(if_none_match, page.etag):
        return Response(None, HTTP_304_NOT_MODIFIED, headers)
    return Response(page.body, headers=headers, media_type="application/json")
