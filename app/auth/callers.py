"""Who is calling, whatever they showed to prove it."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Self, TypeAlias

from app.auth.roles import PlatformScope, Scope
from app.domain.nouns.administration import Actor, ActorKind
from app.domain.nouns.keys import Locations


class CallerKind(StrEnum):
    """What a caller is: a program with a key, of a business or not, or a person who signed in."""

    KEY = "key"
    PLATFORM_KEY = "platform_key"
    PERSON = "person"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What is known of every caller.

    Attributes:
        id: a key's prefix, a person's `sub`; with the kind it is one caller's alone.
        label: what its holder is called.
        name: as the audit prints it, such as `key:front desk`; at most 255 characters.
        ends_at: when they must show something new, in Unix time; None where no end is known.
        address: where the request that is answered came from; None of a caller who is remembered.
        request_id: under which it is logged.
    """

    kind: CallerKind
    id: str
    label: str
    name: str
    ends_at: float | None = None
    address: str | None = None
    request_id: str | None = None

    def asking(self, address: str, request_id: str | None) -> Self:
        """Who makes this request."""
        return replace(self, address=address, request_id=request_id)

    @property
    def actor(self) -> Actor:
        """As what they do is written down."""
        return Actor(ActorKind(self.kind), self.id, self.name, self.address, self.request_id)

    @property
    def counted_as(self) -> str:
        """Whose requests and streams are counted together."""
        return f"{self.kind}:{self.id}"

    @property
    def logged_as(self) -> str:
        """Which key it is, by its prefix; of a person no more than that it is one."""
        return self.kind if self.kind is CallerKind.PERSON else self.counted_as


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller(_Known):
    """A caller of a business, with what of it nearly every step needs.

    Attributes:
        locations: which of its locations they are limited to; None: to none.
    """

    business_id: str
    scopes: frozenset[Scope]
    timezone: str
    currency: str
    locations: Locations = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformCaller(_Known):
    """Who looks after businesses.

    It has no business: what is in one can't be asked for with it.
    """

    scopes: frozenset[PlatformScope] = frozenset(PlatformScope)


AnyCaller: TypeAlias = Caller | PlatformCaller
