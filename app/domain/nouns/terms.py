"""Terms and overrides as values."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from app.domain.owed.terms import OverrideAction
from app.domain.statuses import RefundForm


@dataclass(frozen=True, slots=True)
class Override:
    """What a person says of a booking (`line_no` 0) or of one of its lines.

    `amount_minor`: how much of the line comes back; None: all of it. `return_as`: in which form;
    None: as the terms have it.
    """

    booking_id: str
    line_no: int
    action: OverrideAction
    amount_minor: int | None
    note: str
    return_as: RefundForm | None = None


@dataclass(frozen=True, slots=True)
class ResolvedTerms:
    """What a plan or a job is settled by: a whole document, frozen.

    `version` is that of the business's own which it begins from; None: it had set none.
    """

    document: Mapping[str, Any]
    version: int | None


class OwedLine(NamedTuple):
    """A payment line to return, and by whom it was booked."""

    session_id: str
    booking_id: str
    client_id: str
    client_name: str | None
    line_no: int
    payment_id: str
    amount_minor: int
    currency: str
