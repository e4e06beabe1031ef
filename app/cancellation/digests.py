"""A plan's digest: an opaque word that tells what is no longer as planned.

It covers every chosen session (unbooked ones too), every line, and how attended bookings are
treated. Beside the hash of it all it carries the totals, and short prints by which a refusal can
name the sessions, or days where they are many.
"""

import base64
import binascii
import hashlib
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import orjson

MAX_DIGEST: Final = 40_000  # characters
_MAX_SESSIONS: Final = 300  # that are told one by one
_MAX_PACKED: Final = 24_000
_MAX_UNPACKED: Final = 200_000
# Characters of base64: a change goes unnamed once in 16 million, and never unnoticed.
_PRINT: Final = 4
_TERMS: Final = 3  # the part that tells the terms
MEMBERS: Final = ("times", "name", "place", "outcome", "bookings")
_MOVED: Final = {"times", "place"}


class Seen(NamedTuple):
    """What a plan saw of one session.

    Its id, its day, and each of `MEMBERS` as values that can be compared.
    """

    session_id: str
    day: str
    members: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class PlanChange:
    """How a session (or, of many, a day) differs from the plan.

    `change` is `moved`, `changed`, `came` or `went`.
    """

    change: str
    session_id: str | None
    day: str | None
    members: tuple[str, ...]


def make(
    seen: Sequence[Seen], totals: Mapping[str, Any], *, include_attended: bool, terms: Any = None
) -> str:
    """The digest of what a plan saw, its sessions in their order.

    `terms`: what it was made under, overrides included; None: without any.
    """
    whole = hashlib.sha256(orjson.dumps(include_attended))
    under = [] if terms is None else [_terms_print(terms)]
    whole.update("".join(under).encode())
    for one in seen:
        whole.update(orjson.dumps([*one]))
    prints = {one.session_id: "".join(_print(member) for member in one.members) for one in seen}
    packed = _pack({"sessions": prints}) if len(seen) <= _MAX_SESSIONS else ""
    if not packed or len(packed) > _MAX_PACKED:
        packed = _pack({"days": _by_day(seen)})
    return ".".join((whole.hexdigest(), _pack(totals), packed, *under))


def terms_differ(planned: str, now: str) -> bool:
    """Whether two digests were made under other terms or overrides."""
    return planned.split(".")[_TERMS:] != now.split(".")[_TERMS:]


def _terms_print(terms: Any) -> str:
    text = orjson.dumps(terms, option=orjson.OPT_SORT_KEYS)
    return base64.urlsafe_b64encode(hashlib.sha256(text).digest()).rstrip(b"=").decode()


def totals_in(digest: str) -> Any:
    """The totals of the plan that gave this digest.

    None when no plan of ours gave it.
    """
    return _unpack(digest, 1)


def changes(planned: str, now: str) -> list[PlanChange]:
    """What differs between two digests.

    In the order of `now`, and what went last; empty where they don't tell.
    """
    before, after = _unpack(planned, 2), _unpack(now, 2)
    if not isinstance(before, dict) or not isinstance(after, dict):
        return []
    found = []
    for kind in ("sessions", "days"):
        old, new = before.get(kind), after.get(kind)
        if isinstance(old, dict) and isinstance(new, dict):
            ids = [*new, *(id_ for id_ in old if id_ not in new)]
            found += [
                _change(kind, id_, old.get(id_), new.get(id_))
                for id_ in ids
                if old.get(id_) != new.get(id_)
            ]
    return found


def _change(kind: str, id_: str, old: Any, new: Any) -> PlanChange:
    session_id, day = (id_, None) if kind == "sessions" else (None, id_)
    if old is None or new is None:
        return PlanChange("came" if old is None else "went", session_id, day, ())
    members = tuple(
        name
        for place, name in enumerate(MEMBERS)
        if _part(old, place) != _part(new, place) and session_id is not None
    )
    return PlanChange("moved" if _MOVED & set(members) else "changed", session_id, day, members)


def _part(prints: Any, place: int) -> str:
    return str(prints)[place * _PRINT : (place + 1) * _PRINT]


def _by_day(seen: Sequence[Seen]) -> dict[str, str]:
    days: dict[str, Any] = {}
    for one in seen:
        days.setdefault(one.day, hashlib.sha256()).update(orjson.dumps([*one]))
    return {day: _short(whole.digest()) for day, whole in days.items()}


def _print(value: Any) -> str:
    return _short(hashlib.sha256(orjson.dumps(value)).digest())


def _short(hashed: bytes) -> str:
    return base64.urlsafe_b64encode(hashed).decode()[:_PRINT]


def _pack(value: Any) -> str:
    return base64.urlsafe_b64encode(zlib.compress(orjson.dumps(value))).rstrip(b"=").decode()


def _unpack(digest: str, place: int) -> Any:
    parts = digest.split(".")
    if len(parts) <= place:
        return None
    try:
        # Whoever sends a digest may have made it: what it unpacks to is bounded.
        packed = base64.urlsafe_b64decode(parts[place] + "=" * (-len(parts[place]) % 4))
        return orjson.loads(zlib.decompressobj().decompress(packed, _MAX_UNPACKED))
    except (ValueError, binascii.Error, zlib.error):
        return None
