"""What follows a refusal: a table of legs, and what no terms can bring about."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds.orders import PAYMENT

from app.db.refunds.claims import ClaimedRefund
from app.db.refunds.legs import LineSoFar
from app.domain.owed.terms import PartRefunded, Terms
from app.domain.refund_ids import lowest_id, next_leg_id, refund_id
from app.domain.refund_update import NextLeg
from app.domain.statuses import RefundForm, RefundStatus
from app.gateways.outcomes import Indeterminate, Rejected
from app.refunds import policy
from app.refunds.decide import decide_after_call, decide_by_ladder
from app.refunds.legs.ladder import (
    CANNOT_BE_REFUNDED,
    EXCEEDS_REMAINING,
    HAS_NO_ACCOUNT,
    MAX_LEGS,
    NO_LADDER,
    NOT_CAPTURED,
    Ladder,
    RefusedLeg,
    ladder_of,
    may_go_on,
    next_leg,
)
from app.refunds.policy import AttemptContext

ORIGINAL, STORE_CREDIT, VOID = RefundForm.ORIGINAL, RefundForm.STORE_CREDIT, RefundForm.VOID
TO_CREDIT = Ladder((STORE_CREDIT,))
RESTS = Ladder(returns_rest=True)
WINDOW = "refund_window_expired"


def refused(code=WINDOW, form=ORIGINAL, *, amount=2000, leg=1, tried=(), **known):
    return RefusedLeg(leg, form, frozenset({form, *tried}), amount, code, **known)


CASES = {
    "without terms it is a person's": (NO_LADDER, refused(), None),
    "value follows where it was named": (TO_CREDIT, refused(), (STORE_CREDIT, 2000)),
    "never after a dispute": (TO_CREDIT, refused("payment_disputed"), None),
    "nor for want of money": (TO_CREDIT, refused("insufficient_balance"), None),
    "nor where it may be somebody else's": (TO_CREDIT, refused("payment_not_found"), None),
    "nor where nothing is known of the code": (TO_CREDIT, refused("http_418"), None),
    "each form once": (TO_CREDIT, refused(form=STORE_CREDIT, leg=2, tried=[ORIGINAL]), None),
    "who is not known to the payments service may be an operator's to mend": (
        TO_CREDIT,
        refused("account_not_found"),
        None,
    ),
    "who has no account for value gets money": (
        Ladder((ORIGINAL,)),
        refused("account_not_found", STORE_CREDIT),
        (ORIGINAL, 2000),
    ),
    "money may follow value": (
        Ladder((ORIGINAL,)),
        refused("form_not_supported", STORE_CREDIT),
        (ORIGINAL, 2000),
    ),
    "what is left comes back": (
        RESTS,
        refused(EXCEEDS_REMAINING, remaining_minor=700),
        (ORIGINAL, 700),
    ),
    "not where nobody knows what is left": (RESTS, refused(EXCEEDS_REMAINING), None),
    "nor where nothing is": (RESTS, refused(EXCEEDS_REMAINING, remaining_minor=0), None),
    "nor where it would be no less": (
        RESTS,
        refused(EXCEEDS_REMAINING, remaining_minor=2000),
        None,
    ),
    "a rest is a person's by other terms": (
        TO_CREDIT,
        refused(EXCEEDS_REMAINING, remaining_minor=700),
        None,
    ),
    "what was never captured is let go": (
        NO_LADDER,
        refused(NOT_CAPTURED, is_whole=True),
        (VOID, 2000),
    ),
    "but not a part of it": (TO_CREDIT, refused(NOT_CAPTURED), None),
    "nor is it given in another form": (
        TO_CREDIT,
        refused("form_not_supported", VOID, leg=2, tried=[ORIGINAL]),
        None,
    ),
}


@pytest.mark.parametrize(("ladder", "leg", "follows"), CASES.values(), ids=CASES)
def test_what_follows_a_refusal(ladder, leg, follows):
    assert next_leg(ladder, leg) == (None if follows is None else NextLeg(*follows))
    if follows is not None:
        assert may_go_on(ladder, leg.form, leg.code)


amounts = st.integers(1, 10**12)
ladders = st.builds(
    Ladder,
    st.lists(st.sampled_from([ORIGINAL, STORE_CREDIT]), unique=True).map(tuple),
    st.booleans(),
)
codes = st.sampled_from(
    [
        *CANNOT_BE_REFUNDED,
        *HAS_NO_ACCOUNT,
        NOT_CAPTURED,
        EXCEEDS_REMAINING,
        "payment_disputed",
        "anything",
    ]
)


@given(ladders, st.data(), amounts, st.sampled_from([ORIGINAL, STORE_CREDIT]))
def test_a_line_has_few_legs_and_none_is_of_more_than_the_one_before(ladder, data, amount, form):
    tried, leg = {form}, 1
    while True:
        one = RefusedLeg(
            leg,
            form,
            frozenset(tried),
            amount,
            data.draw(codes),
            data.draw(st.booleans()),
            data.draw(st.none() | st.integers(0, 10**12)),
        )
        follows = next_leg(ladder, one)
        if follows is None:
            break
        assert one.code != "payment_disputed"
        assert 0 < follows.amount_minor <= amount
        form, amount, leg = follows.form, follows.amount_minor, leg + 1
        tried.add(form)
    assert leg <= MAX_LEGS


def test_a_payment_of_which_less_and_less_is_left_is_a_persons_in_the_end():
    one, legs = refused(EXCEEDS_REMAINING, remaining_minor=1000), 1
    while follows := next_leg(RESTS, one):
        legs += 1
        left = follows.amount_minor // 2
        one = refused(EXCEEDS_REMAINING, amount=left * 2, leg=legs, remaining_minor=left)
    assert legs == MAX_LEGS


@pytest.mark.parametrize(("attempts", "goes_on"), [(1, True), (2, False)])
def test_a_form_that_is_no_more_says_nothing_of_an_order_that_was_sent_before(attempts, goes_on):
    claimed = ClaimedRefund(
        *("0199c3a2-6f00-7000-8000-0a1b2c3d4e5f", 1, RefundStatus.SUBMITTED, "p1", 2000, "CAD"),
        *(None, None, "kim", None, attempts, 0, None, 0.0, ""),
        returned_as=STORE_CREDIT,
    )
    refusal = policy.rejected("form_not_supported", "404")
    line = LineSoFar(frozenset({STORE_CREDIT}), is_whole=True)
    of = (claimed, refusal, Ladder((ORIGINAL,)), line)
    update = decide_by_ladder(*of, remaining_minor=None)
    assert (update.next_leg is not None) is goes_on


class Silent:
    """A gateway whose look-ups are not answered."""

    async def look_up(self, _order):
        return Indeterminate("no answer")


@pytest.mark.parametrize("code", [WINDOW, "already_refunded"])
async def test_a_refusal_is_no_verdict_while_an_earlier_call_may_have_been_made(code):
    context = AttemptContext(2, 0.0, 3600.0, jitter=0.0)
    refusal = Rejected(code, "too late", None)
    update = await decide_after_call(Silent(), PAYMENT, context, refusal, quiet_in_seconds=5.0)
    assert (update.status, update.next_leg) == (RefundStatus.INDETERMINATE, None)


def test_terms_say_the_ladder():
    terms = Terms(fallback=(STORE_CREDIT,), part_refunded=PartRefunded.REST)
    assert ladder_of(terms) == Ladder((STORE_CREDIT,), returns_rest=True)
    assert ladder_of(None) == ladder_of(Terms()) == NO_LADDER


@given(st.integers(0, 2**20 - 2), st.text(min_size=1, max_size=20), st.integers(2, MAX_LEGS))
def test_a_leg_has_an_id_of_its_own_in_the_range_of_its_session(position, booking, leg):
    job_id = "0199c3a2-6f00-7000-8000-0a1b2c3d4e5f"
    first = refund_id(int(job_id[:8] + job_id[9:13], 16), position, job_id, booking, 1)
    following = next_leg_id(first, leg)
    assert following == next_leg_id(first, leg) != first
    assert len(following) == len(first)
    assert lowest_id(job_id, position) <= following < lowest_id(job_id, position + 1)
