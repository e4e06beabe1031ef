"""Every answer an upstream can give, and what the product may believe of it."""

import dataclasses
import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds.orders import CREDIT, PAYMENT

from app.gateways.answers import classify, finding_of, one_line, outcome_of, retry_after
from app.gateways.http import MAX_ANSWER_BYTES, Broken, HttpAnswer, NotSent
from app.gateways.outcomes import (
    Absent,
    Indeterminate,
    Processing,
    Rejected,
    Succeeded,
    Throttled,
    Unavailable,
)

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)


def answer(status, document=None, body=None, **headers):
    raw = body if body is not None else b"" if document is None else json.dumps(document).encode()
    return HttpAnswer(
        status, {name.replace("_", "-"): value for name, value in headers.items()}, raw
    )


def read(status, document=None, body=None, order=PAYMENT, **headers):
    return classify(answer(status, document, body, **headers), order, now=NOW)


def look(status, document=None, body=None, order=PAYMENT, **headers):
    return finding_of(answer(status, document, body, **headers), order, now=NOW)


@pytest.mark.parametrize("status", [200, 201, 202])
def test_a_2xx_is_what_its_status_field_says(status):
    assert read(status, {"id": "rf_1", "status": "succeeded"}) == Succeeded("rf_1")
    assert read(status, {"id": "rf_1", "status": "pending"}) == Processing("rf_1")
    failed = {"id": "rf_1", "status": "failed", "failure_code": "card_closed"}
    assert read(status, failed) == Rejected("card_closed", "the refund failed", "rf_1")


def test_a_failure_without_a_usable_code_is_called_failed():
    for code in (None, 7, "", "two words", "x" * 65, "né"):
        outcome = read(201, {"id": "rf_1", "status": "failed", "failure_code": code})
        assert isinstance(outcome, Rejected)
        assert outcome.code == "failed"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>ok</html>",
        b"null",
        b"[]",
        b'"succeeded"',
        b"{",
        b'{"id": "rf_1"}',
        b'{"status": "succeeded"}',
        b'{"id": 7, "status": "succeeded"}',
        b'{"id": "", "status": "succeeded"}',
        b'{"id": "rf 1\\n", "status": "succeeded"}',
        b'{"id": "rf_1", "status": "Succeeded"}',
        b'{"id": "rf_1", "status": ["succeeded"]}',
        b'{"id": "rf_1", "status": {"succeeded": 1}}',
        b'{"id": "rf_1", "status": "succeeded", "x": NaN}',
        b"\xff\xfe",
        b"[" * 5000,
        b'{"id": "rf_1", "status": "succeeded"}' + b" " * MAX_ANSWER_BYTES,
    ],
)
def test_a_2xx_that_cannot_be_read_whole_tells_nothing(body):
    assert isinstance(read(201, body=body), Indeterminate)


@pytest.mark.parametrize(
    "echo",
    [
        {"amount_minor": 2501},
        {"amount_minor": "2500"},
        {"amount_minor": 2500.0},
        {"amount_minor": True},
        {"currency": "EUR"},
        {"currency": 840},
        {"reference": "ref-2"},
        {"reference": ["ref-1"]},
        {"business_id": "other"},
    ],
)
@pytest.mark.parametrize("status", ["succeeded", "pending", "failed"])
def test_a_2xx_that_contradicts_the_order_tells_nothing(echo, status):
    outcome = read(201, {"id": "rf_1", "status": status} | echo)
    assert isinstance(outcome, Indeterminate)
    assert "names another" in outcome.detail


def test_an_echo_of_the_order_is_no_contradiction():
    echo = {
        "amount_minor": 2500,
        "currency": "usd",
        "reference": "ref-1",
        "credits": None,
        "extra": [1],
    }
    echo["business_id"] = "studio"
    assert read(201, {"id": "rf_1", "status": "succeeded"} | echo) == Succeeded("rf_1")


def test_another_number_of_credits_tells_nothing():
    assert isinstance(
        read(201, {"id": "cr_1", "status": "succeeded", "credits": 3}, order=CREDIT), Indeterminate
    )
    assert read(
        201, {"id": "cr_1", "status": "succeeded", "credits": 2}, order=CREDIT
    ) == Succeeded("cr_1")


@pytest.mark.parametrize("status", [400, 402, 403, 404, 405, 409, 410, 413, 422, 451])
def test_a_4xx_is_a_refusal_by_its_code_or_by_its_status(status):
    problem = {"code": "payment_disputed", "detail": "A dispute\nis open.", "title": "x"}
    assert read(status, problem) == Rejected("payment_disputed", "A dispute is open.", None)
    assert read(status, body=b"<html>no</html>") == Rejected(
        f"http_{status}", f"HTTP {status}", None
    )
    assert read(status, {"code": ["x"], "detail": {"a": 1}}) == Rejected(f"http_{status}", "", None)


def test_a_key_in_use_is_another_call_of_ours_that_may_land():
    assert isinstance(read(409, {"code": "idempotency_key_in_use"}), Indeterminate)


@pytest.mark.parametrize("status", [408, 425])
def test_a_timeout_told_by_a_server_or_balancer_is_no_refusal(status):
    assert isinstance(read(status), Indeterminate)


@pytest.mark.parametrize(
    "status", [100, 204, 301, 302, 307, 308, 500, 501, 502, 504, 520, 599, 999]
)
def test_what_is_neither_done_nor_refused_tells_nothing(status):
    assert isinstance(read(status, body=b"<html>Bad gateway</html>"), Indeterminate)


