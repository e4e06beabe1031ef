"""Whose rows a transaction may see: those of one business, or, where it says so, of all.

On an isolated PostgreSQL the database holds that, whatever a statement's WHERE has forgotten (ADR
0033). The business is that of the task: who was authenticated, or whose job it is. It is not the
argument that statements get: a step that mixes up two businesses sees nothing.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from app.domain.fields import PLATFORM_ID

SETTING: Final = "app.business_id"
"""What the policies compare with each row's business; empty: of none."""

ACROSS: Final = "bulk_cancel_across"
"""The role of transactions across businesses: it reads all, and writes next to nothing."""

# Without anything that ends a quoted text: SET takes no parameters.
_PLAIN: Final = re.compile(PLATFORM_ID)
_business: Final[ContextVar[str]] = ContextVar("bulk_cancel_business", default="")


class OtherBusiness(Exception):  # noqa: N818 - a defect, which nobody handles
    """What works for one business was to go on for another."""


def stay_in(business_id: str) -> None:
    """From now on this task works for one business, and so do tasks that it starts."""
    _business.set(business_id)


@contextmanager
def of_business(business_id: str) -> Iterator[None]:
    """What the block does is for this business, and so is what tasks do that it starts.

    Raises:
        OtherBusiness: the task works for another one.
    """
    if _business.get() not in {"", business_id}:
        raise OtherBusiness
    before = _business.set(business_id)
    try:
        yield
    finally:
        _business.reset(before)


def as_said(*, across: bool) -> str:
    """What is said with BEGIN; of what is no business's id, no business."""
    if across:
        return f"SET LOCAL ROLE {ACROSS}"
    found = _PLAIN.fullmatch(_business.get())
    return f"SET LOCAL {SETTING} = '{found[0] if found else ''}'"
