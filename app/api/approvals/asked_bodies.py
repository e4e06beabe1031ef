"""What a bulk cancellation asks an approval for, and who did what to it, as they are shown."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

from pydantic import Field

from app.api.bodies import Answer, UtcInstant
from app.domain.approval import Exceeded, Limit
from app.domain.nouns.approvals import ActionOfJob, AskedApproval
from app.domain.statuses import JobAction


class ExceededLimit(Answer):
    """A limit of the business that is exceeded: what may be done alone, and what is asked for."""

    limit: Limit
    allowed: int = Field(description="Money in minor units of `currency`; a share in percent.")
    asked: int = Field(description="The same of what is asked for; a share is rounded up.")
    currency: str | None = Field(description="Of money.")
    monday: dt.date | None = Field(description="Of a share: the week's first day.")


class ApprovalOfJob(Answer):
    """What a bulk cancellation asks an approval for, as it was asked."""

    plan_digest: str = Field(description="Of the plan that was asked for; see `…/plan` for now's.")
    hold_seconds: int = Field(description="For how long it is held once it is approved.")
    expires_at: UtcInstant = Field(description="When it ends as `refused` without an approval.")


class JobActionAnswer(Answer):
    """Who did what to a bulk cancellation as a whole, and when."""

    action: JobAction
    by: str = Field(description="As the audit names them; `service`: nobody did, in time.")
    caller: str = Field(description="That caller's alone: `key:` and a prefix, or `person:` …")
    at: UtcInstant
    note: str | None


def approval_fields(asked: AskedApproval | None, actions: Sequence[ActionOfJob]) -> dict[str, Any]:
    """What a bulk cancellation asks an approval for, and what was done to it, as members."""
    return {
        "needs_approval": [] if asked is None else exceeded_fields(asked.exceeded),
        "approval": asked
        and {
            "plan_digest": asked.plan_digest,
            "hold_seconds": asked.hold_seconds,
            "expires_at": asked.expires_at,
        },
        "actions": [
            {
                "action": one.action,
                "by": one.actor,
                "caller": one.actor_id,
                "at": one.acted_at,
                "note": one.note,
            }
            for one in actions
        ],
    }


def exceeded_fields(above: Sequence[Exceeded]) -> list[dict[str, Any]]:
    """Exceeded limits as every answer has them."""
    return [one.document() for one in above]
