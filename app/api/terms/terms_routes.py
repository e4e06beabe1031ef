"""A business's terms over HTTP: read, set, and all versions that there were."""

from typing import Annotated

from fastapi import APIRouter, Query

from app.api.authorise import caller
from app.api.bodies import Limit, Page, decode_cursor, encode_cursor
from app.api.dependencies import Service
from app.api.terms.terms_bodies import SetTerms, TermsBody, TermsDocument
from app.auth.callers import Caller
from app.auth.roles import Scope
from app.cancellation.owed import terms
from app.domain.owed.terms_document import DEFAULTS

router = APIRouter(prefix="/terms", tags=["terms"])


@router.get("", summary="What is returned when sessions are cancelled")
async def get_terms(who: Annotated[Caller, caller()], service: Service) -> TermsDocument:
    """Any key may ask. A business that has set none returns everything whole."""
    own = await terms.in_force(service.db, who.business_id)
    return TermsDocument.model_validate(DEFAULTS if own is None else own.document)


@router.put("", summary="Set what is returned from now on")
async def put_terms(
    body: TermsBody, who: Annotated[Caller, caller(Scope.TERMS_WRITE)], service: Service
) -> TermsDocument:
    """Replaces the whole: members that are left out are as by default.

    Cancellations that were accepted keep the terms of their acceptance.
    """
    new = await terms.put(service.db, who.business_id, body.document(), set_by=who.name)
    return TermsDocument.model_validate(new.document)


@router.get("/history", summary="Every version of the terms, the newest first")
async def list_terms(
    who: Annotated[Caller, caller()],
    service: Service,
    limit: Annotated[Limit, Query()] = 50,
    cursor: Annotated[str | None, Query()] = None,
) -> Page[SetTerms]:
    """Who set what, and when; jobs name the version that they began from."""
    after = decode_cursor(cursor, int)
    versions = await terms.history(
        service.db, who.business_id, before=after[0] if after else None, limit=limit + 1
    )
    shown = [SetTerms.of(one) for one in versions[:limit]]
    more = len(versions) > limit
    return Page(data=shown, next_cursor=encode_cursor(shown[-1].version) if more else None)
