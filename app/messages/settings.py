"""What a business says of its messages: read and set."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from app.db.access import administration
from app.db.core.engine import Database
from app.db.messages import hashed_addresses, of_businesses
from app.domain.messages.settings import MessageTerms, Sender
from app.domain.nouns.administration import Action, Actor, Facts, change_of
from app.domain.nouns.messages import SuppressedAddress
from app.encryption import SecretBox
from app.errors import NotFound


class BusinessMessages(NamedTuple):
    """Whom a business has told by default, and in whose name."""

    terms: MessageTerms
    sender: Sender


async def of_business(db: Database, business_id: str) -> BusinessMessages:
    """The business's settings; where it has set none, nobody is told."""
    async with db.read() as conn:
        return _of(await of_businesses.settings(conn, business_id))


def _of(document: Mapping[str, Any] | None) -> BusinessMessages:
    return BusinessMessages(MessageTerms.of(document or {}), Sender.of(document or {}))


async def put(
    db: Database, business_id: str, new: BusinessMessages, *, by: Actor
) -> BusinessMessages:
    """Set all of them, from now on; jobs that were accepted keep whom and when they tell."""
    document = new.terms.document() | new.sender.document()
    async with db.write() as conn:
        before = await of_businesses.settings(conn, business_id)
        await of_businesses.set_settings(conn, business_id, document, set_by=by.name)
        facts = _facts(before or {}), _facts(document)
        deed = change_of(Action.MESSAGES_SET, business_id, business_id, *facts)
        await administration.record(conn, by, deed)
    return new


def _facts(document: Mapping[str, Any]) -> Facts:
    """Of staff only how many there are: an address is nobody's business here."""
    kept = {name: document.get(name) for name in ("clients", "when")}
    return kept | {"staff": len(document.get("staff", ()))}


async def suppressed(
    db: Database, business_id: str, *, after: str | None, limit: int
) -> list[SuppressedAddress]:
    """Addresses that nothing is sent to, in their order."""
    async with db.read() as conn:
        return await of_businesses.suppressed(conn, business_id, after=after, limit=limit)


async def let_in(
    db: Database, business_id: str, address: str, secret_box: SecretBox | None
) -> None:
    """Send to an address again that has taken nothing before.

    Raises:
        NotFound: it was not left alone.
        Problem: whether it was can't be told: see `hashed_addresses.hide`.
    """
    async with db.write() as conn:
        was_left_alone = await of_businesses.let_in(
            conn, business_id, address
        ) or await hashed_addresses.let_in(conn, business_id, address, secret_box)
        if not was_left_alone:
            raise NotFound("suppressed address")
