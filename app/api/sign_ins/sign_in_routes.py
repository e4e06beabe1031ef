"""Ending the sign-ins of a person: in a business, or in all of them."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import ConfigDict, Field

from app.api.authorise import caller, platform_caller
from app.api.bodies import Answer, Body, UtcInstant
from app.api.dependencies import Service
from app.auth import sign_ins
from app.auth.callers import Caller, PlatformCaller
from app.auth.roles import Scope
from app.domain.fields import text

router = APIRouter(prefix="/sign-ins", tags=["access"])
of_platform = APIRouter(prefix="/platform/sign-ins", tags=["platform"])


class EndSignIns(Body):
    """Whose sign-ins end."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"subject": "ada"}]})

    subject: Annotated[str, text(200, at_least=1)] = Field(
        description="Their `sub` at the identity provider, as the administration has it."
    )


class EndedSignIns(Answer):
    """Until when."""

    subject: str
    ended_at: UtcInstant = Field(
        description="Tokens that were issued at this time or before are refused."
    )


@router.post("/end", summary="End a person's sign-ins")
async def end_sign_ins(
    body: EndSignIns, who: Annotated[Caller, caller(Scope.BUSINESS_MANAGE)], service: Service
) -> EndedSignIns:
    """In this business: what the person has open here ends within 30 s.

    They may sign in anew a minute later, unless the identity provider knows them no more.
    """
    ended_at = await sign_ins.end_of_person(service.db, who, body.subject)
    return EndedSignIns(subject=body.subject, ended_at=ended_at)


@of_platform.post("/end", summary="End a person's sign-ins everywhere")
async def end_sign_ins_everywhere(
    body: EndSignIns, who: Annotated[PlatformCaller, platform_caller()], service: Service
) -> EndedSignIns:
    """In every business, and above them: what the person has open ends within 30 s.

    They may sign in anew a minute later, unless the identity provider knows them no more.
    """
    ended_at = await sign_ins.end_of_person(service.db, who, body.subject)
    return EndedSignIns(subject=body.subject, ended_at=ended_at)
