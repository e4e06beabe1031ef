"""Sign-ins at the identity provider: what a token shows of one, and those that have ended."""

import datetime as dt
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ShownSignIn:
    """What an access token shows; `business_id` of None stands above businesses."""

    subject: str
    sid: str | None
    business_id: str | None
    issued_at: dt.datetime


@dataclass(frozen=True, slots=True)
class EndedSignIn:
    """Whose tokens are refused that were issued at `ended_at` or before.

    Attributes:
        subject: None: whoever's the session is.
        sid: the issuer's; None: all of the subject's.
        business_id: in which business; None: wherever they may be.
    """

    subject: str | None
    sid: str | None
    business_id: str | None
    ended_at: dt.datetime
