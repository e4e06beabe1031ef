"""A refund's row as a value; the columns are named once, by its fields."""

from typing import Any, Final

import sqlalchemy as sa

from app.db.tables import refunds
from app.domain.nouns.cancellations import Refund
from app.domain.statuses import Method, RefundForm, RefundStatus

REFUNDS: Final = sa.select(*(refunds.c[name] for name in Refund._fields))


def refund_of(status: str, method: str, form: str, *rest: Any) -> Refund:
    """The refund that a row of `REFUNDS` is."""
    return Refund(RefundStatus(status), Method(method), RefundForm(form), *rest)
