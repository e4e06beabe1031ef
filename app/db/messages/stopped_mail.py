"""Who has stopped their mail by their own link: read and written.

The column is the client's alone: nothing that the platform says of them touches it.
"""

from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.core.dialect import now
from app.db.tables import businesses, clients
from app.db.tables.messages import message_settings

_C: Final = clients.c


class MailRow(NamedTuple):
    """What is known of one client's mail; `settings` are their business's."""

    business_name: str
    settings: dict[str, Any] | None
    language: str | None
    wants_no_mail: bool
    has_stopped: bool


async def get(conn: AsyncConnection, business_id: str, client_id: str) -> MailRow | None:
    """The client, deleted ones too; None: the business never had one of this id, or erased them."""
    query = (
        sa.select(
            businesses.c.name,
            message_settings.c.document,
            _C.language,
            _C.wants_no_mail,
            _C.mail_stopped_at.is_not(None),
        )
        .select_from(clients.join(businesses, businesses.c.id == _C.business_id))
        .outerjoin(message_settings, message_settings.c.business_id == _C.business_id)
        .where(*_client(business_id, client_id))
    )
    row = (await conn.execute(query)).one_or_none()
    return None if row is None else MailRow(*row)


async def record_stopped(
    conn: AsyncConnection, business_id: str, client_id: str, *, stopped: bool
) -> bool:
    """Have the client's mail stopped, or not; False: it is so already."""
    is_so = _C.mail_stopped_at.is_not(None) if stopped else _C.mail_stopped_at.is_(None)
    change = sa.update(clients).where(*_client(business_id, client_id), ~is_so)
    at = now() if stopped else None
    return (await conn.execute(change.values(mail_stopped_at=at))).rowcount == 1


def _client(business_id: str, client_id: str) -> tuple[sa.ColumnElement[bool], ...]:
    return (_C.business_id == business_id, _C.id == client_id, _C.erased_at.is_(None))
