"""What a bulk cancellation would do, changing nothing, and a digest of it.

The plan tells sessions, people, money and credits. The digest is of every chosen session and of
every line, so whatever comes, goes, moves or changes between the plan and the button is noticed.
"""

import datetime as dt
import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple

import orjson
import sqlalchemy as sa
from pydantic import TypeAdapter
from sqlalchemy.ext.asyncio import AsyncConnection

from app.aside import aside
from app.cancellation import digests
from app.cancellation.choose import MatchedSession, choose
from app.cancellation.owed import lines as to_return
from app.cancellation.owed import overrides
from app.cancellation.owed.terms import resolve
from app.cancellation.request import Request, check
from app.db.approvals import weeks
from app.db.core.dialect import plans_by_values
from app.db.core.engine import Database
from app.db.jobs import entitlement_totals
from app.db.jobs.entitlement_totals import LineGroup, SeenLine, SharedPayments
from app.db.terms import goodwill
from app.domain.approval import ApprovalLimits, Exceeded, WeekCount, exceeded
from app.domain.days import business_zone, instant_text
from app.domain.nouns.terms import Override, ResolvedTerms
from app.domain.nouns.versions import SetVersion
from app.domain.owed.terms import SkipReason
from app.domain.plan_totals import LineSums, PlanTotals, members
from app.domain.statuses import RefundForm, SessionOutcome

# In this order, as builds of before write it, without `kept` and `store_credits`: the lines and the
# terms are in it. Goodwill is told where there is any.
_IN_DIGEST: Final = (
    "sessions",
    "bookings",
    "clients",
    "refunds",
    "amounts",
    "credits",
    "nothing_to_return",
    "kept_amounts",
    "kept_credits",
)
MAX_NAMED: Final = 100  # sessions of a warning
_OF_GOODWILL: Final = ("goodwill_grants", "goodwill_credits")
_TOTALS: Final = TypeAdapter(PlanTotals)  # whoever sends a digest may have made it


@dataclass(frozen=True, slots=True)
class SessionPlan:
    """One chosen session and what its cancellation would return.

    That is zero unless it would be accepted.
    """

    session_id: str
    name: str
    starts_at: dt.datetime
    ends_at: dt.datetime
    timezone: str
    outcome: SessionOutcome
    job_id: str | None
    bookings: int
    sums: LineSums


@dataclass(frozen=True, slots=True)
class Caution:
    """Something to know before pressing.

    Where it is about money or credits, it says how much of them; where it is of sessions, which:
    the first `MAX_NAMED` in start order.
    """

    code: str
    detail: str
    count: int
    amounts: dict[str, int] = field(default_factory=dict)
    credits: int = 0
    session_ids: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class CancellationPlan:
    """The answer to "what would this do?"."""

    digest: str
    totals: PlanTotals
    sessions: list[SessionPlan]
    warnings: list[Caution]
    terms: ResolvedTerms | None = None
    needs_approval: Sequence[Exceeded] = ()


class AcceptedLines(NamedTuple):
    """The lines to return of sessions still to be had, their parameters, and their terms.

    `by_rule`: they say which of several rules keeps what. `given`: see `RequestLines`, as `owed`,
    which are the lines without their grants.
    """

    lines: sa.Subquery
    owed: sa.Subquery
    given: sa.Subquery | None
    parameters: entitlement_totals.Parameters
    terms: ResolvedTerms | None

    @property
    def by_rule(self) -> bool:
        return self.terms is not None


@dataclass(frozen=True, slots=True)
class PlanReading:
    """What is read for a plan in one snapshot, before it is made."""

    chosen: Sequence[MatchedSession]
    as_of: dt.datetime
    accepted: AcceptedLines
    totals: PlanTotals
    seen: "_Seen"
    groups: Mapping[str, Sequence[LineGroup]]
    shared: Sequence[SharedPayments]
    needs_approval: Sequence[Exceeded] = ()


async def plan(db: Database, business_id: str, timezone: str, request: Request) -> CancellationPlan:
    """What `request` would do now.

    Raises:
        Invalid: as `check` and `choose`.
    """
    check(request)
    async with db.snapshot() as conn:
        reading = await read_plan(conn, business_id, timezone, request)
    return await plan_of(reading, timezone, request)


