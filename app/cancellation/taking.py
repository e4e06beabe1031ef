"""What a press and an approval have in common: both take sessions for a job.

Each refuses where nothing is left to take, or where what would be done is not what was planned.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from app.cancellation import digests
from app.cancellation import plan as planning
from app.cancellation.choose import MatchedSession
from app.db.jobs import acceptances
from app.db.jobs.acceptances import Outcome
from app.db.terms import goodwill
from app.domain.days import session_times
from app.domain.owed.terms_document import terms_of
from app.domain.plan_totals import PlanTotals, totals_fields
from app.domain.statuses import SessionOutcome
from app.errors import Problem

_MAX_LISTED: Final = 100
_MAX_NAMED: Final = 3
_VERBS: Final = {
    "moved": "has moved",
    "changed": "has changed",
    "came": "has come",
    "went": "has gone",
}


async def freeze_goodwill(
    conn: AsyncConnection, job_id: str, lines: planning.AcceptedLines, totals: PlanTotals
) -> None:
    """Keep for which bookings credits are given on top, in the transaction that cancels them."""
    if totals.goodwill_grants and lines.terms is not None and lines.given is not None:
        per = terms_of(lines.terms.document).goodwill.per
        await goodwill.freeze(conn, job_id, lines.given, lines.parameters, per)


def outcomes_of(chosen: Sequence[MatchedSession]) -> list[Outcome]:
    """What became of each chosen session."""
    return [Outcome(one.id, one.outcome, one.job_id) for one in chosen]


def clocks_of(chosen: Sequence[MatchedSession], timezone: str) -> dict[str, acceptances.Clock]:
    """What the clocks show at the start of each, by its id."""
    return {one.id: _clock(one, timezone) for one in chosen}


def _clock(one: MatchedSession, business_timezone: str) -> acceptances.Clock:
    of = one.session
    times = session_times(of.starts_at, of.ends_at, of.timezone, business_timezone)
    return acceptances.Clock(times.timezone, times.starts_local)


def none_left(chosen: Sequence[MatchedSession]) -> Problem:
    """409 `sessions-already-in-process`: of the chosen sessions none can be had."""
    holders = [
        {"session_id": one.id, "outcome": one.outcome, "job_id": one.job_id} for one in chosen
    ]
    in_process = any(one.outcome is SessionOutcome.ALREADY_IN_PROCESS for one in chosen)
    return Problem(
        409,
        "sessions-already-in-process",
        "The sessions are already in process",
        "Every chosen session is already in process or cancelled."
        if in_process
        else "Every chosen session is already cancelled.",
        extensions={"sessions": holders},
    )


def refuse_other_plan(
    digest: str, totals: PlanTotals, plan_digest: str, chosen: Sequence[MatchedSession]
) -> None:
    """Make sure that what would be done is what was planned.

    Raises:
        Problem: 409 `plan-changed`, which says how.
    """
    if digest == plan_digest:
        return
    planned = planning.totals_in(plan_digest)
    changes = digests.changes(plan_digest, digest)
    names = {one.id: one.session.name for one in chosen}
    if digests.terms_differ(plan_digest, digest):
        detail = "The plan was made under other terms or overrides. Plan again."
    elif changes:
        detail = f"{_in_words(changes, names)} Plan again."
    elif planned == replace(totals, kept={}):  # a digest carries no sums by rule
        detail = (
            "The counts and sums are the plan's, but some bookings or amounts are others."
            " Plan again."
        )
    else:
        detail = "The bookings are not the plan's any more. Plan again."
    named = [
        asdict(one) | {"name": names.get(one.session_id or "")} for one in changes[:_MAX_LISTED]
    ]
    raise Problem(
        409,
        "plan-changed",
        "The plan has changed",
        detail,
        extensions={
            "planned": planned and totals_fields(planned),
            "now": totals_fields(totals),
            "plan_digest": digest,
            "changes": named,
            "change_count": len(changes),
        },
    )


def _in_words(changes: Sequence[digests.PlanChange], names: Mapping[str, str]) -> str:
    parts = []
    for one in changes[:_MAX_NAMED]:
        name = names.get(one.session_id or "")
        what = one.day or (f"{name} ({one.session_id})" if name else one.session_id)
        parts.append(f"{what} {_VERBS[one.change]}")
    more = len(changes) - len(parts)
    return "; ".join(parts) + (f"; and {more} more." if more else ".")
