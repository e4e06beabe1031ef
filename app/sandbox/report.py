"""What `GET /books` tells of one service: totals, effects, and references with more than one."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from app.sandbox.books import FAILED, ORIGINAL, PENDING, SUCCEEDED, Book, BookedRefund

# What a service did besides refunds or returns, each under a name of its own.
SECTIONS = {"void": "voids", "store_credit": "store_credits", "goodwill": "credit_grants"}


def report(book: Book, *, effects: bool) -> dict[str, Any]:
    """The refunds or returns of a service with its requests and callers.

    Each other form that it offers has totals, `twice` and effects of its own. With `effects` all of
    them are listed.
    """
    callers: dict[str, dict[str, int]] = {}
    for (caller, method), count in book.callers.items():
        callers.setdefault(caller, {})[method] = count
    others = {
        SECTIONS[form]: _of_form(book, form, effects=effects)
        for form in book.prefixes
        if form != ORIGINAL
    }
    counted = {"requests": dict(book.requests), "callers": callers}
    return counted | _of_form(book, ORIGINAL, effects=effects) | others


def _of_form(book: Book, form: str, *, effects: bool) -> dict[str, Any]:
    made = [refund for refund in book.refunds.values() if refund.request.form == form]
    statuses = Counter(refund.status for refund in made)
    sums: Counter[str] = Counter()
    for refund in made:
        if refund.status == SUCCEEDED:
            sums[refund.request.currency or "credits"] += refund.request.amount
    told: dict[str, Any] = {
        "totals": {status: statuses[status] for status in (SUCCEEDED, PENDING, FAILED)}
        | {"sums": dict(sums)},
        "twice": dict(_twice(book, form)),
    }
    return told | ({"effects": [_entry(refund) for refund in made]} if effects else {})


def _twice(book: Book, form: str) -> Iterator[tuple[str, int]]:
    for (of_form, reference), ids in book.by_reference.items():
        if of_form == form and len(ids) > 1:
            count = sum(book.refunds[refund_id].status != FAILED for refund_id in ids)
            if count > 1:
                yield reference, count


def _entry(refund: BookedRefund) -> dict[str, Any]:
    entry = asdict(refund)
    asked: dict[str, Any] = entry.pop("request")
    return asked | entry
