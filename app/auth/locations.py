"""Callers who are limited to some of their business's locations.

It is closed by default: an operation that doesn't say how it keeps to locations is refused to them
(`app.api.authorise`). A session is theirs by its location, and one without any is not; a job is
theirs if all its sessions are, by the locations that they had when it was accepted.
"""

from collections.abc import Iterable
from typing import Final

import orjson

from app.auth.roles import Scope, granted
from app.domain.nouns.keys import Locations

MAX_LOCATIONS: Final = 50
# What a limited caller may be given: the rest is of the whole business.
BY_LOCATION: Final = frozenset(
    {
        Scope.SCHEDULE_READ,
        Scope.CANCELLATIONS_READ,
        Scope.CANCELLATIONS_WRITE,
        Scope.CANCELLATIONS_APPROVE,
        Scope.AUDIT_READ,
    }
)


def locations_text(locations: Iterable[str] | None) -> str | None:
    """As a key's row has them."""
    return None if locations is None else orjson.dumps(sorted(set(locations))).decode()


def locations_of(text: str | None) -> Locations:
    """What a key's row says."""
    return None if text is None else frozenset(orjson.loads(text))


def granted_within(role: str | None, scopes: str, locations: Locations) -> frozenset[Scope]:
    """What is `granted`, or of it what is left to a caller with such a limit.

    A role may have got a scope later that is of the whole business.
    """
    given = granted(role, scopes)
    return given if locations is None else given & BY_LOCATION


def not_by_location(role: str | None, scopes: Iterable[Scope]) -> list[Scope]:
    """What of this a key that is limited to locations can't be given."""
    return sorted(granted(role, " ".join(scopes)) - BY_LOCATION)
