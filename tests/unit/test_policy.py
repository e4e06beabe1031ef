"""What is returned and what an upstream's word means.

As a table, and as properties over every age and jitter.
"""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.owed.terms import FIRST_POLICY, nothing_to_return
from app.domain.statuses import RefundStatus
from app.refunds import policy
from app.refunds.policy import AttemptContext

FINAL = {"succeeded", "rejected", "skipped", "resolved"}
trails = st.builds(
    AttemptContext,
    attempts=st.integers(0, 200),
    age_seconds=st.floats(0, 1e7),
    give_up_after_seconds=st.just(72 * 3600.0),
    jitter=st.floats(0, 1, exclude_max=True),
)
retry_after = st.none() | st.floats(0, 1e9)


def context(*, attempts=1, age=0.0, jitter=0.5, in_vain=0):
    return AttemptContext(
        attempts=attempts,
        age_seconds=age,
        give_up_after_seconds=3600.0,
        jitter=jitter,
        in_vain=in_vain,
    )


@pytest.mark.parametrize(
    ("status", "started", "include_attended", "paid", "reason"),
    [
        ("booked", False, False, True, None),
        ("booked", True, False, True, None),
        ("booked", False, False, False, "nothing_paid"),
        ("booked", True, True, False, "nothing_paid"),
        ("waitlisted", False, False, True, None),
        ("waitlisted", True, False, True, None),
        ("waitlisted", False, False, False, "nothing_paid"),
        ("checked_in", False, False, True, None),
        ("checked_in", False, False, False, "nothing_paid"),
        ("checked_in", True, False, True, "attended"),
        ("checked_in", True, False, False, "attended"),
        ("checked_in", True, True, True, None),
        ("checked_in", True, True, False, "nothing_paid"),
    ],
)
def test_who_gets_nothing_back_and_why(status, started, include_attended, paid, reason):
    assert (
        nothing_to_return(status, started=started, include_attended=include_attended, paid=paid)
        == reason
    )


def test_the_first_policy_kept_what_waiting_clients_had_paid():
    for paid in (True, False):
        case = {"started": False, "include_attended": False, "paid": paid, "policy": FIRST_POLICY}
        assert nothing_to_return("waitlisted", **case) == "waitlisted"


