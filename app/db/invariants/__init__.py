"""The promise as queries: each finds the rows that break one rule.

While all is well it finds none.
"""

from dataclasses import dataclass

from app.db.invariants import (
    of_approvals,
    of_choices,
    of_goodwill,
    of_jobs,
    of_legs,
    of_payments,
    of_refunds,
    of_sessions,
)
from app.db.invariants.scope import CheckScope, Rows

__all__ = ["CheckScope", "Invariant", "invariants"]


@dataclass(frozen=True, slots=True)
class Invariant:
    """A rule, and a query for (job_id, row_id) of what breaks it."""

    code: str
    rule: str
    query: Rows


def invariants(scope: CheckScope, *, overdue_seconds: float) -> list[Invariant]:
    """All of them; a job overdue by `overdue_seconds` has been forgotten by every sweep."""
    overdue = of_jobs.lease_overdue(scope, overdue_seconds)
    return [
        Invariant(
            "totals",
            "An expanded job has a refund or a reason for every line it promised.",
            of_jobs.totals_differ(scope),
        ),
        Invariant(
            "sums",
            "A job's refunds add up to what was promised, and what it keeps to what was named.",
            of_jobs.sums_differ(scope),
        ),
        Invariant(
            "line",
            "Each line of an accepted booking has one refund or a reason.",
            of_refunds.line_without_refund(scope),
        ),
        Invariant(
            "amount",
            "A refund returns exactly its payment line, but for what it says is kept.",
            of_refunds.amounts_differ(scope),
        ),
        Invariant(
            "paid",
            "Never more is given back of a payment, or to an account for a booking, than was paid.",
            of_payments.more_than_was_paid(scope),
        ),
        Invariant(
            "legs",
            "A leg follows a recorded refusal, and a refused one that is replaced is followed.",
            of_legs.out_of_order(scope),
        ),
        Invariant(
            "legs-sum",
            "All legs of a line never move more than the line.",
            of_legs.more_than_the_line(scope),
        ),
        Invariant(
            "goodwill",
            "An expanded job gives on top what it promised, to those whom its acceptance chose.",
            of_goodwill.grants_differ(scope),
        ),
        Invariant(
            "choice",
            "What a client has chosen comes back in that form.",
            of_choices.other_than_chosen(scope),
        ),
        Invariant("ended-open", "An ended job has no open refund.", of_jobs.ended_but_open(scope)),
        Invariant(
            "ended-unexpanded",
            "An ended job has all its refund rows.",
            of_jobs.ended_unexpanded(scope),
        ),
        Invariant(
            "status",
            "An ended job says whether something is left for a person.",
            of_jobs.status_disagrees(scope),
        ),
        Invariant(
            "intent",
            "No effect without an intent committed before.",
            of_refunds.effect_without_intent(scope),
        ),
        Invariant(
            "history",
            "A refund is in the state its history ends with.",
            of_refunds.history_disagrees(scope),
        ),
        Invariant(
            "monotone", "A refund's history never turns back.", of_refunds.history_turns_back(scope)
        ),
        Invariant(
            "overdue",
            "No open job, nor a lease of it, is overdue by more than two sweeps.",
            overdue,
        ),
        Invariant(
            "session",
            "Every accepted session reads cancelled by its job.",
            of_sessions.session_disagrees(scope),
        ),
        Invariant(
            "stranger",
            "A session is cancelled by a job that accepted it.",
            of_sessions.cancelled_by_stranger(scope),
        ),
        Invariant(
            "unapproved-refund",
            "No refund of a job that needed an approval and has none.",
            of_approvals.refunds_unapproved(scope),
        ),
        Invariant(
            "unapproved-session",
            "No session is cancelled by a job that needed an approval and has none.",
            of_approvals.cancelled_unapproved(scope),
        ),
        Invariant(
            "unapproved",
            "A job acts only if it needed no approval, or has one.",
            of_approvals.status_unapproved(scope),
        ),
        Invariant(
            "own-approval",
            "Nobody approves their own request.",
            of_approvals.approved_by_requester(scope),
        ),
    ]
