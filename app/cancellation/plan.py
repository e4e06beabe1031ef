"""What a bulk cancellation would do, changing nothing: sessions, people, money, credits, and a digest of it all.

The digest is of every line that would be returned, so a booking that comes, goes or changes between the plan and the
button is noticed.
"""

import base64
import binascii
import datetime as dt
import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.cancellation import lines as to_return
from app.cancellation.choose import Chosen, choose
from app.cancellation.policy import SkipReason
from app.cancellation.request import Request, check
from app.db import tallies
from app.db.engine import Database
from app.db.tables import Method, SessionOutcome


@dataclass(frozen=True, slots=True)
class Totals:
    """What would be returned: counts, sums by currency in minor units, credits."""

    sessions: int = 0
    bookings: int = 0
    clients: int = 0
    refunds: int = 0
    amounts: dict[str, int] = field(default_factory=dict)
    credits: int = 0
    nothing_to_return: int = 0


@dataclass(frozen=True, slots=True)
class PlannedSession:
    """One chosen session and what its cancellation would return; zero unless it would be accepted."""

    session_id: str
    name: str
    starts_at: dt.datetime
    outcome: SessionOutcome
    job_id: str | None
    bookings: int
    refunds: int
    amounts: dict[str, int]
    credits: int
    nothing_to_return: int


@dataclass(frozen=True, slots=True)
class Caution:
    """Something to know before pressing."""

    code: str
    detail: str
    count: int


@dataclass(frozen=True, slots=True)
class Plan:
    """The answer to "what would this do?"."""

    digest: str
    totals: Totals
    sessions: list[PlannedSession]
    warnings: list[Caution]


async def plan(db: Database, business_id: str, timezone: str, request: Request) -> Plan:
    """What `request` would do now.

    Raises:
        Invalid: as `check` and `choose`.
    """
    check(request)
    async with db.snapshot() as conn:
        chosen, as_of = await choose(conn, business_id, timezone, request, lock=False)
        lines, given = accepted_lines(conn, business_id, chosen, as_of, request)
        totals = await count(conn, chosen, lines, given)
        fingerprint, skipped = await _fingerprint(conn, lines, given)
        groups = await tallies.by_session_and_means(conn, lines, given)
        booked = await tallies.bookings_by_session(conn, lines, given)
    sessions = _by_session(chosen, groups, booked)
    return Plan(make_digest(fingerprint, totals), totals, sessions, _warnings(chosen, skipped, as_of))


def accepted_lines(
    conn: AsyncConnection, business_id: str, chosen: Sequence[Chosen], as_of: dt.datetime, request: Request
) -> tuple[sa.Subquery, tallies.Given]:
    """The lines to return of those chosen sessions that are still to be had, and their parameters."""
    ids = [one.id for one in chosen if one.outcome is SessionOutcome.ACCEPTED]
    if to_return.are_many(conn, len(ids)):
        lines = to_return.of_many_sessions(include_attended=request.include_attended)
        return lines, to_return.chosen_many(business_id, ids, as_of=as_of)
    lines = to_return.of_any_sessions(include_attended=request.include_attended)
    return lines, to_return.chosen(business_id, ids, as_of=as_of)


async def count(conn: AsyncConnection, chosen: Sequence[Chosen], lines: sa.Subquery, given: tallies.Given) -> Totals:
    """The totals over all lines."""
    sessions = sum(one.outcome is SessionOutcome.ACCEPTED for one in chosen)
    groups = await tallies.over_all(conn, lines, given, plan_anew=to_return.are_many(conn, sessions))
    amounts: Counter[str] = Counter()
    for group in groups:
        if group["method"] == Method.PAYMENT:
            amounts[group["currency"]] += group["amount_minor"]
    return Totals(
        sessions=sessions,
        bookings=sum(group["bookings"] for group in groups),
        clients=groups[0]["clients"] if groups else 0,
        refunds=sum(group["count"] for group in groups if not tallies.nothing_to_return(group)),
        amounts=dict(sorted(amounts.items())),
        credits=sum(group["credits"] for group in groups),
        nothing_to_return=sum(group["count"] for group in groups if tallies.nothing_to_return(group)),
    )


