"""Who would be told of a bulk cancellation, and what one of them: of a plan, before any press.

It is read in one snapshot, and of one client's bookings alone: nothing is written, and nothing is
reckoned twice. What a client would be told is what is true as the press is accepted: that all of
theirs is under way, what is kept, and what they may choose.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from app.aside import aside
from app.cancellation import plan as plans
from app.cancellation.choose import MatchedSession, choose
from app.cancellation.expand import asked_until
from app.cancellation.request import Request, check
from app.db.messages import contacts, told_facts
from app.db.messages.contacts import Reach
from app.db.refunds import planned
from app.domain.days import session_times
from app.domain.messages.facts import ToldFacts
from app.domain.messages.settings import MessageTerms, ToldBy, resolved
from app.domain.nouns.terms import ResolvedTerms
from app.domain.owed.terms_document import terms_of
from app.domain.statuses import SessionOutcome
from app.errors import FieldError, Invalid

_NOBODY: Final = Reach(0, {}, None, None)


@dataclass(frozen=True, slots=True)
class PlannedMessage:
    """Whom a plan would have told, and one client's facts; no facts: nobody would be."""

    terms: MessageTerms
    reach: Reach
    client_id: str | None
    facts: ToldFacts | None


async def planned_message(
    conn: AsyncConnection,
    business_id: str,
    timezone: str,
    request: Request,
    *,
    client_id: str | None,
) -> PlannedMessage:
    """What `request` would have this client told (None: the first), and how many others.

    Raises:
        Invalid: as a plan, or it would tell no client of this id.
    """
    check(request)
    chosen, as_of, own = await choose(conn, business_id, timezone, request, lock=False)
    accepted = await plans.accepted_lines(conn, business_id, chosen, as_of, request, own.terms)
    told = resolved(own.messages, request.messages)
    if told.clients is ToldBy.NONE:
        return PlannedMessage(told, _NOBODY, None, None)
    of_plan = planned.clients_of(accepted.lines)
    reach = await contacts.reach(conn, of_plan, accepted.parameters, after=client_id)
    whose = client_id or reach.first
    if whose is None:
        return PlannedMessage(told, reach, None, None)
    plan = _Plan(business_id, timezone, request, chosen, as_of, accepted.terms)
    facts = await _facts(conn, plan, whose)
    if facts is None:
        detail = "It would tell no client of this id."
        raise Invalid([FieldError("/client_id", "unknown-client", detail)])
    return PlannedMessage(told, reach, whose, facts)


@dataclass(frozen=True, slots=True)
class _Plan:
    """A request whose sessions and terms are known."""

    business_id: str
    timezone: str
    request: Request
    chosen: Sequence[MatchedSession]
    as_of: dt.datetime
    terms: ResolvedTerms | None


async def _facts(conn: AsyncConnection, plan: _Plan, client_id: str) -> ToldFacts | None:
    """What one client would be told; None: nothing concerns them.

    Of the sessions that they have bookings of alone: who gets goodwill once gets it for one of
    these.
    """
    theirs = await planned.session_ids_of_client(conn, plan.business_id, client_id)
    accepted = [one for one in plan.chosen if one.outcome is SessionOutcome.ACCEPTED]
    ids = [one.id for one in accepted if one.id in theirs]
    if not ids:
        return None
    document = None if plan.terms is None else plan.terms.document
    hold_until = plan.request.hold_until(plan.as_of)
    until = asked_until(document, accepted_at=plan.as_of, hold_until=hold_until)
    of_plan = plans.lines_of(conn, plan.business_id, ids, plan.as_of, plan.request, plan.terms)
    rows = await planned.rows_of_client(
        conn, of_plan.lines, of_plan.parameters, client_id, choose_until=until
    )
    return (await aside(len(rows), _told, plan, ids, rows)).get(client_id)


def _told(
    plan: _Plan, ids: Sequence[str], rows: Sequence[Mapping[str, Any]]
) -> dict[str, ToldFacts]:
    place = {session_id: number for number, session_id in enumerate(ids)}
    in_order = sorted(rows, key=lambda row: place[row["session_id"]])
    return told_facts.facts_of(
        [_with_clock(row, plan.timezone) for row in in_order],
        reason=plan.request.reason,
        choice=None if plan.terms is None else terms_of(plan.terms.document).choice,
    )


def _with_clock(row: Mapping[str, Any], business_timezone: str) -> dict[str, Any]:
    """A row whose session has the zone that its acceptance would give it."""
    starts_at, ends_at = row["session_starts_at"], row["session_ends_at"]
    times = session_times(starts_at, ends_at, row["session_timezone"], business_timezone)
    return {
        **row,
        "session_timezone": times.timezone,
        "session_starts_local": times.starts_local,
    }
