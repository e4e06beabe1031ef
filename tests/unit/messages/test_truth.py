"""Any facts: sums are the facts' own, and nothing is said to be back that is not."""

import re
from collections import Counter
from dataclasses import replace
from string import Formatter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.messages.facts import (
    LANGUAGES,
    Correspondents,
    ToldFacts,
    ToldLine,
    ToldState,
)
from app.domain.money import decimals
from app.domain.statuses import BookingStatus, Method, RefundForm
from app.messages.compose.languages import phrases_of
from app.messages.compose.message import compose
from app.messages.compose.templates.samples import YOGA

CURRENCIES = {"€": "EUR", "¥": "JPY", "HUF": "HUF", "KWD": "KWD", "IDR": "IDR"}
AMOUNTS = st.integers(0, 10**8)
LINES = st.builds(
    ToldLine,
    state=st.sampled_from(ToldState),
    method=st.just(Method.PAYMENT),
    form=st.sampled_from([RefundForm.ORIGINAL, RefundForm.VOID, RefundForm.STORE_CREDIT]),
    amount_minor=AMOUNTS,
    currency=st.sampled_from(sorted(CURRENCIES.values())),
    bonus_minor=st.sampled_from([0, 0, 250]),
    kept_amount_minor=st.sampled_from([0, 0, 1, 999]),
    expires_after=st.sampled_from([None, "2027-12-01T00:00:00Z"]),
) | st.builds(
    ToldLine,
    state=st.sampled_from(ToldState),
    method=st.just(Method.CREDIT),
    form=st.sampled_from([RefundForm.ORIGINAL, RefundForm.GOODWILL]),
    credits=st.integers(0, 1000),
    kept_credits=st.sampled_from([0, 0, 3]),
)


@st.composite
def some_facts(draw):
    sessions = []
    for number in range(draw(st.integers(1, 4))):
        lines = tuple(draw(st.lists(LINES, max_size=3)))
        status = draw(st.sampled_from(BookingStatus))
        name = f"s{draw(st.integers(0, number))}"
        sessions.append(
            replace(YOGA, session_id=name, booking_id=f"b{number}", booking_status=status)
        )
        sessions[-1] = replace(sessions[-1], lines=lines)
    return ToldFacts(tuple(sessions), is_final=True)


def to(language):
    return Correspondents("sunny", "Sunny Yoga", None, language)


# How each sentence of English begins or ends, by the state that it is said in.
STATES = {
    ToldState.RETURNED: r"^(We have|Your payment of|As a gesture of goodwill, we have)",
    ToldState.UNDER_WAY: r"under way, but not confirmed yet",
    ToldState.WITH_A_PERSON: r"^We were not able",
    ToldState.ELSEWHERE: r"^According to our records, .*(already)",
    ToldState.KEPT: r"(we keep|^We keep|is not being returned)",
}
OF_LINES = {
    ToldState.RETURNED: (
        *("Refunded", "Hold released", "Added to store credit", "Returned"),
        "Added as goodwill",
    ),
    ToldState.UNDER_WAY: ("Under way, not confirmed yet",),
    ToldState.WITH_A_PERSON: ("Not returned; we are looking into it",),
    ToldState.ELSEWHERE: ("Came back in another way",),
    ToldState.KEPT: ("Not returned",),
}
_SUM = re.compile(r"(€|¥|HUF|KWD|IDR)\s?([\d,]+(?:\.\d+)?)|([\d,]+) credits?\b")


def sums_in(text):
    found = Counter()
    for symbol, amount, credits_ in _SUM.findall(text):
        if credits_:
            found["credits"] += int(credits_.replace(",", ""))
            continue
        whole, _, part = amount.replace(",", "").partition(".")
        assert len(part) == decimals(CURRENCIES[symbol])
        found[CURRENCIES[symbol]] += int(whole + part)
    return found


