"""A business's own words: read, checked on samples, set, and given up again."""

from app.db.access import administration
from app.db.core.engine import Database
from app.db.messages import of_businesses
from app.domain.messages.settings import Language
from app.domain.nouns.administration import Action, Actor, Deed
from app.domain.nouns.messages import OwnWords
from app.errors import Invalid, NotFound
from app.messages.compose.templates.fill import Template
from app.messages.compose.templates.validate import validate


async def of_business(db: Database, business_id: str) -> list[OwnWords]:
    """The business's own words, by language."""
    async with db.read() as conn:
        return await of_businesses.templates(conn, business_id)


async def put(db: Database, business_id: str, new: OwnWords, *, by: Actor) -> OwnWords:
    """Set the words for one language, from the next message on.

    Raises:
        Invalid: they fail on a sample, or leave out what a client must hear.
    """
    if faults := validate(Template(new.subject, new.body), new.language):
        raise Invalid(faults)
    async with db.write() as conn:
        await of_businesses.set_template(conn, business_id, new, set_by=by.name)
        await administration.record(conn, by, Deed(Action.WORDS_SET, business_id, new.language))
    return new


async def delete(db: Database, business_id: str, language: Language, *, by: Actor) -> None:
    """Go back to the service's words in a language.

    Raises:
        NotFound: they are in force.
    """
    async with db.write() as conn:
        if not await of_businesses.delete_template(conn, business_id, language):
            raise NotFound("message template")
        await administration.record(conn, by, Deed(Action.WORDS_DELETED, business_id, language))
