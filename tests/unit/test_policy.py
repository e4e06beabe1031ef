"""What is returned and what an upstream's word means, as a table and as properties over every age and jitter."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cancellation import policy
from app.cancellation.policy import Trail, nothing_to_return
from app.db.tables import RefundStatus

FINAL = {"succeeded", "rejected", "skipped", "resolved"}
trails = st.builds(
    Trail,
    attempts=st.integers(0, 200),
    age_seconds=st.floats(0, 1e7),
    give_up_after_seconds=st.just(72 * 3600.0),
    jitter=st.floats(0, 1, exclude_max=True),
)
retry_after = st.none() | st.floats(0, 1e9)


def trail(*, attempts=1, age=0.0, jitter=0.5):
    return Trail(attempts=attempts, age_seconds=age, give_up_after_seconds=3600.0, jitter=jitter)


@pytest.mark.parametrize(
    ("status", "started", "include_attended", "paid", "reason"),
    [
        ("booked", False, False, True, None),
        ("booked", True, False, True, None),
        ("booked", False, False, False, "nothing_paid"),
        ("booked", True, True, False, "nothing_paid"),
        ("waitlisted", False, False, True, "waitlisted"),
        ("waitlisted", True, True, True, "waitlisted"),
        ("waitlisted", False, False, False, "waitlisted"),
        ("checked_in", False, False, True, None),
        ("checked_in", False, False, False, "nothing_paid"),
        ("checked_in", True, False, True, "attended"),
        ("checked_in", True, False, False, "attended"),
        ("checked_in", True, True, True, None),
        ("checked_in", True, True, False, "nothing_paid"),
    ],
)
def test_who_gets_nothing_back_and_why(status, started, include_attended, paid, reason):
    assert nothing_to_return(status, started=started, include_attended=include_attended, paid=paid) == reason


@given(trails, retry_after, st.booleans(), st.floats(0, 1e4))
def test_every_verdict_is_a_known_status_and_only_what_may_change_is_due_again(one, after, throttled, quiet):
    verdicts = [
        policy.succeeded("re_1"),
        policy.rejected("code", "detail"),
        policy.refunded_elsewhere("detail"),
        policy.processing(one, "re_1"),
        policy.not_done(one, "code", "detail", retry_after_seconds=after, throttled=throttled),
        policy.unknown("detail", quiet_in_seconds=quiet),
        policy.absent(one),
        policy.unanswered(one, "processing", "detail", pause_seconds=one.pause()),
    ]
    for verdict in verdicts:
        assert verdict.status in set(RefundStatus)
        if verdict.status in FINAL:
            assert verdict.due_in_seconds is None
        if verdict.status in {"pending", "submitted"}:
            assert verdict.due_in_seconds is not None
        if verdict.due_in_seconds is not None:
            assert verdict.due_in_seconds >= 0


@given(trails, st.floats(0, 1e4))
def test_an_unknown_outcome_is_never_sent_again_before_a_look_up(one, quiet):
    assert policy.unknown("detail", quiet_in_seconds=quiet).status == "indeterminate"
    for status in ("indeterminate", "processing"):
        assert policy.unanswered(one, status, "detail", pause_seconds=1.0).status == status
        assert policy.unstarted(status).status == status


def test_an_unknown_outcome_is_looked_up_only_once_the_call_can_no_longer_land():
    assert policy.unknown("timeout", quiet_in_seconds=12.5).due_in_seconds == 12.5


def test_what_the_upstream_has_nothing_of_is_sent_again_at_once_but_not_for_ever():
    assert policy.absent(trail(attempts=1)).status == "pending"
    assert policy.absent(trail(attempts=1)).due_in_seconds == 0.0
    assert policy.absent(trail(attempts=policy.MOST_SENDS)).status == "indeterminate"


def test_a_throttled_call_costs_no_attempt_and_waits_as_long_as_it_was_told():
    verdict = policy.not_done(trail(), "throttled", "wait", retry_after_seconds=30.0, throttled=True)
    assert (verdict.status, verdict.uncounted) == ("pending", True)
    assert 30.0 <= verdict.due_in_seconds <= 31.0


@given(trails, st.floats(0, 1e9), st.booleans())
def test_a_wait_that_was_asked_for_is_kept_up_to_a_quarter_of_an_hour(one, seconds, throttled):
    verdict = policy.not_done(one, "code", "detail", retry_after_seconds=seconds, throttled=throttled)
    if verdict.status == "pending":
        assert min(seconds, 900.0) <= verdict.due_in_seconds <= 901.0


def test_out_of_patience_a_person_is_asked():
    late = trail(age=3600.0)
    assert policy.processing(late, "re_1").due_in_seconds is None
    given_up = policy.not_done(late, "unavailable", "503", retry_after_seconds=None, throttled=False)
    assert (given_up.status, given_up.failure_code) == ("rejected", "upstream_unavailable")
    assert (policy.absent(late).status, policy.absent(late).due_in_seconds) == ("indeterminate", None)
    verdict = policy.unanswered(late, "processing", "502", pause_seconds=1.0)
    assert (verdict.status, verdict.due_in_seconds) == ("processing", None)


@given(st.integers(0, 10_000), st.floats(0, 1, exclude_max=True))
def test_pauses_double_with_the_attempts_within_bounds(attempts, jitter):
    pause = trail(attempts=attempts, jitter=jitter).pause()
    assert 0.5 <= pause <= 300.0
    assert trail(attempts=attempts + 1, jitter=jitter).pause() >= pause
    assert trail(attempts=attempts, jitter=jitter).pause(at_least=500.0) == 500.0


def test_success_and_somebody_else_s_refund_are_the_end_of_it():
    assert policy.succeeded("re_1").definitive
    elsewhere = policy.refunded_elsewhere("already refunded")
    assert (elsewhere.status, elsewhere.failure_code) == ("skipped", "already_refunded_elsewhere")


def test_codes_and_details_fit_their_columns():
    verdict = policy.rejected("c" * 100, "d" * 1000)
    assert (len(verdict.failure_code), len(verdict.failure_detail)) == (64, 500)


def test_a_claim_that_was_not_acted_on_is_as_it_was_before():
    assert policy.unstarted("submitted").status == "pending"
    assert policy.unstarted("submitted").uncounted