def test_429_and_503_are_surely_not_done_and_keep_their_retry_after():
    assert read(429, retry_after="7") == Throttled(7.0)
    assert read(429) == Throttled(None)
    assert read(503, retry_after="30") == Unavailable("HTTP 503", 30.0)
    assert read(503, body=b"<html>") == Unavailable("HTTP 503", None)


def test_a_token_that_is_refused_rejects_no_refund():
    assert read(401, {"code": "unauthorized", "detail": "no such token"}) == Unavailable(
        "HTTP 401: the token is not accepted", None
    )


def test_a_call_never_sent_is_not_done_and_a_broken_one_is_unknown():
    assert outcome_of(NotSent("refused"), PAYMENT, now=NOW) == Unavailable("refused", None)
    assert outcome_of(Broken("reset"), PAYMENT, now=NOW) == Indeterminate("reset")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("1.5", 1.5),
        ("900", 900.0),
        ("86400", 900.0),
        ("999999999", 900.0),
        ("-1", None),
        ("soon", None),
        ("", None),
        ("nan", None),
        ("inf", None),
        ("1e3", None),
        ("٣", None),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90.0),
        (format_datetime(NOW - timedelta(seconds=90), usegmt=True), 0.0),
        (format_datetime(NOW + timedelta(days=90), usegmt=True), 900.0),
        ("Monday, 23-Nov-26 12:01:00 GMT", 60.0),
        ("Mon Nov 23 12:01:00 2026", 60.0),
    ],
)
def test_retry_after_is_read_in_both_forms_and_capped(value, seconds):
    assert retry_after({"retry-after": value}, now=NOW) == seconds


def test_a_retry_after_date_is_measured_by_the_upstreams_own_clock():
    theirs = NOW + timedelta(hours=1)
    headers = {
        "date": format_datetime(theirs, usegmt=True),
        "retry-after": format_datetime(theirs + timedelta(seconds=20), usegmt=True),
    }
    assert retry_after(headers, now=NOW) == 20.0


def test_a_strangers_text_becomes_one_short_printable_line():
    assert one_line("a\r\n\tb\x00\x1b[31mc\u202ed \u2028e") == "a b [31mc d e"
    assert len(one_line("x" * 10_000)) == 500
    assert one_line({"a": 1}) == ""


def refund(status="succeeded", reference="ref-1", **more):
    return {"id": "rf_1", "status": status, "reference": reference} | more


def test_the_best_of_what_a_look_up_finds_is_the_finding():
    failed, pending, done = refund("failed"), refund("pending"), refund("succeeded")
    assert look(200, {"data": [failed, pending, done]}) == Succeeded("rf_1")
    assert look(200, {"data": [failed, pending]}) == Processing("rf_1")
    assert isinstance(look(200, {"data": [failed]}), Rejected)
    assert look(200, {"data": []}) == Absent()


def test_of_several_failed_the_accepted_one_is_found_and_one_known_to_have_failed_is_not():
    older, newer = refund("failed", id="rf_0"), refund("failed", id="rf_1")

    def found(*listed, **order):
        return look(200, {"data": listed}, order=dataclasses.replace(PAYMENT, **order))

    assert found(older, newer, accepted_as="rf_1").upstream_reference == "rf_1"
    assert found(older, newer, failed_as="rf_0").upstream_reference == "rf_1"
    assert found(older, failed_as="rf_0") == Absent()


def test_an_entry_without_a_reference_is_ours_and_one_with_anothers_is_not():
    assert look(200, {"data": [{"id": "rf_1", "status": "succeeded"}]}) == Succeeded("rf_1")
    assert look(200, {"data": [refund(reference="ref-2"), refund("pending")]}) == Processing("rf_1")


@pytest.mark.parametrize(
    "document",
    [
        {"data": [refund(reference="ref-2")]},
        {"data": [refund("odd")]},
        {"data": [refund("odd"), refund("failed")]},
        {"data": [refund(amount_minor=1)]},
        {"data": [refund(reference=["ref-1"])]},
        {"data": [7]},
        {"data": {}},
        {"data": None},
        {},
        [],
        {"data": [], "has_more": True},
        {"data": [], "next_cursor": "abc"},
    ],
)
def test_a_look_up_says_absent_only_where_the_list_leaves_no_doubt(document):
    assert isinstance(look(200, document), Indeterminate)


@pytest.mark.parametrize("status", [201, 204, 206, 301, 400, 401, 404, 410, 429, 500, 503])
def test_a_look_up_that_was_not_answered_says_nothing_about_the_refund(status):
    finding = look(status, {"data": []}, retry_after="5")
    assert isinstance(finding, Indeterminate)
    assert finding.retry_after_seconds == 5.0


def test_a_look_up_that_never_left_says_nothing_about_the_refund():
    assert isinstance(finding_of(NotSent("refused"), PAYMENT, now=NOW), Indeterminate)
    assert isinstance(finding_of(Broken("reset"), PAYMENT, now=NOW), Indeterminate)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["id", "status", "reference", "code", "data", "amount_minor", "detail", "x"]
            ),
            inner,
        )
    ),
    max_leaves=12,
)


@given(
    status=st.integers(0, 999),
    body=st.binary(max_size=200) | anything.map(lambda document: json.dumps(document).encode()),
    headers=st.dictionaries(st.sampled_from(["retry-after", "date"]), st.text(max_size=40)),
)
def test_no_answer_whatever_raises(status, body, headers):
    classify(HttpAnswer(status, headers, body), PAYMENT, now=NOW)
    finding_of(HttpAnswer(200, headers, body), PAYMENT, now=NOW)
    seconds = retry_after(headers, now=NOW)
    assert seconds is None or 0 <= seconds <= 900
