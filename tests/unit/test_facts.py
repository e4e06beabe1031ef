"""What an upstream says of a payment or a balance, and what may be believed of it."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.gateways.facts import (
    Balance,
    FactsUnknown,
    PaymentAsked,
    PaymentFacts,
    PaymentNotFound,
    Unsupported,
)
from app.gateways.http import MAX_ANSWER_BYTES, Broken, HttpAnswer, NotSent
from app.gateways.optional import balance_of, payment_of
from app.gateways.outcomes import Limit

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
ASKED = PaymentAsked("studio", "pay1")
FACTS = {"remaining_minor": 500, "currency": "CAD", "captured": True, "disputed": False}


def answer(status, document=None, body=None, **headers):
    raw = body if body is not None else b"" if document is None else json.dumps(document).encode()
    return HttpAnswer(
        status, {name.replace("_", "-"): value for name, value in headers.items()}, raw
    )


def payment(status, document=None, body=None, **headers):
    return payment_of(answer(status, document, body, **headers), ASKED, now=NOW)


def balance(status, document=None, body=None, **headers):
    return balance_of(answer(status, document, body, **headers), now=NOW)


def test_a_payment_is_what_its_service_says():
    assert payment(200, FACTS) == PaymentFacts(500, "CAD", captured=True, disputed=False)
    more = {"payment_id": "pay1", "business_id": "studio", "colour": "blue"}
    until = {"refundable_until": "2026-12-01T00:00:00.5+01:00", "captured": False, "disputed": True}
    assert payment(200, FACTS | more | until) == PaymentFacts(
        500, "CAD", False, True, datetime(2026, 11, 30, 23, 0, 0, 500_000, tzinfo=UTC)
    )
    assert payment(200, FACTS | {"remaining_minor": 0, "refundable_until": None}) == PaymentFacts(
        0, "CAD", captured=True, disputed=False
    )


@pytest.mark.parametrize(
    "difference",
    [
        {"remaining_minor": "500"},
        {"remaining_minor": 5.0},
        {"remaining_minor": True},
        {"remaining_minor": -1},
        {"remaining_minor": None},
        {"currency": "cad"},
        {"currency": None},
        {"captured": 1},
        {"captured": None},
        {"disputed": "no"},
        {"refundable_until": "soon"},
        {"refundable_until": 1_780_000_000},
        {"payment_id": "pay2"},
        {"payment_id": 1},
        {"business_id": "other"},
    ],
)
def test_a_payment_that_cannot_be_read_or_is_another_tells_nothing(difference):
    assert isinstance(payment(200, FACTS | difference), FactsUnknown)


@pytest.mark.parametrize("name", sorted(FACTS))
def test_a_payment_that_leaves_something_out_tells_nothing(name):
    left_out = {key: value for key, value in FACTS.items() if key != name}
    assert isinstance(payment(200, left_out), FactsUnknown)


def test_a_balance_is_what_there_is_by_currency():
    available = [
        {"currency": "CAD", "amount_minor": 5, "more": 1},
        {"currency": "USD", "amount_minor": -3},
    ]
    assert balance(200, {"available": available}) == Balance({"CAD": 5, "USD": -3})
    assert balance(200, {"available": []}) == Balance({})


@pytest.mark.parametrize(
    "available",
    [
        None,
        {"CAD": 5},
        [5],
        [{"currency": "CAD"}],
        [{"currency": "CAD", "amount_minor": "5"}],
        [{"currency": "cad", "amount_minor": 5}],
        [{"currency": "CAD", "amount_minor": 5}, {"currency": "CAD", "amount_minor": 6}],
    ],
)
def test_a_balance_that_cannot_be_read_tells_nothing(available):
    assert isinstance(balance(200, {"available": available}), FactsUnknown)


@pytest.mark.parametrize("read", [payment, balance])
@pytest.mark.parametrize(
    "body", [b"", b"<html>ok</html>", b"null", b"[]", b"{", b"{}", b" " * (MAX_ANSWER_BYTES + 1)]
)
def test_a_200_that_is_no_such_document_tells_nothing(read, body):
    assert isinstance(read(200, body=body), FactsUnknown)


@pytest.mark.parametrize("read", [payment, balance])
def test_a_service_that_lacks_a_read_says_so_by_a_404_without_a_code_or_by_501(read):
    assert read(501) == Unsupported()
    assert read(501, {"code": "payment_not_found"}) == Unsupported()
    assert read(404) == Unsupported()
    assert read(404, body=b"<html>no such page</html>") == Unsupported()
    assert read(404, {"detail": "Not Found"}) == Unsupported()
    assert read(404, {"code": None}) == Unsupported()


def test_only_its_own_word_says_that_there_is_no_payment():
    assert payment(404, {"code": "payment_not_found"}) == PaymentNotFound()
    assert isinstance(payment(404, {"code": "not_found"}), FactsUnknown)
    assert isinstance(payment(422, {"code": "payment_not_found"}), FactsUnknown)
    assert isinstance(balance(404, {"code": "payment_not_found"}), FactsUnknown)


@pytest.mark.parametrize("read", [payment, balance])
@pytest.mark.parametrize("status", [201, 204, 302, 400, 401, 403, 405, 410, 422, 500, 502, 503])
def test_any_other_status_tells_nothing_and_may_say_when_to_come_again(read, status):
    assert read(status, retry_after="7") == FactsUnknown(f"HTTP {status}", 7)


@pytest.mark.parametrize("read", [payment, balance])
def test_too_many_calls_are_told_as_such(read):
    assert read(429, retry_after="2") == FactsUnknown("HTTP 429", 2, Limit.RATE)


@pytest.mark.parametrize("reply", [NotSent("no connection"), Broken("no answer")])
def test_no_answer_tells_nothing(reply):
    assert payment_of(reply, ASKED, now=NOW) == FactsUnknown(reply.detail)
    assert balance_of(reply, now=NOW) == FactsUnknown(reply.detail)


@given(st.integers(100, 599), st.binary(max_size=200), st.text(max_size=20))
def test_no_answer_whatsoever_makes_a_read_raise(status, body, after):
    reply = HttpAnswer(status, {"retry-after": after}, body)
    payment_of(reply, ASKED, now=NOW)
    balance_of(reply, now=NOW)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5))
def test_no_json_whatsoever_makes_a_read_raise(value):
    for document in (dict.fromkeys(FACTS, value), {"available": [value]}, {"available": value}):
        payment(200, document)
        balance(200, document)
