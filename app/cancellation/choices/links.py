"""The token of a client's link, signed: its holder may choose, no more.

No table keeps tokens. Each has a code of a key that is derived for this alone from the service's
own, so that none can be guessed or made from another.
"""

import base64
import binascii
import hmac
import uuid
from typing import Final, NamedTuple

from app.encryption import SecretBox

_PURPOSE: Final = "choice-link"
_JOB_BYTES: Final = 16
_MOST: Final = 400  # characters


class WhoseChoice(NamedTuple):
    """A client of a job, whose choice a token is for."""

    job_id: str
    client_id: str


def token_of(secret_box: SecretBox, job_id: str, client_id: str) -> str:
    """The token for this client and job: the same each time, under the same key."""
    whose = _encoded(uuid.UUID(job_id).bytes + client_id.encode())
    return f"{whose}.{_encoded(secret_box.macs(_PURPOSE, whose)[0])}"


def read(secret_box: SecretBox, token: str) -> WhoseChoice | None:
    """Whose choice it is; None: no key of ours has made this token."""
    whose, _, code = token.partition(".")
    if len(token) > _MOST or not token.isascii():
        return None
    known = [
        hmac.compare_digest(_encoded(mac).encode(), code.encode())
        for mac in secret_box.macs(_PURPOSE, whose)
    ]
    if not any(known):
        return None
    try:
        decoded = base64.urlsafe_b64decode(whose + "=" * (-len(whose) % 4))
        job_id = str(uuid.UUID(bytes=decoded[:_JOB_BYTES]))
        return WhoseChoice(job_id, decoded[_JOB_BYTES:].decode())
    except (ValueError, binascii.Error):
        return None


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
