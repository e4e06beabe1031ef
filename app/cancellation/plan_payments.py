"""The payments that a plan would return, for whoever asks their service about them first.

Plan and payments are read in one snapshot; nothing is changed, and nothing is locked.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.cancellation import plan as plans
from app.cancellation.plan import CancellationPlan
from app.cancellation.request import Request, check
from app.db.core.engine import Database
from app.db.terms import owed_payments
from app.domain.nouns.terms import OwedLine
from app.domain.statuses import RefundForm


@dataclass(frozen=True, slots=True)
class PlannedPayment:
    """A payment, and the lines that are to come back of it."""

    payment_id: str
    lines: Sequence[OwedLine]

    def needed(self, currency: str) -> int:
        """What is to come back of it in this currency, over all lines."""
        return sum(one.amount_minor for one in self.lines if one.currency == currency)


@dataclass(frozen=True, slots=True)
class PlannedPayments:
    """A plan with payments of it, as they were at `as_of`.

    `line_count` is of all lines to refund, and `needed` what those come to, by currency. Others are
    `credit_lines`, and `store_credit_lines` of money that comes back as store credit.
    """

    plan: CancellationPlan
    as_of: dt.datetime
    payments: Sequence[PlannedPayment]
    line_count: int
    credit_lines: int
    store_credit_lines: int
    needed: Mapping[str, int]


async def plan_payments(
    db: Database, business_id: str, timezone: str, request: Request, *, most_lines: int
) -> PlannedPayments:
    """What `request` would do now, and its largest payments with all their lines.

    Raises:
        Invalid: as `plan`.
    """
    check(request)
    async with db.snapshot() as conn:
        reading = await plans.read_plan(conn, business_id, timezone, request)
        lines, parameters = reading.accepted.lines, reading.accepted.parameters
        needs = await owed_payments.needs_by_currency(conn, lines, parameters)
        found = await owed_payments.lines_of_payments(conn, lines, parameters, most=most_lines)
    refunded = [one for one in needs if one.returned_as == RefundForm.ORIGINAL]
    return PlannedPayments(
        await plans.plan_of(reading, timezone, request),
        reading.as_of,
        _by_payment(found),
        line_count=sum(one.lines for one in refunded),
        credit_lines=reading.totals.refunds - sum(one.lines for one in needs),
        store_credit_lines=sum(one.lines for one in needs if one not in refunded),
        needed={one.currency: one.amount_minor for one in refunded},
    )


def _by_payment(lines: Sequence[OwedLine]) -> list[PlannedPayment]:
    of_payment: defaultdict[str, list[OwedLine]] = defaultdict(list)
    for line in lines:
        of_payment[line.payment_id].append(line)
    return [PlannedPayment(payment_id, mine) for payment_id, mine in of_payment.items()]
