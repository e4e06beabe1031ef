"""Whether what a request says of single bookings can be done.

What can't is named, each by its place.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.core.dialect import bound_list
from app.db.terms import overrides as rows
from app.db.terms.overrides import NamedLine
from app.domain.nouns.terms import Override
from app.domain.owed.terms import OverrideAction
from app.domain.statuses import COUNTED_BY_TERMS
from app.errors import FieldError, Invalid

MAX_OVERRIDES: Final = 1_000
_MAX_ERRORS: Final = 100


def contradictions(overrides: Sequence[Override]) -> Iterator[FieldError]:
    """What no schedule could satisfy.

    That is what is named twice, and an amount of what is no line to return.
    """
    seen: defaultdict[str, set[int]] = defaultdict(set)
    for place, one in enumerate(overrides):
        lines = seen[one.booking_id]
        if lines and (one.line_no in lines or one.line_no == 0 or 0 in lines):
            detail = f"{one.booking_id} is named twice, or as a whole and by a line."
            yield FieldError(f"/overrides/{place}", "repeated", detail)
        lines.add(one.line_no)
        if one.amount_minor is not None and one.line_no == 0:
            detail = "An amount is of one line: name its line_no."
            yield FieldError(f"/overrides/{place}/line_no", "line-needed", detail)
        if one.amount_minor is not None and one.action is OverrideAction.SKIP:
            detail = "Of what is skipped no amount comes back."
            yield FieldError(f"/overrides/{place}/amount_minor", "amount-of-skipped", detail)
        if one.return_as is not None and one.action is OverrideAction.SKIP:
            detail = "What is skipped comes back in no form."
            yield FieldError(f"/overrides/{place}/return_as", "form-of-skipped", detail)


async def check(
    conn: AsyncConnection,
    business_id: str,
    accepted_ids: Collection[str],
    overrides: Sequence[Override],
) -> None:
    """Make sure that each names what was paid for a booking of an accepted session.

    Raises:
        Invalid: one doesn't, by its place.
    """
    if not overrides:
        return
    ids = bound_list({one.booking_id for one in overrides})
    named: defaultdict[str, list[NamedLine]] = defaultdict(list)
    for line in await rows.named_lines(conn, business_id, ids):
        named[line.booking_id].append(line)
    accepted = frozenset(accepted_ids)
    errors = [
        FieldError(f"/overrides/{place}/{member}", code, detail)
        for place, one in enumerate(overrides)
        for member, code, detail in _faults(one, named.get(one.booking_id, []), accepted)
    ]
    if errors:
        raise Invalid(errors[:_MAX_ERRORS])


def _faults(
    one: Override, lines: Sequence[NamedLine], accepted: Collection[str]
) -> Iterator[tuple[str, str, str]]:
    if not lines:
        yield "booking_id", "unknown-booking", f"There is no booking {one.booking_id}."
        return
    if lines[0].session_id not in accepted or lines[0].status not in COUNTED_BY_TERMS:
        detail = f"{one.booking_id} is of no session that would be cancelled, or is cancelled."
        yield "booking_id", "not-settled-here", detail
        return
    if one.line_no == 0:
        return
    line = next((line for line in lines if line.line_no == one.line_no), None)
    if line is None:
        detail = f"{one.booking_id} has no line {one.line_no} of which anything was paid."
        yield "line_no", "unknown-line", detail
    elif one.return_as is not None and line.amount_minor is None:
        yield "return_as", "line-of-credits", "Credits come back as credits."
    elif one.amount_minor is not None and line.amount_minor is None:
        yield "amount_minor", "line-of-credits", "Credits come back whole, or not at all."
    elif one.amount_minor is not None and one.amount_minor > (line.amount_minor or 0):
        yield "amount_minor", "more-than-paid", "This is more than was paid by this line."
