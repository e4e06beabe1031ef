"""What a caller asks for: a range, a choice of sessions, and their treatment.

Requests that ask for the same thing have one fingerprint.
"""

import datetime as dt
import hashlib
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from typing import Any, Final, Literal

import orjson

from app.cancellation.owed import overrides as of_bookings
from app.domain.nouns.terms import Override
from app.errors import FieldError, Invalid

MAX_RANGE_DAYS: Final = 366
MAX_SESSIONS_NAMED: Final = 5_000
MAX_HOLD_SECONDS: Final = 24 * 3600


@dataclass(frozen=True, slots=True)
class Request:
    """A plan's or a bulk cancellation's body.

    Dates are local days of the business, both inclusive. `terms` and `messages` are the members
    that it names. `within`: the locations that who asks is limited to, if they are: what is
    elsewhere is not there for them.
    """

    date_from: dt.date
    date_to: dt.date
    session_ids: tuple[str, ...] | Literal["all"]
    reason: str | None = None
    plan_digest: str | None = None
    hold_seconds: int = 0
    include_attended: bool = False
    terms: Mapping[str, Any] | None = None
    overrides: tuple[Override, ...] = ()
    messages: Mapping[str, Any] | None = None
    within: frozenset[str] | None = None

    def hold_until(self, requested_at: dt.datetime) -> dt.datetime | None:
        """When returning may begin, of what is accepted then; None: at once."""
        if self.hold_seconds == 0:
            return None
        return requested_at + dt.timedelta(seconds=self.hold_seconds)

    def fingerprint(self) -> str:
        """Equal for requests that ask for the same thing.

        The order of members, the order of ids and white space don't count.
        """
        chosen = self.session_ids if self.session_ids == "all" else sorted(self.session_ids)
        asked = (
            self.date_from.isoformat(),
            self.date_to.isoformat(),
            chosen,
            self.reason,
            self.plan_digest,
            self.hold_seconds,
            self.include_attended,
        )
        # What was there later is left out where nobody says anything of it: as it was before.
        of_terms: tuple[Any, ...] = ()
        if self.terms is not None or self.overrides:
            of_terms = (self.terms, sorted(map(astuple, self.overrides)))
        if self.messages is not None:
            of_terms = (*of_terms, {"messages": self.messages})
        if self.within is not None:
            of_terms = (*of_terms, {"within": sorted(self.within)})
        text = orjson.dumps((*asked, *of_terms), option=orjson.OPT_SORT_KEYS)
        return hashlib.sha256(text).hexdigest()


def check(request: Request) -> None:
    """Refuse what no schedule could satisfy.

    Raises:
        Invalid: a reversed or overlong range, too many or repeated ids.
    """
    errors = []
    if request.date_to < request.date_from:
        errors.append(FieldError("/date_to", "range-reversed", "date_to is before date_from."))
    elif (request.date_to - request.date_from).days >= MAX_RANGE_DAYS:
        errors.append(
            FieldError("/date_to", "range-too-long", f"A range is at most {MAX_RANGE_DAYS} days.")
        )
    if request.session_ids != "all":
        seen: set[str] = set()
        for place, session_id in enumerate(request.session_ids):
            if session_id in seen:
                errors.append(
                    FieldError(f"/session_ids/{place}", "repeated", f"{session_id} is named twice.")
                )
            seen.add(session_id)
    errors += of_bookings.contradictions(request.overrides)
    if errors:
        raise Invalid(errors)