async def read_plan(
    conn: AsyncConnection, business_id: str, timezone: str, request: Request
) -> PlanReading:
    """What a plan of a checked request is made of.

    Raises:
        Invalid: as `choose`.
    """
    chosen, as_of, own = await choose(conn, business_id, timezone, request, lock=False)
    accepted = await accepted_lines(conn, business_id, chosen, as_of, request, own.terms)
    limits = ApprovalLimits.of(own.limits)
    return await read_lines(conn, business_id, timezone, chosen, as_of, accepted, limits)


async def read_lines(
    conn: AsyncConnection,
    business_id: str,
    timezone: str,
    chosen: Sequence[MatchedSession],
    as_of: dt.datetime,
    accepted: AcceptedLines,
    limits: ApprovalLimits,
) -> PlanReading:
    """What a plan of these sessions and lines is made of."""
    lines, parameters = accepted.lines, accepted.parameters
    totals = await count(conn, chosen, accepted)
    seen = await _seen(conn, lines, parameters)
    groups = await entitlement_totals.by_session(conn, lines, parameters, by_rule=accepted.by_rule)
    shared = await entitlement_totals.shared_payments(conn, lines, parameters)
    above = await exceeded_limits(conn, business_id, timezone, limits, totals, chosen)
    return PlanReading(chosen, as_of, accepted, totals, seen, groups, shared, above)


async def plan_of(reading: PlanReading, timezone: str, request: Request) -> CancellationPlan:
    """The plan that was read."""
    chosen, totals, seen = reading.chosen, reading.totals, reading.seen
    terms = reading.accepted.terms
    sessions = await aside(len(chosen), _by_session, chosen, reading.groups, seen.bookings)
    prints = seen.prints()
    digest = await aside(len(chosen), _digest, chosen, prints, totals, timezone, request, terms)
    warnings = _warnings(chosen, totals, seen.skipped, reading.shared, reading.as_of)
    return CancellationPlan(digest, totals, sessions, warnings, terms, reading.needs_approval)


async def exceeded_limits(
    conn: AsyncConnection,
    business_id: str,
    timezone: str,
    limits: ApprovalLimits,
    totals: PlanTotals,
    chosen: Sequence[MatchedSession],
) -> tuple[Exceeded, ...]:
    """The limits that cancelling these sessions exceeds; empty: it needs no approval."""
    counts: Sequence[WeekCount] = ()
    if limits.share_of_week_percent is not None:
        taken = [
            (one.id, one.session.starts_at)
            for one in chosen
            if one.outcome is SessionOutcome.ACCEPTED
        ]
        counts = await weeks.counts(conn, business_id, business_zone(timezone), taken)
    return exceeded(limits, totals, counts)


async def accepted_lines(
    conn: AsyncConnection,
    business_id: str,
    chosen: Sequence[MatchedSession],
    as_of: dt.datetime,
    request: Request,
    own: SetVersion | None,
) -> AcceptedLines:
    """The lines to return of sessions still to be had, by the business's own terms of now.

    Raises:
        Invalid: see `overrides.check`.
    """
    ids = [one.id for one in chosen if one.outcome is SessionOutcome.ACCEPTED]
    said = request.overrides
    terms = resolve(own, named=request.terms, overridden=bool(said))
    await overrides.check(conn, business_id, ids, said)
    return lines_of(conn, business_id, ids, as_of, request, terms)


def lines_of(
    conn: AsyncConnection,
    business_id: str,
    ids: Sequence[str],
    as_of: dt.datetime,
    request: Request,
    terms: ResolvedTerms | None,
) -> AcceptedLines:
    """The lines of some of a request's sessions, by terms that were resolved for all of them."""
    said = request.overrides
    shape, of_terms = to_return.by_terms(
        None if terms is None else terms.document, said, include_attended=request.include_attended
    )
    if to_return.are_many(conn, len(ids)):
        parameters = to_return.chosen_many(business_id, ids, as_of=as_of)
        return AcceptedLines(*to_return.lines_of_many_sessions(shape), parameters | of_terms, terms)
    of_sessions = (
        to_return.lines_of_any_sessions
        if plans_by_values(conn)
        else to_return.lines_of_listed_sessions
    )
    parameters = to_return.chosen(business_id, ids, as_of=as_of)
    return AcceptedLines(*of_sessions(shape), parameters | of_terms, terms)