@given(trails, retry_after, st.booleans(), st.floats(0, 1e4))
def test_every_verdict_is_a_known_status_and_only_what_may_change_is_due_again(
    one, after, throttled, quiet
):
    verdicts = [
        policy.succeeded("re_1"),
        policy.rejected("code", "detail"),
        policy.refunded_elsewhere("detail"),
        policy.processing(one, "re_1"),
        policy.not_done(one, "code", "detail", retry_after_seconds=after, throttled=throttled),
        policy.unknown("detail", quiet_in_seconds=quiet),
        policy.not_found(one),
        policy.lookup_failed(one, "processing", "detail", pause_seconds=one.pause()),
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
        assert policy.lookup_failed(one, status, "detail", pause_seconds=1.0).status == status
        assert policy.not_started(status).status == status


def test_an_unknown_outcome_is_looked_up_only_once_the_call_can_no_longer_land():
    assert policy.unknown("timeout", quiet_in_seconds=12.5).due_in_seconds == 12.5


def test_what_the_upstream_has_nothing_of_is_sent_again_at_once_but_not_for_ever():
    assert policy.not_found(context(attempts=1)).status == "pending"
    assert policy.not_found(context(attempts=1)).due_in_seconds == 0.0
    assert policy.not_found(context(attempts=policy.MAX_SENDS)).status == "indeterminate"


def test_a_throttled_call_costs_no_attempt_and_waits_as_long_as_it_was_told():
    verdict = policy.not_done(
        context(), "throttled", "wait", retry_after_seconds=30.0, throttled=True
    )
    assert (verdict.status, verdict.uncounted) == ("pending", True)
    assert 30.0 <= verdict.due_in_seconds <= 31.0


@pytest.mark.parametrize("age", [0.0, 60.0, 3000.0])
def test_one_accident_puts_a_refund_off_by_half_a_second_however_old_it_is(age):
    for throttled in (True, False):
        verdict = policy.not_done(
            context(age=age), "code", "wait", retry_after_seconds=None, throttled=throttled
        )
        assert 0.25 <= verdict.due_in_seconds <= 0.5


def test_each_refusal_doubles_a_refund_s_pause_up_to_a_limit_that_is_longer_in_trouble():
    for throttled, longest in ((True, 30.0), (False, 300.0)):
        pauses = [
            policy.not_done(
                context(in_vain=n, jitter=1.0),
                "code",
                "wait",
                retry_after_seconds=None,
                throttled=throttled,
            ).due_in_seconds
            for n in range(40)
        ]
        assert pauses[:4] == [0.5, 1.0, 2.0, 4.0]
        assert pauses[-1] == max(pauses) == longest


@given(trails, st.floats(0, 1e9), st.booleans())
def test_a_wait_that_was_asked_for_is_kept_up_to_a_quarter_of_an_hour(one, seconds, throttled):
    verdict = policy.not_done(
        one, "code", "detail", retry_after_seconds=seconds, throttled=throttled
    )
    if verdict.status == "pending":
        assert min(seconds, 900.0) <= verdict.due_in_seconds <= 901.0


def test_out_of_patience_a_person_is_asked():
    late = context(age=3600.0)
    assert policy.processing(late, "re_1").due_in_seconds is None
    given_up = policy.not_done(
        late, "unavailable", "503", retry_after_seconds=None, throttled=False
    )
    assert (given_up.status, given_up.failure_code) == ("rejected", "upstream_unavailable")
    assert (policy.not_found(late).status, policy.not_found(late).due_in_seconds) == (
        "indeterminate",
        None,
    )
    verdict = policy.lookup_failed(late, "processing", "502", pause_seconds=1.0)
    assert (verdict.status, verdict.due_in_seconds) == ("processing", None)


DAY = 86_400.0


@pytest.mark.parametrize(
    ("reason", "days"),
    [
        ("requires_action", 45),
        ("insufficient_funds", 45),
        ("charge_pending", 14),
        ("processing", 59),
    ],
)
def test_what_waits_for_somebody_is_not_given_up_before_its_time(reason, days):
    waits = policy.waits_for("processing", reason)
    for one in (context(age=days * DAY), replace(context(age=days * DAY), waits_for=waits)):
        verdict = policy.processing(one, "re_1", reason)
        assert (verdict.status, verdict.failure_code) == ("processing", reason)
        assert verdict.due_in_seconds <= 6 * 3600
    later = replace(context(age=days * DAY), waits_for=waits)
    for verdict in (
        policy.lookup_failed(later, "processing", "502", pause_seconds=1.0),
        policy.upstream_paused(later, "processing", due_in_seconds=1.0),
        policy.not_started("processing", waits_for=waits),
    ):
        assert (verdict.failure_code, verdict.due_in_seconds is None) == (reason, False)
    assert (
        policy.processing(context(age=(days + 2) * DAY), "re_1", reason).failure_code == "gave_up"
    )


def test_an_unknown_reason_is_shown_and_waits_no_longer():
    assert policy.processing(context(), "re_1", "new_word").failure_code == "new_word"
    assert policy.processing(context(age=3600.0), "re_1", "new_word").failure_code == "gave_up"
    assert policy.waits_for("processing", "new_word") is None
    assert policy.waits_for("indeterminate", "requires_action") is None


@pytest.mark.parametrize("reason", ["requires_action", "insufficient_funds", "charge_pending"])
@pytest.mark.parametrize("age", [1.0, 3600.0, DAY, 14 * DAY])
def test_ten_thousand_that_wait_are_looked_up_fewer_than_25_times_a_second(reason, age):
    for jitter in (0.0, 0.5, 0.99):
        pause = policy.processing(context(age=age, jitter=jitter), "re_1", reason).due_in_seconds
        assert 10_000 / pause < 25


@given(st.integers(0, 10_000), st.floats(0, 1, exclude_max=True))
def test_pauses_double_with_the_attempts_within_bounds(attempts, jitter):
    pause = context(attempts=attempts, jitter=jitter).pause()
    assert 0.5 <= pause <= 300.0
    assert context(attempts=attempts + 1, jitter=jitter).pause() >= pause
    assert context(attempts=attempts, jitter=jitter).pause(at_least=500.0) == 500.0


def test_success_and_somebody_else_s_refund_are_the_end_of_it():
    assert policy.succeeded("re_1").definitive
    elsewhere = policy.refunded_elsewhere("already refunded")
    assert (elsewhere.status, elsewhere.failure_code) == ("skipped", "already_refunded_elsewhere")


def test_codes_and_details_fit_their_columns():
    verdict = policy.rejected("c" * 100, "d" * 1000)
    assert (len(verdict.failure_code), len(verdict.failure_detail)) == (64, 500)


def test_a_claim_that_was_not_acted_on_is_as_it_was_before():
    assert policy.not_started("submitted").status == "pending"
    assert policy.not_started("submitted").uncounted
