"""Whether a cancellation may be said in public to give back all that was paid."""

from collections.abc import Mapping
from typing import Any

from app.domain.owed.terms import first_form
from app.domain.owed.terms_document import terms_of
from app.domain.statuses import RefundForm


def returns_all(totals: Mapping[str, Any], terms: Mapping[str, Any] | None) -> bool:
    """Whether all comes back, the way it was paid: nothing is kept of anybody, by any rule.

    Args:
        totals: what the job promised at its acceptance, as its row has them; what an older build
            did not count there is taken not to be known.
        terms: the job's own; None: it has none, and returns all in its original form.
    """
    if any(totals.get("kept_amounts", {"unknown": 1}).values()) or totals.get("kept_credits", 1):
        return False
    if any(totals.get("store_credits", {}).values()):
        return False
    is_original = terms is None or first_form(terms_of(terms)) is RefundForm.ORIGINAL
    returned = [*totals.get("amounts", {}).values(), totals.get("credits", 0)]
    return is_original and any(returned)
