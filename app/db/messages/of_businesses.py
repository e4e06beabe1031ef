"""What businesses say of their messages: settings, words of their own, addresses left alone."""

from collections.abc import Mapping
from typing import Any, Final

import orjson
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.core import changes
from app.db.core.dialect import insert, now
from app.db.core.driver import Connection, fetch
from app.db.tables.messages import message_settings, message_templates, suppressed_addresses
from app.domain.nouns.messages import OwnWords, SuppressedAddress

_SETTINGS: Final = sa.select(sa.cast(message_settings.c.document, sa.Text).label("document")).where(
    message_settings.c.business_id == sa.bindparam("of_business")
)
_T: Final = message_templates.c
_S: Final = suppressed_addresses.c


async def settings(conn: Connection, business_id: str) -> Mapping[str, Any] | None:
    """The business's own settings; None: it has set none."""
    rows = await fetch(conn, _SETTINGS, {"of_business": business_id})
    document: Mapping[str, Any] | None = orjson.loads(rows[0]["document"]) if rows else None
    return document


async def set_settings(
    conn: AsyncConnection, business_id: str, document: Mapping[str, Any], *, set_by: str
) -> None:
    """Set all of the business's settings, from now on: pages that anybody sees speak by them."""
    changes.note_schedule(business_id)
    new = {"document": dict(document), "set_by": set_by, "set_at": now()}
    statement = insert(conn, message_settings).values(business_id=business_id, **new)
    await conn.execute(statement.on_conflict_do_update(index_elements=["business_id"], set_=new))


async def templates(conn: AsyncConnection, business_id: str) -> list[OwnWords]:
    """The business's own words, by language."""
    query = sa.select(_T.language, _T.subject, _T.body).where(_T.business_id == business_id)
    return [OwnWords(*row) for row in await conn.execute(query.order_by(_T.language))]


async def set_template(
    conn: AsyncConnection, business_id: str, template: OwnWords, *, set_by: str
) -> None:
    """Set the business's words for one language, from now on."""
    new = {
        "subject": template.subject,
        "body": template.body,
        "set_by": set_by,
        "set_at": now(),
    }
    statement = insert(conn, message_templates).values(
        business_id=business_id, language=template.language, **new
    )
    await conn.execute(
        statement.on_conflict_do_update(index_elements=["business_id", "language"], set_=new)
    )


async def delete_template(conn: AsyncConnection, business_id: str, language: str) -> bool:
    """Go back to the service's words in this language; False: they are in force."""
    statement = sa.delete(message_templates).where(
        _T.business_id == business_id, _T.language == language
    )
    return (await conn.execute(statement)).rowcount == 1


async def suppressed(
    conn: AsyncConnection, business_id: str, *, after: str | None, limit: int
) -> list[SuppressedAddress]:
    """A page of addresses that nothing is sent to, in their order."""
    query = sa.select(_S.address, _S.because, _S.since).where(_S.business_id == business_id)
    if after is not None:
        query = query.where(_S.address > after)
    rows = await conn.execute(query.order_by(_S.address).limit(limit))
    return [SuppressedAddress(*row) for row in rows]


async def let_in(conn: AsyncConnection, business_id: str, address: str) -> bool:
    """Send to an address again; False: it was not left alone."""
    statement = sa.delete(suppressed_addresses).where(
        _S.business_id == business_id, _S.address == address.lower()
    )
    return (await conn.execute(statement)).rowcount == 1
