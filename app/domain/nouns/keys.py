"""API keys as values: what may be shown of one, of a business or of the platform."""

import datetime as dt
from dataclasses import dataclass
from typing import TypeAlias

# Which locations of their business a caller is limited to. None: to none, so that they have all of
# it, and sessions without a location too.
Locations: TypeAlias = frozenset[str] | None


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A key of a business; its secret and the hash of it are nowhere in here.

    Attributes:
        role: whose scopes it has; None: its own `scopes`.
        scopes: space-separated; those of a role are the build's word, and not in here.
        locations: a JSON list of those that it is limited to; None: to none.
        is_expired: by the database's clock when it was read.
        last_used_at: within a few minutes; None: never, or not lately enough to have been written.
        previous_secret_until: when the last of the secrets before the current one ends.
    """

    id: str
    business_id: str
    prefix: str
    name: str
    role: str | None
    scopes: str
    locations: str | None
    created_at: dt.datetime
    expires_at: dt.datetime | None
    is_expired: bool
    last_used_at: dt.datetime | None
    revoked_at: dt.datetime | None
    previous_secret_until: dt.datetime | None


@dataclass(frozen=True, slots=True)
class PlatformKeyRow:
    """A key that stands above businesses; `is_expired` is by the database's clock."""

    id: str
    prefix: str
    name: str
    created_at: dt.datetime
    expires_at: dt.datetime | None
    is_expired: bool
    revoked_at: dt.datetime | None
