"""What a caller may do: scopes, and the roles that are named sets of them.

A role is read where a caller is known, so what it may do is the running build's word, not a row's.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Scope(StrEnum):
    """What a caller may do."""

    SCHEDULE_READ = "schedule:read"
    SCHEDULE_WRITE = "schedule:write"
    CANCELLATIONS_READ = "cancellations:read"
    CANCELLATIONS_WRITE = "cancellations:write"
    CANCELLATIONS_APPROVE = "cancellations:approve"
    AUDIT_READ = "audit:read"  # names and e-mail addresses of clients
    TERMS_WRITE = "terms:write"
    WEBHOOKS_MANAGE = "webhooks:manage"
    BUSINESS_MANAGE = "business:manage"


class PlatformScope(StrEnum):
    """What stands above businesses: no role of one has it, and no key of one is given it."""

    PLATFORM_ADMIN = "platform:admin"


class Role(StrEnum):
    """Who does what in a business, as a set of scopes with a name."""

    OWNER = "owner"
    MANAGER = "manager"
    FRONT_DESK = "front_desk"
    FINANCE = "finance"
    READ_ONLY = "read_only"


_READS: Final = frozenset({Scope.SCHEDULE_READ, Scope.CANCELLATIONS_READ})
_FRONT_DESK: Final = _READS | {Scope.CANCELLATIONS_WRITE, Scope.AUDIT_READ}
SCOPES_OF_ROLES: Final[Mapping[Role, frozenset[Scope]]] = MappingProxyType(
    {
        Role.OWNER: frozenset(Scope),
        Role.MANAGER: _FRONT_DESK
        | {Scope.SCHEDULE_WRITE, Scope.TERMS_WRITE, Scope.CANCELLATIONS_APPROVE},
        Role.FRONT_DESK: _FRONT_DESK,
        Role.FINANCE: _READS | {Scope.AUDIT_READ, Scope.TERMS_WRITE, Scope.CANCELLATIONS_APPROVE},
        Role.READ_ONLY: _READS,
    }
)


def granted(role: str | None, scopes: str) -> frozenset[Scope]:
    """What a role gives, or without one these space-separated scopes.

    Words of a newer build give nothing here.
    """
    if role is not None:
        return SCOPES_OF_ROLES[Role(role)] if role in set(Role) else frozenset()
    known = set(Scope)
    return frozenset(Scope(word) for word in scopes.split() if word in known)
