"""What is owed by terms: a table of who gets what, and properties over drawn sums and fees."""

from decimal import ROUND_HALF_EVEN, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.owed.terms import (
    FeeRule,
    KeepPer,
    OverrideAction,
    Owed,
    PaidLine,
    ReturnAs,
    Terms,
    fee_of,
    owed,
)
from app.domain.statuses import COUNTED_BY_TERMS, Method

CURRENCIES = ("CAD", "JPY", "KWD", "CLF")
amounts = st.integers(1, 10**12)
points = st.integers(0, 10_000)
fixed = st.dictionaries(st.sampled_from(CURRENCIES), st.integers(0, 10**12)).map(
    lambda sums: tuple(sorted(sums.items()))
)
terms = st.builds(
    Terms,
    return_as=st.sampled_from(ReturnAs),
    keep_basis_points=points,
    keep_fixed=fixed,
    keep_per=st.sampled_from(KeepPer),
    return_credits=st.booleans(),
    late_cancelled=st.sampled_from(FeeRule),
    no_show=st.sampled_from(FeeRule),
)


@st.composite
def lines(draw):
    action = draw(st.none() | st.sampled_from(OverrideAction))
    if draw(st.booleans()):
        return PaidLine(Method.CREDIT, draw(st.integers(1, 10**9)), None, action)
    amount = draw(amounts)
    said = draw(st.none() | st.integers(1, amount)) if action == "return" else None
    return PaidLine(Method.PAYMENT, amount, draw(st.sampled_from(CURRENCIES)), action, said)


def money(*amounts_of, currency="CAD"):
    return [PaidLine(Method.PAYMENT, amount, currency) for amount in amounts_of]


def kept(status, paid, of, *, started=False, include_attended=False):
    found = owed(status, paid, of, started=started, include_attended=include_attended)
    return [(one.kept, one.kept_by) for one in found]


@given(
    st.sampled_from(COUNTED_BY_TERMS),
    st.lists(lines(), max_size=6),
    terms,
    st.booleans(),
    st.booleans(),
)
def test_what_is_returned_and_kept_is_what_was_paid_and_a_rule_keeps_it(
    status, paid, of, started, include_attended
):
    for line, one in zip(
        paid,
        owed(status, paid, of, started=started, include_attended=include_attended),
        strict=True,
    ):
        assert one.returned + one.kept == line.amount
        assert one.returned >= 0
        assert one.kept >= 0
        assert (one.kept_by is None) == (one.kept == 0)


@given(amounts, points)
def test_a_percentage_is_rounded_half_to_even_in_the_minor_unit(amount, basis_points):
    exact = (Decimal(amount) * basis_points / 10_000).quantize(Decimal(1), ROUND_HALF_EVEN)
    assert fee_of(amount, "CAD", Terms(keep_basis_points=basis_points)) == int(exact)


@given(st.lists(amounts, min_size=1, max_size=8), points, st.integers(0, 10**12))
def test_the_lines_of_a_booking_bear_its_fee_together_each_no_more_than_it_has(
    sums, basis_points, sum_
):
    of = Terms(keep_basis_points=basis_points, keep_fixed=(("CAD", sum_),))
    found = owed("booked", money(*sums), of, started=False, include_attended=False)
    assert sum(one.kept for one in found) == fee_of(sum(sums), "CAD", of)
    assert all(0 <= one.kept <= amount for one, amount in zip(found, sums, strict=True))


@pytest.mark.parametrize(
    ("amount", "basis_points", "fixed_sum", "fee"),
    [
        (2000, 1000, 0, 200),
        (1, 5000, 0, 0),  # a half goes to the even cent
        (3, 5000, 0, 2),
        (5, 5000, 0, 2),
        (2000, 1000, 500, 700),  # the percentage of what was paid, then the fixed sum
        (600, 1000, 5000, 600),  # never more than there is
        (2000, 3333, 0, 667),
        (0, 10_000, 7, 0),
    ],
)
def test_a_fee_is_a_percentage_then_a_fixed_sum(amount, basis_points, fixed_sum, fee):
    of = Terms(keep_basis_points=basis_points, keep_fixed=(("CAD", fixed_sum),))
    assert fee_of(amount, "CAD", of) == fee


def test_of_two_lines_the_first_bears_the_remainder():
    of = Terms(keep_basis_points=1000)
    assert kept("booked", money(1005, 1005), of) == [(101, "fee"), (100, "fee")]
    per_line = Terms(keep_basis_points=1000, keep_per=KeepPer.LINE)
    assert kept("booked", money(1005, 1015), per_line) == [(100, "fee"), (102, "fee")]


def test_a_fee_is_of_one_currency_s_lines_and_of_no_credits():
    of = Terms(keep_fixed=(("CAD", 300), ("JPY", 50)))
    paid = [
        *money(1000),
        PaidLine(Method.CREDIT, 4, None),
        *money(100, currency="JPY"),
        *money(900, currency="KWD"),
    ]
    assert kept("booked", paid, of) == [(300, "fee"), (0, None), (50, "fee"), (0, None)]


@pytest.mark.parametrize(
    ("status", "of", "reasons"),
    [
        ("booked", Terms(), [None, None]),
        ("waitlisted", Terms(), [None, None]),
        ("checked_in", Terms(), ["attended", "attended"]),
        ("late_cancelled", Terms(), ["late_cancelled", "late_cancelled"]),
        ("no_show", Terms(), ["no_show", "no_show"]),
        ("no_show", Terms(no_show=FeeRule.RETURN, keep_basis_points=1000), [None, None]),
        ("late_cancelled", Terms(late_cancelled=FeeRule.RETURN), [None, None]),
        ("booked", Terms(keep_basis_points=1000), ["fee", None]),
        ("booked", Terms(return_as=ReturnAs.NOTHING), ["terms", None]),
        ("booked", Terms(return_credits=False), [None, "terms"]),
        ("no_show", Terms(no_show=FeeRule.RETURN, return_credits=False), [None, "terms"]),
        ("checked_in", Terms(return_as=ReturnAs.NOTHING), ["attended", "attended"]),
    ],
)
def test_who_is_kept_what_and_by_which_rule(status, of, reasons):
    paid = [*money(1000), PaidLine(Method.CREDIT, 2, None)]
    assert [rule for _, rule in kept(status, paid, of, started=True)] == reasons


def test_what_a_person_said_comes_before_every_rule():
    whole = PaidLine(Method.PAYMENT, 1000, "CAD", OverrideAction.RETURN)
    part, none = whole._replace(returned=400), whole._replace(action=OverrideAction.SKIP)
    of = Terms(return_as=ReturnAs.NOTHING, keep_basis_points=5000)
    for status in COUNTED_BY_TERMS:
        assert owed(status, [whole, part, none], of, started=True, include_attended=False) == [
            Owed(1000, 0, None),
            Owed(400, 600, "override"),
            Owed(0, 1000, "override"),
        ]


def test_overridden_lines_take_no_part_in_a_booking_s_fee():
    skipped = PaidLine(Method.PAYMENT, 9000, "CAD", OverrideAction.SKIP)
    of = Terms(keep_basis_points=1000)
    assert kept("booked", [skipped, *money(1000)], of) == [(9000, "override"), (100, "fee")]
