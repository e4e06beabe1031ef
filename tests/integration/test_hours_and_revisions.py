"""Rows of the schema before 0011 outlive it both ways.

Their revisions go on above what calendars were told.
"""

import asyncio
import datetime as dt

import sqlalchemy as sa
from alembic import command

from app.db import schema, tables
from app.db.core.engine import Database

START = dt.datetime(2026, 12, 7, 7, 15, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
# The session's status, whether a job of it was withdrawn, and its revision afterwards.
SESSIONS = {
    "untouched": ("scheduled", False, 0),
    "cancelled": ("cancelled", False, 2),
    "withdrawn": ("scheduled", True, 2),
    "elsewhere": ("cancelled", False, 2),  # in a zone that is none
}
JOBS = {name: f"019aab00-0000-7000-8000-00000000000{n}" for n, name in enumerate(SESSIONS)}


async def fill(database_url):
    db = Database(database_url)
    async with db.write() as conn:
        await conn.execute(
            sa.insert(tables.businesses).values(
                id="b", name="B", timezone="America/Toronto", currency="CAD"
            )
        )
        for name, (status, withdrawn, _) in SESSIONS.items():
            job = {
                "id": JOBS[name],
                "business_id": "b",
                "idempotency_key": name,
                "request_fingerprint": "f",
            }
            days = {
                "date_from": START.date(),
                "date_to": START.date(),
                "accepted_sessions": 1,
                "totals": {},
            }
            state = {
                "include_attended": False,
                "requested_by": "k",
                "requested_at": START,
                "status": "completed",
            }
            session = {
                "business_id": "b",
                "id": name,
                "name": "Yoga",
                "timezone": "America/Vancouver",
            }
            # The session was moved by a day since.
            times = {"starts_at": START + 24 * HOUR, "ends_at": START + 25 * HOUR}
            at = START if status == "cancelled" else None
            has = {"status": status, "job_id": JOBS[name] if at else None, "cancelled_at": at}
            chosen = {
                "job_id": JOBS[name],
                "business_id": "b",
                "session_id": name,
                "seq": 1,
                "position": 0,
            }
            zone = "Mars/Base" if name == "elsewhere" else "America/Vancouver"
            frozen = {"session_name": "Yoga", "session_starts_at": START, "session_timezone": zone}
            await conn.execute(sa.insert(tables.jobs).values(job | days | state))
            await conn.execute(sa.insert(tables.sessions).values(session | times | has))
            if name != "untouched":
                released = {"outcome": "accepted", "released_at": START if withdrawn else None}
                await conn.execute(
                    sa.insert(tables.job_sessions).values(chosen | frozen | released)
                )
    await db.close()


async def found(database_url):
    db = Database(database_url)
    async with db.read() as conn:
        sessions = (await conn.execute(sa.select(tables.sessions))).mappings().all()
        kept = (await conn.execute(sa.select(tables.job_sessions))).mappings().all()
        broken = (
            []
            if db.is_postgresql
            else (await conn.exec_driver_sql("PRAGMA foreign_key_check")).all()
        )
    await db.close()
    assert not broken
    return {row["id"]: row for row in sessions}, {row["session_id"]: row for row in kept}


def test_rows_get_their_hours_and_revisions_and_nothing_else_of_them_changes(database_url):
    asyncio.run(fill(database_url))
    before = asyncio.run(found(database_url))
    config = schema._config()
    config.attributes["database_url"] = database_url
    command.downgrade(config, "0010")
    command.upgrade(config, "head")
    sessions, kept = asyncio.run(found(database_url))

    assert {name: row["revision"] for name, row in sessions.items()} == {
        name: SESSIONS[name][2] for name in SESSIONS
    }
    assert sessions["cancelled"]["changed_at"] == START
    assert sessions["untouched"]["changed_at"] is not None
    hours = {
        name: (row["session_starts_local"], row["session_timezone"]) for name, row in kept.items()
    }
    assert hours == {
        "cancelled": ("2026-12-07T00:15:00", "America/Vancouver"),
        "withdrawn": ("2026-12-07T00:15:00", "America/Vancouver"),
        # By the business's clocks, and saying so.
        "elsewhere": ("2026-12-07T02:15:00", "America/Toronto"),
    }
    assert {row["session_ends_at"] for row in kept.values()} == {START + HOUR}

    new = {"revision", "changed_at", "session_starts_local", "session_ends_at", "session_timezone"}
    for rows, rows_before in zip((sessions, kept), before, strict=True):
        for name, row in rows.items():
            same = {column: value for column, value in row.items() if column not in new}
            assert same == {column: rows_before[name][column] for column in same}
