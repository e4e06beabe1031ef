"""What of a job has not come back yet, over HTTP: whom to call about what, and people counted."""

from enum import StrEnum
from typing import Annotated, Self

from fastapi import APIRouter, Query
from pydantic import Field

from app.api.authorise import caller
from app.api.bodies import Answer, Limit, Page, decode_uuid_cursor, encode_cursor
from app.api.cancellations.cancellation_bodies import RefundAnswer, refund_fields
from app.api.cancellations.refund_bodies import ClientOfRefund, SessionOfRefund, session_of
from app.api.dependencies import Service
from app.auth.callers import Caller
from app.auth.roles import Scope
from app.cancellation import outstanding
from app.domain.fields import Uuid

router = APIRouter()

Reader = Annotated[Caller, caller(Scope.CANCELLATIONS_READ)]


class WaitsFor(StrEnum):
    """Who goes on with a refund."""

    PERSON = "person"
    SERVICE = "service"


class PeopleOfJob(Answer):
    """A job's clients by how they stand, each counted where the worst of theirs is."""

    clients: int
    returned: int = Field(description="All that was to come back to them has.")
    under_way: int
    need_a_person: int = Field(description="No machine goes on with something of theirs.")
    nothing_to_return: int = Field(description="Nothing was to come back, or it was waived.")


class OutstandingRefund(RefundAnswer):
    """A refund that is not settled, with its session and whom it concerns."""

    session: SessionOfRefund
    client: ClientOfRefund

    @classmethod
    def of(cls, one: outstanding.Outstanding, business_timezone: str, *, with_names: bool) -> Self:
        """The refund as the API shows it; `with_names`: to a caller who may read them."""
        client = one.client if with_names else None
        return cls(
            **refund_fields(one.refund),
            session=session_of(one.session, business_timezone),
            client=ClientOfRefund(
                id=one.refund.client_id,
                name=client and client.name,
                email=client and client.email,
            ),
        )


@router.get("/{job_id}/people", summary="How its clients stand, counted")
async def count_bulk_cancellation_people(
    job_id: Uuid, who: Reader, service: Service
) -> PeopleOfJob:
    """Each client once: who has something open and something returned is not done yet."""
    found = await outstanding.people(service.db, who.business_id, job_id)
    return PeopleOfJob(
        clients=found.clients,
        returned=found.returned,
        under_way=found.under_way,
        need_a_person=found.need_a_person,
        nothing_to_return=found.nothing,
    )


@router.get("/{job_id}/outstanding", summary="Refunds that are not settled, and whose they are")
async def list_bulk_cancellation_outstanding(
    job_id: Uuid,
    who: Reader,
    service: Service,
    waits_for: Annotated[
        WaitsFor,
        Query(description="`person`: no machine goes on with it. `service`: one does, by itself."),
    ] = WaitsFor.PERSON,
    limit: Annotated[Limit, Query()] = 50,
    cursor: Annotated[str | None, Query()] = None,
) -> Page[OutstandingRefund]:
    """In session order. Names and e-mail addresses are there for a key with `audit:read`."""
    found = await outstanding.refunds(
        service.db,
        who.business_id,
        job_id,
        is_a_persons=waits_for is WaitsFor.PERSON,
        after_id=decode_uuid_cursor(cursor),
        limit=limit + 1,
    )
    with_names = Scope.AUDIT_READ in who.scopes
    shown = [
        OutstandingRefund.of(one, who.timezone, with_names=with_names) for one in found[:limit]
    ]
    more = len(found) > limit
    return Page(data=shown, next_cursor=encode_cursor(shown[-1].id) if more else None)
