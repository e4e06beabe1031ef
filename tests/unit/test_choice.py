"""What a choice comes to: the bonus to the minor unit, and until when there is time."""

import datetime as dt

import pytest

from app.domain.owed.choice import Choice, bonus_of, open_until
from app.domain.owed.terms import Terms, asks
from app.domain.owed.terms_document import document_of, terms_of
from app.domain.statuses import RefundForm

VALUE, MONEY = RefundForm.STORE_CREDIT, RefundForm.ORIGINAL
AT = dt.datetime(2026, 11, 29, 12, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("amount", "basis_points", "bonus"),
    [
        (2005, 1000, 200),  # 200.5: to the even one
        (2015, 1000, 202),  # 201.5
        (25, 1000, 2),
        (1, 4999, 0),
        (1, 5001, 1),
        (2000, 725, 145),
        (2000, 0, 0),
        (10**12, 10_000, 10**12),
    ],
)
def test_a_bonus_is_rounded_half_to_even_and_for_store_credit_alone(amount, basis_points, bonus):
    choice = Choice(bonus_basis_points=basis_points)
    assert bonus_of(amount, VALUE, choice) == bonus
    assert bonus_of(amount, MONEY, choice) == 0


def test_the_time_to_choose_begins_when_a_hold_has_ended():
    choice = Choice(within_hours=5)
    assert open_until(choice, accepted_at=AT, hold_until=None) == AT + dt.timedelta(hours=5)
    held = AT + dt.timedelta(hours=24)
    assert open_until(choice, accepted_at=AT, hold_until=held) == held + dt.timedelta(hours=5)


def test_terms_that_ask_are_the_same_when_they_are_read_again():
    choice = Choice((VALUE, MONEY), MONEY, 24, 725)
    assert terms_of(document_of(Terms(choice=choice))).choice == choice
    old = {name: one for name, one in document_of(Terms()).items() if name != "choice"}
    assert terms_of(old).choice is None
    assert asks(Terms(choice=choice))
    assert not asks(Terms(choice=Choice(default=VALUE)))
    assert not asks(Terms())