def owed(facts):
    """What the facts say, by state: reckoned here anew."""
    found = {state: Counter() for state in ToldState}
    for line in facts.lines():
        is_bonus = line.state in {ToldState.RETURNED, ToldState.UNDER_WAY}
        if not (line.state is ToldState.KEPT and line.form is RefundForm.GOODWILL):
            found[line.state][line.currency] += line.amount_minor + is_bonus * line.bonus_minor
            found[line.state]["credits"] += line.credits
        found[ToldState.KEPT][line.currency] += line.kept_amount_minor
        found[ToldState.KEPT]["credits"] += line.kept_credits
    return {state: +total for state, total in found.items()}


@given(facts=some_facts())
@settings(deadline=None, max_examples=100)
def test_every_sum_that_is_said_is_the_facts_own(facts):
    text = compose(facts, to("en")).text
    top, _, below = text.partition("\nCancelled class")
    told = {state: Counter() for state in ToldState}
    listed = {state: Counter() for state in ToldState}
    for paragraph in top.split("\n\n"):
        sentence = paragraph.partition(" This includes a bonus")[0]
        if not sums_in(sentence):
            continue
        [state] = [one for one, words in STATES.items() if re.search(words, sentence)]
        told[state] += sums_in(sentence)
    for line in below.splitlines():
        label, colon, sums = line.strip().partition(": ")
        if colon:
            [state] = [one for one, labels in OF_LINES.items() if label in labels]
            listed[state] += sums_in(sums)
    assert told == owed(facts)
    if len({one.session_id for one in facts.sessions}) > 1:
        assert listed == owed(facts)


def said_only_of(language):
    """What is said only of sums that came back, by what they are of, as patterns."""
    phrases = phrases_of(language)
    found = {kind: [f"^{_any(phrase)}"] for kind, phrase in phrases.returned.items()}
    for kind, patterns in found.items():
        patterns.append(f"^  {_any(phrases.line[f'returned_{kind}'])}$")
    found["payment"].append(re.escape(phrases.arrival))
    return found


def _any(phrase):
    """A phrase with any sum in it."""
    pieces = [re.escape(words) for words, *_ in Formatter().parse(phrase)]
    return r"[^\n]+".join([*pieces, ""] if phrase.endswith("}") else pieces)


@pytest.mark.parametrize("language", LANGUAGES)
@given(facts=some_facts())
@settings(deadline=None, max_examples=25)
def test_nothing_says_that_it_came_back_which_did_not(language, facts):
    text = compose(facts, to(language)).text
    returned = set()
    for line in facts.lines():
        if line.state is ToldState.RETURNED and (
            line.amount_minor or line.bonus_minor or line.credits
        ):
            own = "payment" if line.method is Method.PAYMENT else "credits"
            returned.add(own if line.form is RefundForm.ORIGINAL else line.form.value)
    for kind, patterns in said_only_of(language).items():
        is_said = [bool(re.search(pattern, text, re.MULTILINE)) for pattern in patterns]
        if kind in returned:
            assert is_said[0]
        else:
            assert not any(is_said)


@given(before=some_facts(), now=some_facts())
@settings(deadline=None, max_examples=60)
def test_a_change_says_just_what_is_more_and_what_came_back_no_more(before, now):
    text = compose(now, to("en"), told_before=before).text
    if "This is how everything stands now." not in text:
        assert before.sessions == now.sessions
        return
    head = text.partition("This is how everything stands now.")[0]
    lost, news = Counter(), {state: Counter() for state in ToldState}
    for line in head.splitlines():
        if line.startswith("- Our last message said"):
            lost += sums_in(line)
        elif line.startswith("- "):
            sentence = line[2:].partition(" This includes a bonus")[0]
            states = [one for one, words in STATES.items() if re.search(words, sentence)]
            if not states:
                assert "on top are not being added" in sentence
                continue
            news[states[0]] += sums_in(sentence)
    was, is_ = owed(before), owed(now)
    for state in ToldState:
        # Within a state a sum may have moved from one form to another: the balance is the same.
        balance = Counter(is_[state])
        balance.subtract(was[state])
        more = Counter(news[state])
        if state is ToldState.RETURNED:
            more.subtract(lost)
            assert {k: v for k, v in more.items() if v} == {k: v for k, v in balance.items() if v}
        else:
            assert all(more[key] >= value for key, value in balance.items())
