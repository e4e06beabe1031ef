"""A plan's messages over HTTP: whom it would tell, how one reads, and one sent to the business."""

from typing import Annotated

from fastapi import APIRouter, Request

from app.api.authorise import caller
from app.api.dependencies import Service
from app.api.layers.governor import Governor
from app.api.messages.plan_bodies import (
    PlanMessage,
    PlanMessageRequest,
    TestMail,
    TestMailRequest,
)
from app.api.openapi import problems
from app.auth.callers import Caller
from app.auth.roles import Scope
from app.messages import preview, trial

router = APIRouter(prefix="/bulk-cancellations/plan/message", tags=["messages"])
Reader = Annotated[Caller, caller(Scope.CANCELLATIONS_READ, Scope.AUDIT_READ, by_location=True)]
Writer = Annotated[Caller, caller(Scope.CANCELLATIONS_WRITE, Scope.AUDIT_READ)]


@router.post(
    "",
    summary="Whom a plan would tell, and what",
    responses=problems("business-time-zone-unknown"),
)
async def preview_plan_message(
    body: PlanMessageRequest, who: Reader, service: Service
) -> PlanMessage:
    """What a client would get as a cancellation with this body is accepted, with its figures.

    Nothing in it is called returned, for nothing is yet. What came back is told once it has.
    """
    plan = await preview.preview_plan(
        service.db,
        service.settings,
        who.business_id,
        who.timezone,
        body.to_request(who.locations),
        client_id=body.client_id,
        language=body.language,
    )
    return PlanMessage.of(plan)


@router.post(
    "/send",
    summary="Send a plan's message to the business itself",
    responses=problems(
        "business-time-zone-unknown",
        "mail-not-configured",
        "mail-refused",
        "mail-unavailable",
        "too-many-requests",
    ),
)
async def send_plan_message(
    body: TestMailRequest, who: Writer, service: Service, request: Request
) -> TestMail:
    """At once, to an address of the message settings; its subject says that it is a test.

    A business may send itself six a minute. No client is told of anything.
    """
    governor: Governor = request.app.state.governor
    await governor.admit_test_mail(who)
    to = await trial.send_test(
        service.db,
        service.settings,
        who.business_id,
        who.timezone,
        body.to_request(who.locations),
        client_id=body.client_id,
        language=body.language,
        to=body.to,
    )
    return TestMail(to=to)
