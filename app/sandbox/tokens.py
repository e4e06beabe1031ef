"""Who calls a service: the platform, or a business with its own token.

A business's token speaks for that business alone. Where a business has one, the platform's does not
speak for it: a call with the wrong one of them finds nothing.
"""

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

PLATFORM: Final = "the platform"  # with a space: no id of a business
NOBODY: Final = "nobody known"


@dataclass(frozen=True, slots=True)
class Tokens:
    """The platform's token, and those of businesses by their id.

    With None for the platform's, whoever sends none of the others is the platform.
    """

    platform: str | None = None
    of_businesses: Mapping[str, str] = field(default_factory=dict)

    def caller(self, authorizations: Sequence[bytes]) -> str:
        """Who sends these Authorization headers: `PLATFORM`, a business, or `NOBODY`.

        Who sends two of them is nobody known, too.
        """
        if len(authorizations) > 1:
            return NOBODY
        sent = b"".join(authorizations)
        for business, token in self.of_businesses.items():
            if _is(sent, token):
                return business
        return PLATFORM if self.platform is None or _is(sent, self.platform) else NOBODY

    def speaks_for(self, caller: str, business: str | None) -> bool:
        """Whether the caller may ask for what is of this business.

        None: it is not known whose it is.
        """
        return caller == PLATFORM if business not in self.of_businesses else caller == business


def _is(sent: bytes, token: str) -> bool:
    return hmac.compare_digest(sent, f"Bearer {token}".encode())