async def digest_of(conn: AsyncConnection, lines: sa.Subquery, given: tallies.Given, totals: Totals) -> str:
    """The digest that a plan of these lines has."""
    fingerprint, _ = await _fingerprint(conn, lines, given)
    return make_digest(fingerprint, totals)


async def _fingerprint(conn: AsyncConnection, lines: sa.Subquery, given: tallies.Given) -> tuple[str, Counter[str]]:
    """A hash over every line in a fixed order, and the bookings skipped by reason."""
    digest = hashlib.sha256()
    skipped: Counter[str] = Counter()
    columns = [column for column in lines.c if column.name != "position"]
    query = sa.select(*columns).order_by(lines.c.session_id, lines.c.booking_id, lines.c.line_no)
    async with conn.stream(query, given) as rows:
        async for row in rows:
            digest.update(orjson.dumps(tuple(row)))
            if row.skip_reason is not None:
                skipped[row.skip_reason] += 1
    return digest.hexdigest(), skipped


def make_digest(fingerprint: str, totals: Totals) -> str:
    """An opaque word that carries the plan's totals, so that a refusal can say what has changed since."""
    return f"{fingerprint}.{base64.urlsafe_b64encode(orjson.dumps(asdict(totals))).rstrip(b'=').decode()}"


def totals_in(digest: str) -> Totals | None:
    """The totals of the plan that gave this digest; None when no plan of ours gave it."""
    _, _, packed = digest.partition(".")
    try:
        return Totals(**orjson.loads(base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4))))
    except (ValueError, TypeError, binascii.Error):
        return None


def _by_session(
    chosen: Sequence[Chosen], groups: Sequence[sa.RowMapping], booked: dict[str, int]
) -> list[PlannedSession]:
    mine: defaultdict[str, list[sa.RowMapping]] = defaultdict(list)
    for group in groups:
        mine[group["session_id"]].append(group)
    return [_planned(one, mine[one.id], booked.get(one.id, 0)) for one in chosen]


def _planned(one: Chosen, groups: Sequence[sa.RowMapping], bookings: int) -> PlannedSession:
    amounts = {group["currency"]: group["amount_minor"] for group in groups if group["method"] == Method.PAYMENT}
    return PlannedSession(
        session_id=one.id,
        name=one.row["name"],
        starts_at=one.row["starts_at"],
        outcome=one.outcome,
        job_id=one.job_id,
        bookings=bookings,
        refunds=sum(group["count"] for group in groups if not tallies.nothing_to_return(group)),
        amounts=dict(sorted(amounts.items())),
        credits=sum(group["credits"] for group in groups),
        nothing_to_return=sum(group["count"] for group in groups if tallies.nothing_to_return(group)),
    )


def _warnings(chosen: Sequence[Chosen], skipped: Counter[str], as_of: dt.datetime) -> list[Caution]:
    accepted = [one.row for one in chosen if one.outcome is SessionOutcome.ACCEPTED]
    ended = sum(row["ends_at"] <= as_of for row in accepted)
    started = sum(row["starts_at"] <= as_of < row["ends_at"] for row in accepted)
    in_process = sum(one.outcome is SessionOutcome.ALREADY_IN_PROCESS for one in chosen)
    cancelled = sum(one.outcome is SessionOutcome.ALREADY_CANCELLED for one in chosen)
    found: dict[str, tuple[str, Any]] = {
        "sessions-ended": ("Sessions that are over already; cancelling them returns what was paid.", ended),
        "sessions-started": ("Sessions that have begun.", started),
        "attended-skipped": ("Attended bookings, not returned.", skipped[SkipReason.ATTENDED]),
        "already-in-process": ("Sessions that another bulk cancellation has in hand.", in_process),
        "already-cancelled": ("Sessions that are cancelled already.", cancelled),
        "nothing-to-accept": ("No session is left to cancel.", int(not accepted)),
    }
    return [Caution(code, detail, count) for code, (detail, count) in found.items() if count]
