"""All that is held of one client, as one JSON document of one moment.

It is made page by page, so that memory stays flat however often they booked. No reader, however
slow, holds a connection.
"""

import datetime as dt
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from typing import Any, Final

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from app.cancellation.audit.read_ahead import read_ahead
from app.db.core.dialect import clock
from app.db.core.engine import Database
from app.db.privacy import held
from app.db.privacy.held import Rows
from app.domain.days import instant_text
from app.errors import NotFound

# Columns' names are a kind of text of their own.
_OPTIONS: Final = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_NON_STR_KEYS
# The ways to a client's own pages. Their links are signed and kept nowhere: each says whose it is.
_OF_JOBS: Final = ("choose", "yours")
_OF_MAIL: Final = "unsubscribe"


async def require_known(db: Database, business_id: str, client_id: str) -> None:
    """Make sure that the business has had such a client, before their document begins.

    Raises:
        NotFound: it never has.
    """
    async with db.read() as conn:
        if await held.client(conn, business_id, client_id) is None:
            raise NotFound("client")


def stream(db: Database, business_id: str, client_id: str) -> AsyncIterator[bytes]:
    """The document, in parts.

    Raises:
        NotFound: the business has never had such a client (before the first part).
    """
    return read_ahead(_document(db, business_id, client_id))


async def _document(db: Database, business_id: str, client_id: str) -> AsyncGenerator[bytes]:
    async with db.export() as conn:
        client = await held.client(conn, business_id, client_id)
        if client is None:
            raise NotFound("client")
        job_ids = await held.jobs_of(conn, business_id, client_id)
        addresses = await held.addresses(conn, business_id, client_id, job_ids)
        head = {
            "business_id": business_id,
            "made_at": await clock(conn),
            "client": dict(client),
            "former_contacts": _plain(await held.former_contacts_of(conn, business_id, client_id)),
            "suppressed_addresses": _plain(await held.suppressions(conn, business_id, addresses)),
            "links": _links(job_ids),
        }
        yield _json(head)[:-1]
        for name, pages in _lists(conn, business_id, client_id, job_ids):
            yield b',"%s":[' % name.encode()
            begun = False
            async for rows in pages:
                yield (b"," if begun else b"") + _json(_plain(rows))[1:-1]
                begun = True
            yield b"]"
        yield b"}"


def _lists(
    conn: AsyncConnection, business_id: str, client_id: str, job_ids: Sequence[str]
) -> tuple[tuple[str, AsyncIterator[Rows]], ...]:
    return (
        ("bookings", held.bookings_of(conn, business_id, client_id)),
        ("refunds", held.refunds_of(conn, job_ids, client_id)),
        ("choices", held.choices_of(conn, job_ids, client_id)),
        ("overrides", held.overrides_of(conn, job_ids, client_id)),
        ("messages", held.messages_of(conn, job_ids, client_id)),
        ("events", held.events_of(conn, business_id, client_id)),
    )


def _links(job_ids: Sequence[str]) -> list[dict[str, str | None]]:
    of_jobs: list[tuple[str, str | None]] = [
        (page, job_id) for job_id in job_ids for page in _OF_JOBS
    ]
    return [{"page": page, "job_id": job_id} for page, job_id in (*of_jobs, (_OF_MAIL, None))]


def _plain(rows: Sequence[Mapping[Any, Any]]) -> list[dict[Any, Any]]:
    return [dict(row) for row in rows]


def _json(value: Any) -> bytes:
    return orjson.dumps(value, default=_instant, option=_OPTIONS)


def _instant(value: object) -> str:
    if isinstance(value, dt.datetime):
        return instant_text(value)
    raise TypeError(type(value).__name__)
