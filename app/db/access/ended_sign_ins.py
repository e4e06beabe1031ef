"""Sign-ins that ended before their tokens did."""

from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection
from uuid_utils import uuid7

from app.db.core.dialect import later
from app.db.core.driver import Connection, fetch
from app.db.tables.administration import ended_sign_ins
from app.domain.nouns.sign_ins import EndedSignIn, ShownSignIn

_E: Final = ended_sign_ins.c


def _named(name: str) -> sa.BindParameter[str]:
    return sa.bindparam(name, type_=sa.String)


# Those of a session end it alone; a token that names no session is one of any of its subject's.
_ENDED: Final = (
    sa.select(_E.id)
    .where(
        _E.ended_at >= sa.bindparam("issued_at", type_=_E.ended_at.type),
        sa.or_(_E.business_id.is_(None), _E.business_id == _named("of_business")),
        sa.or_(
            sa.and_(
                _E.subject == _named("of_subject"),
                sa.or_(_E.sid.is_(None), _named("of_sid").is_(None)),
            ),
            sa.and_(
                _E.sid == _named("of_sid"),
                sa.or_(_E.subject.is_(None), _E.subject == _named("of_subject")),
            ),
        ),
    )
    .limit(1)
)


async def add(conn: AsyncConnection, ended: EndedSignIn) -> None:
    """From the commit on, refuse the tokens that it is of."""
    await conn.execute(
        sa.insert(ended_sign_ins).values(
            id=str(uuid7()),
            business_id=ended.business_id,
            subject=ended.subject,
            sid=ended.sid,
            ended_at=ended.ended_at,
        )
    )


async def is_ended(conn: Connection, shown: ShownSignIn) -> bool:
    """Whether what a token shows has ended since it was issued."""
    parameters = {
        "issued_at": shown.issued_at,
        "of_business": shown.business_id,
        "of_subject": shown.subject,
        "of_sid": shown.sid,
    }
    return bool(await fetch(conn, _ENDED, parameters))


async def purge(conn: AsyncConnection, *, older_than_seconds: float) -> int:
    """Forget those that no token in force can be of; how many there were."""
    # As a subquery: of a clock that goes on PostgreSQL looks nothing up in an index.
    long_ago = sa.select(later(sa.literal(-older_than_seconds, sa.Float))).scalar_subquery()
    return (await conn.execute(sa.delete(ended_sign_ins).where(_E.ended_at < long_ago))).rowcount