async def count(
    conn: AsyncConnection,
    chosen: Sequence[MatchedSession],
    accepted: AcceptedLines,
) -> PlanTotals:
    """The totals over all lines."""
    sessions = sum(one.outcome is SessionOutcome.ACCEPTED for one in chosen)
    plan_anew = to_return.are_many(conn, sessions)
    total = await entitlement_totals.over_all(
        conn, accepted.owed, accepted.parameters, by_rule=accepted.by_rule, plan_anew=plan_anew
    )
    sums = _sums(total.groups)
    if accepted.given is not None:
        # On their own, since they bring no other booking and no other client.
        grants = await goodwill.count(
            conn, accepted.given, accepted.parameters, plan_anew=plan_anew
        )
        credits_ = grants * accepted.parameters["goodwill_credits"]
        sums = replace(sums, goodwill_grants=grants, goodwill_credits=credits_)
    return PlanTotals(
        sessions=sessions, bookings=total.bookings, clients=total.clients, **members(sums)
    )


def _sums(groups: Sequence[LineGroup]) -> LineSums:
    """Lines counted, and what they come to.

    Each group is of one method, currency, rule and form.
    """
    refunds = credited = nothing_to_return = kept_credits = grants = granted = 0
    amounts: dict[str, int] = {}
    kept_amounts: dict[str, int] = {}
    kept: dict[str, dict[str, int]] = {}
    store_credits: dict[str, int] = {}
    for group in groups:
        if group.returned_as == RefundForm.GOODWILL:
            grants += group.lines
            granted += group.credits
            continue
        refunds += group.to_return
        nothing_to_return += group.lines - group.to_return
        credited += group.credits
        kept_credits += group.kept_credits
        if group.currency is not None:
            _add(amounts, group.currency, group.amount_minor)
            _add(kept_amounts, group.currency, group.kept_amount_minor)
            if group.returned_as == RefundForm.STORE_CREDIT:
                _add(store_credits, group.currency, group.amount_minor)
        if group.kept_amount_minor or group.kept_credits:
            # The policies keep what was paid by one rule alone.
            by_rule = kept.setdefault(group.kept_by or SkipReason.ATTENDED.value, {})
            _add(by_rule, group.currency or "credits", group.kept_amount_minor + group.kept_credits)
    return LineSums(
        refunds=refunds,
        amounts=_sorted(amounts),
        credits=credited,
        nothing_to_return=nothing_to_return,
        kept_amounts=_sorted(kept_amounts),
        kept_credits=kept_credits,
        kept={rule: _sorted(sums) for rule, sums in sorted(kept.items())},
        store_credits=_sorted(store_credits),
        goodwill_grants=grants,
        goodwill_credits=granted,
    )


def _add(sums: dict[str, int], currency: str, amount: int) -> None:
    if amount:
        sums[currency] = sums.get(currency, 0) + amount


def _sorted(sums: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(sums.items()))


async def digest_of(
    conn: AsyncConnection,
    chosen: Sequence[MatchedSession],
    accepted: AcceptedLines,
    totals: PlanTotals,
    timezone: str,
    request: Request,
) -> str:
    """The digest that a plan of these sessions and lines has."""
    seen = await _seen(conn, accepted.lines, accepted.parameters)
    prints, terms = seen.prints(), accepted.terms
    return await aside(len(chosen), _digest, chosen, prints, totals, timezone, request, terms)


def _digest(
    chosen: Sequence[MatchedSession],
    prints: Mapping[str, str],
    totals: PlanTotals,
    timezone: str,
    request: Request,
    terms: ResolvedTerms | None,
) -> str:
    zone = business_zone(timezone)
    seen = [
        digests.Seen(
            session.id,
            session.starts_at.astimezone(zone).date().isoformat(),
            (
                [
                    instant_text(session.starts_at),
                    instant_text(session.ends_at),
                    session.timezone,
                ],
                session.name,
                session.location,
                outcome,
                prints.get(session.id),
            ),
        )
        for session, outcome in chosen
    ]
    said = sorted(map(_said, request.overrides))
    of_terms = None if terms is None else (terms.document, said)
    names = (*_IN_DIGEST, *_OF_GOODWILL) if totals.goodwill_grants else _IN_DIGEST
    totals_seen = {name: getattr(totals, name) for name in names}
    return digests.make(
        seen, totals_seen, include_attended=request.include_attended, terms=of_terms
    )


