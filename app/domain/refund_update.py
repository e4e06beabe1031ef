"""What becomes of a refund row: one value from policy to SQL."""

from dataclasses import dataclass
from datetime import datetime

from app.domain.statuses import RefundForm, RefundStatus


@dataclass(frozen=True, slots=True)
class NextLeg:
    """How a line goes on after a refusal: form, and amount (ISO 4217 minor units)."""

    form: RefundForm
    amount_minor: int


@dataclass(frozen=True, slots=True)
class RefundUpdate:
    """What becomes of a refund row.

    `due_in_seconds` is None when no machine will touch it again. A `definitive` verdict says that
    money moved: it is recorded whoever heard it, all others only by the claim that is still theirs.
    `uncounted`: the call surely had no effect, and is taken off the row's attempts. `new_key`: it
    was refused, and the next try is to be judged anew; under its key an upstream may repeat the
    refusal for a day (docs.stripe.com/api/idempotent_requests), whatever has changed since.
    `expires_…`: until when credits that came back were to be used, and are now. `next_leg` follows
    one that is `replaced`.
    """

    status: RefundStatus
    due_in_seconds: float | None
    definitive: bool = False
    uncounted: bool = False
    upstream_reference: str | None = None
    failure_code: str | None = None
    failure_detail: str | None = None
    new_key: bool = False
    expires_before: datetime | None = None
    expires_after: datetime | None = None
    next_leg: NextLeg | None = None
