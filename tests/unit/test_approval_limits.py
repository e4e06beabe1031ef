"""What a cancellation is held against, limit by limit."""

import pytest

from app.domain.approval import ApprovalLimits, Exceeded, Limit, WeekCount, exceeded
from app.domain.plan_totals import PlanTotals


def above(limits, weeks=(), **totals):
    return exceeded(ApprovalLimits(**limits), PlanTotals(**totals), weeks)


def test_without_limits_nothing_needs_an_approval():
    totals = {"amounts": {"CAD": 10**12}, "credits": 10**6, "clients": 10**6, "sessions": 5000}
    assert above({}, [WeekCount("2026-11-23", 10, 10)], **totals) == ()


@pytest.mark.parametrize(
    ("limits", "totals", "found"),
    [
        ({"sessions": 2}, {"sessions": 2}, None),
        ({"sessions": 2}, {"sessions": 3}, Exceeded(Limit.SESSIONS, 2, 3)),
        ({"sessions": 0}, {"sessions": 1}, Exceeded(Limit.SESSIONS, 0, 1)),
        ({"people": 10}, {"clients": 10}, None),
        ({"people": 10}, {"clients": 11}, Exceeded(Limit.PEOPLE, 10, 11)),
        ({"credits": 5}, {"credits": 5}, None),
        ({"credits": 5}, {"credits": 6}, Exceeded(Limit.CREDITS, 5, 6)),
        ({"credits": 5}, {"credits": 4, "goodwill_credits": 2}, Exceeded(Limit.CREDITS, 5, 6)),
        ({"money": {"CAD": 100}}, {"amounts": {"CAD": 100}}, None),
        (
            {"money": {"CAD": 100}},
            {"amounts": {"CAD": 101}},
            Exceeded(Limit.MONEY, 100, 101, currency="CAD"),
        ),
        # What comes back as value is money, too: it is in the amounts.
        (
            {"money": {"CAD": 100}},
            {"amounts": {"CAD": 101}, "store_credits": {"CAD": 101}},
            Exceeded(Limit.MONEY, 100, 101, currency="CAD"),
        ),
    ],
)
def test_what_is_above_a_limit_is_named_with_both_numbers(limits, totals, found):
    assert above(limits, **totals) == (() if found is None else (found,))


def test_a_currency_without_a_limit_of_its_own_has_none_to_spare_where_others_have():
    found = above({"money": {"CAD": 100}}, amounts={"CAD": 1, "JPY": 1, "EUR": 0})
    assert found == (Exceeded(Limit.MONEY, 0, 1, currency="JPY"),)
    assert above({"people": 5}, amounts={"JPY": 10**9}) == ()


@pytest.mark.parametrize(("cancelled", "share"), [(3, None), (4, 40), (10, 100), (0, None)])
def test_a_share_is_of_its_week(cancelled, share):
    weeks = [WeekCount("2026-11-16", 10, 0), WeekCount("2026-11-23", 10, cancelled)]
    found = above({"share_of_week_percent": 30}, weeks)
    expected = Exceeded(Limit.SHARE_OF_WEEK, 30, share or 0, monday="2026-11-23")
    assert found == (() if share is None else (expected,))


def test_a_share_is_above_its_limit_by_however_little():
    found = above({"share_of_week_percent": 33}, [WeekCount("2026-11-23", 3, 1)])
    assert [(one.allowed, one.asked) for one in found] == [(33, 34)]


def test_every_limit_that_is_exceeded_is_named():
    limits = {"money": {"CAD": 1}, "credits": 1, "people": 1, "sessions": 1}
    found = above(limits, amounts={"CAD": 2}, credits=2, clients=2, sessions=2)
    assert [one.limit for one in found] == [
        Limit.MONEY,
        Limit.CREDITS,
        Limit.PEOPLE,
        Limit.SESSIONS,
    ]
    assert [Exceeded.of(one.document()) for one in found] == [*found]
