"""Ends the sign-ins of persons before their tokens end.

The identity provider says so by its back channel, or who manages a business, or an operator. A
token that was issued until then is refused within `BELIEVED_SECONDS` in every process, and here at
once; a stream that it opened ends within 30 s, as with keys.
"""

import datetime as dt
from typing import Final

import structlog

from app.auth.belief import doubt
from app.auth.callers import AnyCaller, Caller, CallerKind
from app.auth.tokens import LEEWAY_SECONDS, MAX_AGE_SECONDS
from app.db.access import administration, ended_sign_ins
from app.db.core.dialect import clock
from app.db.core.engine import Database
from app.domain.nouns.administration import Action, Deed
from app.domain.nouns.sign_ins import EndedSignIn

log = structlog.get_logger()

PURGE_EVERY_SECONDS: Final = 3600.0
# No token is taken for longer than that, whatever the clocks of processes say.
_KEPT_SECONDS: Final = MAX_AGE_SECONDS + 3600.0


async def end(db: Database, ended: EndedSignIn) -> None:
    """End what the identity provider says has ended; said again it changes nothing."""
    async with db.write(across=True) as conn:
        await ended_sign_ins.add(conn, ended)
    _doubt(db, ended)
    log.info("sign_ins.ended", by="issuer")


async def end_of_person(db: Database, who: AnyCaller, subject: str) -> dt.datetime:
    """End a person's, in the caller's business, or in every one where the caller is above them.

    It ends what the issuer has issued until now by any clock that is taken, so for a minute they
    can't sign in anew; until when is returned.
    """
    business_id = who.business_id if isinstance(who, Caller) else None
    async with db.write(across=business_id is None) as conn:
        ended_at = await clock(conn) + dt.timedelta(seconds=LEEWAY_SECONDS)
        ended = EndedSignIn(subject, None, business_id, ended_at)
        await ended_sign_ins.add(conn, ended)
        deed = Deed(Action.SIGN_INS_ENDED, business_id, subject)
        await administration.record(conn, who.actor, deed)
    _doubt(db, ended)
    log.info("sign_ins.ended", by=who.logged_as)
    return ended_at


async def purge(db: Database) -> None:
    """Forget the ends that no token in force can be of."""
    async with db.write(across=True) as conn:
        await ended_sign_ins.purge(conn, older_than_seconds=_KEPT_SECONDS)


def _doubt(db: Database, ended: EndedSignIn) -> None:
    """Ask anew about whom it may be of: a session may be anybody's."""

    def is_doubted(one: AnyCaller) -> bool:
        return one.kind is CallerKind.PERSON and ended.subject in {None, one.id}

    doubt(db, is_doubted)
