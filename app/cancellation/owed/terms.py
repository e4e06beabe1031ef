"""The terms that a request is settled by, and a business's own: read, set, listed."""

from collections.abc import Mapping
from typing import Any

from app.db.core.dialect import clock
from app.db.core.engine import Database
from app.db.terms import terms_history
from app.domain.nouns.terms import ResolvedTerms
from app.domain.nouns.versions import SetVersion
from app.domain.owed.terms import asks
from app.domain.owed.terms_document import Document, in_force_for, terms_of
from app.errors import FieldError, Invalid


def resolve(
    own: SetVersion | None, *, named: Mapping[str, Any] | None, overridden: bool
) -> ResolvedTerms | None:
    """The business's own terms, with the members that a request names replaced.

    None where nobody has said anything: then the policy alone decides.

    Raises:
        Invalid: what the request names and what the business has can't be together.
    """
    if own is None and named is None and not overridden:
        return None
    document = in_force_for(None if own is None else own.document, named or {})
    member = "choice/default" if named and "choice" in named else "payments/return_as"
    _check_default(document, f"/terms/{member}")
    return ResolvedTerms(document, None if own is None else own.version)


async def in_force(db: Database, business_id: str) -> SetVersion | None:
    """The business's own terms; None: it has set none."""
    async with db.read() as conn:
        return await terms_history.versions.in_force(conn, business_id)


async def put(
    db: Database, business_id: str, document: Mapping[str, Any], *, set_by: str
) -> SetVersion:
    """Set the business's terms from now on; jobs that were accepted keep theirs.

    The same document again makes no new version.

    Raises:
        Invalid: what clients get who don't choose is not what the terms return.
    """
    _check_default(document, "/choice/default")
    async with db.write() as conn:
        await terms_history.lock(conn, business_id)
        own = await terms_history.versions.in_force(conn, business_id)
        if own is not None and in_force_for(own.document, {}) == document:
            return own
        version = 1 if own is None else own.version + 1
        set_at = await clock(conn)
        new = SetVersion(version, document, set_by, set_at)
        await terms_history.versions.add(conn, business_id, new)
        return new


async def history(
    db: Database, business_id: str, *, before: int | None, limit: int
) -> list[SetVersion]:
    """The versions of the business's terms, the newest first."""
    async with db.read() as conn:
        return await terms_history.versions.page(conn, business_id, before=before, limit=limit)


def _check_default(document: Document, pointer: str) -> None:
    """Make sure that who does nothing gets what the terms return."""
    terms = terms_of(document)
    if terms.choice is None or asks(terms):
        return
    detail = (
        "The default of the choice must be the form in which payments come back: `store_credit` "
        "where `payments.return_as` is that, else `original`."
    )
    raise Invalid([FieldError(pointer, "other-default", detail)])
