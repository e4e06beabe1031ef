"""When a webhook is tried again, and what counts as taken."""

import pytest

from app.webhooks.retries import PAUSES_SECONDS, is_delivered, is_gone, next_in


def test_there_are_ten_attempts_over_more_than_three_days():
    pauses = [next_in(tries, jitter=0.0, retry_after_seconds=None) for tries in range(1, 11)]
    assert pauses == [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400, None]
    assert sum(PAUSES_SECONDS) > 3 * 86_400


@pytest.mark.parametrize("tries", [11, 12, 1000])
def test_after_the_tenth_there_is_none_whatever_the_endpoint_asks_for(tries):
    assert next_in(tries, jitter=0.5, retry_after_seconds=None) is None
    assert next_in(tries, jitter=0.5, retry_after_seconds=60.0) is None


@pytest.mark.parametrize("tries", range(1, 10))
def test_a_pause_is_never_shorter_than_it_says_and_at_most_a_tenth_longer(tries):
    shortest, middle, longest = (
        next_in(tries, jitter=jitter, retry_after_seconds=None) for jitter in (0.0, 0.5, 1.0)
    )
    assert shortest == PAUSES_SECONDS[tries - 1]
    assert (middle, longest) == pytest.approx((1.05 * shortest, 1.1 * shortest))


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        (0.0, 300),
        (1.0, 300),
        (299.9, 300),
        (301.0, 301),
        (900.0, 900),
        (86_400.0, 86_400),
        (1e9, 86_400),
    ],
)
def test_retry_after_makes_a_pause_longer_up_to_a_day_and_never_shorter(asked, seconds):
    assert next_in(2, jitter=0.0, retry_after_seconds=asked) == seconds


def test_retry_after_does_not_shorten_what_jitter_has_made_longer():
    assert next_in(1, jitter=1.0, retry_after_seconds=5.2) == pytest.approx(5.5)


@pytest.mark.parametrize(
    ("code", "delivered"),
    [(None, False), (199, False), (200, True), (204, True), (299, True), (300, False)],
)
def test_only_a_2xx_is_a_delivery(code, delivered):
    assert is_delivered(code) is delivered


@pytest.mark.parametrize("code", [None, 200, 404, 409, 411, 500])
def test_only_410_says_gone(code):
    assert is_gone(410)
    assert not is_gone(code)
