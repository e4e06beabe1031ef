"""Approvals of jobs, and what was done to a job as a whole, as values that every layer may name."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from app.domain.approval import Exceeded
from app.domain.plan_totals import PlanTotals
from app.domain.statuses import JobAction


@dataclass(frozen=True, slots=True)
class AskedApproval:
    """What a job asks an approval for, as it was when it was asked.

    Attributes:
        asked_by: who asks, as `Actor.whole_id` names them.
        plan_digest: of the plan that the request was.
        totals: that plan's.
        exceeded: the limits that it was above.
        hold_seconds: how long the job is to be held once it is approved.
        expires_at: when it ends without an approval.
    """

    asked_by: str
    plan_digest: str
    totals: PlanTotals
    exceeded: Sequence[Exceeded]
    hold_seconds: int
    expires_at: dt.datetime


class ActionOfJob(NamedTuple):
    """Who did what to a job, and when.

    `actor` is as the audit prints it, `actor_id` is that caller's alone.
    """

    action: JobAction
    actor: str
    actor_id: str
    acted_at: dt.datetime
    note: str | None
