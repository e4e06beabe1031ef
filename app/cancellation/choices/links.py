"""The token of a client's link, signed: its holder may choose, no more.

No table keeps tokens. Each has a code of a key that is derived for this alone from the service's
own, so that none can be guessed or made from another.
"""

import uuid
from typing import Final, NamedTuple

from app.cancellation.of_job import of_job
from app.db.core.engine import Database
from app.db.messages import own_lines
from app.encryption import SecretBox
from app.errors import NotFound

_PURPOSE: Final = "choice-link"
_JOB_BYTES: Final = 16


class WhoseChoice(NamedTuple):
    """A client of a job, whose choice a token is for."""

    job_id: str
    client_id: str


def token_of(secret_box: SecretBox, job_id: str, client_id: str) -> str:
    """The token for this client and job: the same each time, under the same key."""
    return secret_box.signed(_PURPOSE, uuid.UUID(job_id).bytes + client_id.encode())


def read(secret_box: SecretBox, token: str) -> WhoseChoice | None:
    """Whose choice it is; None: no key of ours has made this token."""
    data = secret_box.data_of(_PURPOSE, token)
    if data is None:
        return None
    return WhoseChoice(str(uuid.UUID(bytes=data[:_JOB_BYTES])), data[_JOB_BYTES:].decode())


async def require_in_force(db: Database, whose: WhoseChoice, *, what: str) -> None:
    """Make sure that a link still leads somewhere.

    Raises:
        NotFound: its client was erased, and with them `what` it led to.
    """
    async with of_job(db, whose.job_id), db.read() as conn:
        if await own_lines.is_erased(conn, *whose):
            raise NotFound(what)
