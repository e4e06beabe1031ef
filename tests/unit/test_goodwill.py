"""Goodwill: the rule of who gets it, asked of everything that it depends on."""

from itertools import product

import pytest

from app.domain.owed.goodwill import NO_GOODWILL, Goodwill, GoodwillFor, gives
from app.domain.statuses import BookingStatus

NOTHING_PAID = {"has_payment": False, "has_credits": False}
WORDS = tuple(GoodwillFor)


def given(status="booked", *words, credits_=2, is_kept=False, **paid):
    goodwill = Goodwill(credits_, given_for=words or WORDS)
    return gives(goodwill, status, is_kept=is_kept, **(NOTHING_PAID | paid))


@pytest.mark.parametrize("status", BookingStatus)
def test_only_who_had_a_place_gets_any(status):
    assert given(status) is (status in {"booked", "checked_in"})


@pytest.mark.parametrize("word", WORDS)
def test_each_word_means_what_was_paid_and_of_nothing_two_words_mean_the_same(word):
    found = {
        (has_payment, has_credits)
        for has_payment, has_credits in product((True, False), repeat=2)
        if given("booked", word, has_payment=has_payment, has_credits=has_credits)
    }
    assert (
        found
        == {
            "paid": {(True, True), (True, False)},
            "credit": {(True, True), (False, True)},
            "membership": {(False, False)},
            "free": {(False, False)},
        }[word]
    )


def test_a_booking_that_is_kept_gets_none_and_no_terms_give_none():
    assert not given(is_kept=True)
    assert not given(credits_=0)
    assert not gives(NO_GOODWILL, "booked", is_kept=False, **NOTHING_PAID)