def _said(one: Override) -> tuple[Any, ...]:
    said = one.booking_id, one.line_no, one.action, one.amount_minor
    return said if one.return_as is None else (*said, one.return_as)


async def _seen(
    conn: AsyncConnection, lines: sa.Subquery, parameters: entitlement_totals.Parameters
) -> "_Seen":
    """All lines, read once in a fixed order."""
    seen = _Seen()
    async with aclosing(entitlement_totals.in_parts(conn, lines, parameters)) as parts:
        async for part in parts:
            await aside(len(part), seen.add, part)
    return seen


@dataclass(slots=True)
class _Seen:
    """The lines so far: each session's hash and bookings, and bookings skipped by reason."""

    hashes: defaultdict[str, Any] = field(default_factory=lambda: defaultdict(hashlib.sha256))
    bookings: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    last: str | None = None

    def add(self, lines: Sequence[SeenLine]) -> None:
        for session_id, booking_id, skip_reason, values in lines:
            self.hashes[session_id].update(orjson.dumps(values))
            if booking_id != self.last:
                self.bookings[session_id] += 1
                if skip_reason is not None:  # of a booking with goodwill none is asked for
                    self.skipped[skip_reason] += 1
            self.last = booking_id

    def prints(self) -> dict[str, str]:
        """The hash of each session that has lines."""
        return {session_id: one.hexdigest() for session_id, one in self.hashes.items()}


def totals_in(digest: str) -> PlanTotals | None:
    """The totals of the plan that gave this digest.

    None when no plan of ours gave it.
    """
    try:
        return _TOTALS.validate_python(digests.totals_in(digest))
    except ValueError:
        return None


def _by_session(
    chosen: Sequence[MatchedSession],
    groups: Mapping[str, Sequence[LineGroup]],
    booked: Mapping[str, int],
) -> list[SessionPlan]:
    return [_planned(one, groups.get(one.id, ()), booked.get(one.id, 0)) for one in chosen]


def _planned(one: MatchedSession, groups: Sequence[LineGroup], bookings: int) -> SessionPlan:
    return SessionPlan(
        session_id=one.id,
        name=one.session.name,
        starts_at=one.session.starts_at,
        ends_at=one.session.ends_at,
        timezone=one.session.timezone,
        outcome=one.outcome,
        job_id=one.job_id,
        bookings=bookings,
        sums=_sums(groups),
    )


def _warnings(
    chosen: Sequence[MatchedSession],
    totals: PlanTotals,
    skipped: Counter[str],
    shared: Sequence[SharedPayments],
    as_of: dt.datetime,
) -> list[Caution]:
    accepted = [one.session for one in chosen if one.outcome is SessionOutcome.ACCEPTED]
    ended = [one.id for one in accepted if one.ends_at <= as_of]
    started = [one.id for one in accepted if one.starts_at <= as_of < one.ends_at]
    in_process = [one.id for one in chosen if one.outcome is SessionOutcome.ALREADY_IN_PROCESS]
    cancelled = [one.id for one in chosen if one.outcome is SessionOutcome.ALREADY_CANCELLED]
    attended = skipped[SkipReason.ATTENDED]
    of_attended = totals.kept.get(SkipReason.ATTENDED, {})
    found = [
        _of_sessions(
            "sessions-ended",
            "Sessions that are over already; cancelling them returns what was paid.",
            ended,
        ),
        _of_sessions("sessions-started", "Sessions that have begun.", started),
        Caution(
            "attended-skipped",
            "Attended bookings; what was paid for them is kept.",
            attended,
            {name: kept for name, kept in of_attended.items() if name != "credits"},
            of_attended.get("credits", 0),
        ),
        Caution(
            "payment-shared",
            "Payments that several bookings name, and what would be returned of them."
            " See that each was paid so much.",
            sum(one.payments for one in shared),
            {one.currency: one.amount_minor for one in shared},
        ),
        _of_sessions(
            "already-in-process", "Sessions that another bulk cancellation has in hand.", in_process
        ),
        _of_sessions("already-cancelled", "Sessions that are cancelled already.", cancelled),
        Caution("nothing-to-accept", "No session is left to cancel.", int(not accepted)),
    ]
    return [one for one in found if one.count]


def _of_sessions(code: str, detail: str, ids: Sequence[str]) -> Caution:
    return Caution(code, detail, len(ids), session_ids=ids[:MAX_NAMED])
