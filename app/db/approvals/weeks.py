"""How much of each week would be cancelled: for limits by share."""

import datetime as dt
from collections import Counter
from collections.abc import Collection
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.aside import aside
from app.db.tables import sessions
from app.domain.approval import WeekCount
from app.domain.days import Days, week_of


async def counts(
    conn: AsyncConnection,
    business_id: str,
    zone: ZoneInfo,
    chosen: Collection[tuple[str, dt.datetime]],
) -> list[WeekCount]:
    """Of each week that a chosen session starts in, the first first.

    What jobs have cancelled of it before counts as the chosen ones do, so that a week is not
    cancelled bit by bit; what the platform cancelled itself counts as any other session.

    Args:
        conn: only read from.
        business_id: whose sessions.
        zone: the business's, whose calendar has the weeks.
        chosen: sessions that would be cancelled: ids and starts.
    """
    weeks = {week.date_from: week for week in (week_of(start, zone) for _, start in chosen)}
    ids = {session_id for session_id, _ in chosen}
    return [await _count(conn, business_id, weeks[monday], ids) for monday in sorted(weeks)]


async def _count(
    conn: AsyncConnection, business_id: str, week: Days, ids: Collection[str]
) -> WeekCount:
    query = sa.select(sessions.c.id, sessions.c.job_id.is_not(None)).where(
        sessions.c.business_id == business_id,
        sessions.c.starts_at >= week.from_at,
        sessions.c.starts_at < week.until_at,
    )
    rows = (await conn.execute(query)).all()
    counted = await aside(len(rows), _counted, rows, ids)
    return WeekCount(week.date_from.isoformat(), len(rows), counted)


def _counted(rows: Collection[sa.Row[str, bool]], ids: Collection[str]) -> int:
    return Counter(by_job or session_id in ids for session_id, by_job in rows)[True]
