"""Approving and refusing bulk cancellations over HTTP, by somebody else than who asks."""

from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import Field

from app.api.authorise import caller
from app.api.bodies import Answer, Body
from app.api.cancellations import cancellation_bodies as bodies
from app.api.dependencies import Service, State
from app.api.openapi import problems
from app.aside import aside
from app.auth.callers import Caller
from app.auth.roles import Scope
from app.cancellation import approve, awaiting, read
from app.cancellation.digests import MAX_DIGEST
from app.domain.fields import Uuid, prose, text

of_jobs = APIRouter()

Approver = Annotated[Caller, caller(Scope.CANCELLATIONS_APPROVE)]
_MAX_NOTE = 500


class Approval(Body):
    """Which plan is approved."""

    plan_digest: Annotated[str, text(MAX_DIGEST)] = Field(
        description="The `digest` of `…/plan`: what is approved is what is done, or it is refused."
    )
    note: Annotated[str, *prose(_MAX_NOTE)] | None = None


class Refusal(Body):
    """Why it is refused."""

    note: Annotated[str, *prose(_MAX_NOTE)] = Field(description="Kept with it, for who asked.")


class ChangeSinceAsked(Answer):
    """A session that is otherwise than as the approval was asked for."""

    change: str = Field(description="`moved`, `changed`, `came` or `went`.")
    session_id: str | None = Field(description="Null where days are told, of many sessions.")
    day: str | None
    members: list[str]


class PlanToApprove(bodies.Plan):
    """What an approval would do now."""

    changes: list[ChangeSinceAsked] = Field(
        description="What is otherwise than as it was asked for."
    )


@of_jobs.get(
    "/{job_id}/plan",
    summary="What approving it would do now",
    response_model=PlanToApprove,
    responses=problems("not-awaiting-approval", "business-time-zone-unknown"),
)
async def get_plan_to_approve(
    job_id: Uuid, who: Annotated[Caller, caller(Scope.CANCELLATIONS_READ)], service: Service
) -> Response:
    """The plan of a job that awaits an approval, under the terms that it was asked under.

    Its sessions take bookings meanwhile, so it may differ from what was asked for: `changes` says
    how. Sessions that are gone, or were moved out of its days, are not in it any more.
    """
    would = await awaiting.plan_of_job(service.db, who.business_id, who.timezone, job_id)
    content = await aside(len(would.plan.sessions), _plan_body, would, who.timezone)
    return Response(content, media_type="application/json")


def _plan_body(would: awaiting.PlanOfJob, timezone: str) -> str:
    changes = [
        {
            "change": one.change,
            "session_id": one.session_id,
            "day": one.day,
            "members": [*one.members],
        }
        for one in would.changes
    ]
    return PlanToApprove.of(would.plan, timezone, changes=changes).model_dump_json()


@of_jobs.post(
    "/{job_id}/approve",
    summary="Approve what somebody else asks for",
    responses=problems(
        "own-request",
        "not-awaiting-approval",
        "plan-changed",
        "sessions-already-in-process",
        "business-time-zone-unknown",
    ),
)
async def approve_bulk_cancellation(
    job_id: Uuid, body: Approval, who: Approver, service: Service
) -> bodies.JobDetail:
    """From the answer on its sessions read `cancelled`; if it was to be held, that begins now.

    It does the plan whose digest is sent: if sessions or bookings have changed since, it is refused
    (409 `plan-changed` says how), and the plan of now is to be looked at first. The same approval
    again changes nothing. Nobody approves their own: neither by the same key, nor as the same
    person, nor by a key that one of the two has made or rotated for the other (403 `own-request`).
    """
    await approve.approve(
        service.db,
        service.queue,
        who.business_id,
        who.timezone,
        job_id,
        plan_digest=body.plan_digest,
        note=body.note,
        actor=who.actor,
    )
    return await _detail(service, who, job_id)


@of_jobs.post(
    "/{job_id}/refuse",
    summary="Refuse what somebody asks for",
    responses=problems("not-awaiting-approval"),
)
async def refuse_bulk_cancellation(
    job_id: Uuid, body: Refusal, who: Approver, service: Service
) -> bodies.JobDetail:
    """It ends as `refused`: its sessions stay as they are, and may be chosen again."""
    await approve.refuse(service.db, who.business_id, job_id, note=body.note, actor=who.actor)
    return await _detail(service, who, job_id)


async def _detail(service: State, who: Caller, job_id: str) -> bodies.JobDetail:
    view = await read.one(service.db, who.business_id, job_id)
    return bodies.JobDetail(**bodies.detail_fields(view))
