"""What each answer makes of a rate, phase by phase.

It is measured, checked, probed, or found to be no rate at all. Pure, as `rate` is. What passed
between two moments at which the upstream's bucket was empty is the rate; what is refused at other
times is an accident, until there is too much of it.
"""

import math
from typing import Final

from app.refunds.pacing.rate import CHECK_UNDER, FASTEST, AnsweredCall, Phase, Rate

# Accidents to reckon with while there is no pace; seven refusals in a row are sure.
_FREE_ACCIDENTS: Final = 0.05
_FREE_SURE: Final = 12.0
_ACCIDENTS: Final = 0.01  # and at a pace; two close together are sure
_SURE: Final = 6.0
_PROBE_SURE: Final = 3.0  # one, where there are no accidents
_CHECKED: Final = 20  # calls
_MEASURED: Final = 20  # that passed, for a rate to be known of less than a second
_DARK_AFTER: Final = 8  # refusals in a row
_STEPS: Final = (1.1, 1.1, 1.1, 1.25, 1.25)
_LATER_STEPS: Final = 1.5
# Where the rate is shared each step takes longer: bolder at first, for the bucket fills meanwhile,
# and smaller later, for its end is heard of late.
_SHARED_STEPS: Final = (1.1, 1.3, 1.3, 1.3, 1.3)
_SHARED_LATER_STEPS: Final = 1.25
_SHORT: Final = 5  # steps of a climb in which we could not send so fast


def weigh_answer(rate: Rate, one: AnsweredCall) -> None:
    """Learn from an answer."""
    if not one.refused:
        _passed(rate, one)
        return
    rate.refused_in_a_row += 1
    if one.retry_after_seconds > 0:
        rate.least_asked = min(one.retry_after_seconds, rate.least_asked or math.inf)
    if rate.phase is Phase.DARK:
        if one.sent_at >= rate.quiet_until:
            rate.darken(one.at, one.retry_after_seconds)
    elif (
        rate.refused_in_a_row >= _DARK_AFTER
        and rate.phase is not Phase.FREE
        and _is_dark(rate, one.at)
    ):
        rate.darken(one.at, rate.least_asked or 0.0)
    else:
        _weigh(rate, one)


def _passed(rate: Rate, one: AnsweredCall) -> None:
    rate.refused_in_a_row, rate.passed_at = 0, one.at
    rate.latency += (one.at - one.sent_at - rate.latency) * 0.05
    if rate.phase is Phase.DARK:
        if one.sent_at < rate.quiet_until:
            return
        rate.dark_seconds = 1.0
        if rate.before is None:
            rate.go_free()
        else:
            rate.cruise(one.sent_at, rate.before)
            rate.measured_at = one.at
    _weigh(rate, one)


def _weigh(rate: Rate, one: AnsweredCall) -> None:
    match rate.phase:
        case Phase.FREE:
            if not rate.evidence.weight:
                rate.evidence.seen(refused=one.refused, over=2_000)
            if _is_sure(rate, one, _FREE_ACCIDENTS, _FREE_SURE):
                rate.measure(one.at)
        case Phase.MEASURE:
            _measuring(rate, one)
        case Phase.CHECK:
            _checking(rate, one)
        case Phase.CRUISE:
            _cruising(rate, one)
        case Phase.CLIMB:
            _climbing(rate, one)
        case Phase.DARK:
            pass


def _is_sure(rate: Rate, one: AnsweredCall, base: float, sure: float) -> bool:
    return rate.evidence.weigh(one.sent_at, refused=one.refused, base=base, sure=sure)


def _measuring(rate: Rate, one: AnsweredCall) -> None:
    seen = rate.evidence
    seen.count(one.sent_at, refused=one.refused)
    if one.sent_at <= rate.known_from:
        return
    more = seen.passing - seen.passed
    rate.expected += more / seen.passing
    rate.refused_after += one.refused
    rate.after += 1
    # A bucket would have refused fewer of what we send above its rate.
    if rate.refused_after > 1.5 * rate.expected + 8:
        _not_the_rate(rate, one.at, rate.refused_after / rate.after)
        return
    if (
        seen.seconds <= 0.3 + rate.delay
        or not seen.passed
        or (seen.passed < _MEASURED and seen.seconds <= 1.0)
    ):
        return
    if seen.last_at - seen.first_at > seen.seconds / 2:  # its bucket was empty at both ends
        rate.cruise(seen.last_at, seen.passed_at_last / (seen.last_at - seen.first_at))
        rate.since_anchor = seen.passed - seen.passed_at_last
    elif rate.refused_after > max(2, 0.1 * rate.after):
        rate.cruise(seen.heard_to, seen.passed / seen.seconds)
    else:
        _hardly_refused(rate, one.at)
        return
    rate.phase, rate.measured_at = Phase.CHECK, one.at
    rate.after = rate.refused_after = 0


def _hardly_refused(rate: Rate, now: float) -> None:
    """Go back to a little under what passed before.

    What passes now is no more than what we send.
    """
    seen = rate.evidence
    passing = seen.passed / seen.seconds
    if rate.before is None:
        pace = rate.pace(now) or FASTEST
        rate.anchor = None
        rate.climb(now, CHECK_UNDER * pace, steps=2)
    elif _was_refused_for(rate, passing):
        rate.cruise(seen.heard_to, passing)
        rate.phase, rate.measured_at, rate.after, rate.refused_after = Phase.CHECK, now, 0, 0
    else:
        keeps = passing > 0.85 * rate.before
        rate.cruise(seen.heard_to, rate.before * (1.0 if keeps else CHECK_UNDER), is_measured=keeps)
        rate.measured_at = now


def _was_refused_for(rate: Rate, passing: float) -> bool:
    """Whether refusals before the pace was lowered fit a rate of what passes now."""
    seen, before = rate.evidence, rate.before or passing
    calls, refused = seen.passed + seen.refused - rate.after, seen.refused - rate.refused_after
    return (
        calls >= _CHECKED
        and passing < 0.7 * before
        and refused >= 0.5 * calls * (1 - passing / before)
    )


def _checking(rate: Rate, one: AnsweredCall) -> None:
    if one.sent_at < rate.known_from:
        _same_moment(rate, one)
        return
    rate.after += 1
    rate.refused_after += one.refused
    if rate.anchor is not None and one.sent_at > rate.anchor:
        rate.since_anchor += not one.refused
    if rate.after < _CHECKED:
        return
    share = rate.refused_after / rate.after
    if share >= max(0.1, 0.6 * rate.alarm_share):
        # As many are refused as before, though we are slower than what passed.
        _not_the_rate(rate, one.at, share)
        return
    rate.phase = Phase.CRUISE
    if share > 0.15:  # noqa: PLR2004
        rate.per_second = rate.known * CHECK_UNDER


def _not_the_rate(rate: Rate, now: float, share: float) -> None:
    rate.evidence.accidents = share
    if rate.before is None:
        rate.go_free()
    else:
        rate.anchor = None
        rate.climb(now, rate.before, steps=2)


def _same_moment(rate: Rate, one: AnsweredCall) -> None:
    """Take in a call that left before we knew the bucket to be empty.

    It still was, when this call came.
    """
    if rate.anchor is None or one.sent_at <= rate.anchor:
        return
    if one.refused:
        rate.anchor, rate.since_anchor = one.sent_at, 0
    else:
        rate.since_anchor += 1


def _cruising(rate: Rate, one: AnsweredCall) -> None:
    if one.sent_at < rate.known_from:
        _same_moment(rate, one)
        return
    anchor = one.sent_at if rate.anchor is None else rate.anchor
    since = one.sent_at - anchor
    may = rate.known * since  # what can have passed since the bucket was empty
    is_probe = since >= rate.probe_after
    rate.since_anchor += not one.refused
    if rate.is_measured and not is_probe:
        rate.evidence.seen(refused=one.refused, over=400)
    if not _is_sure(rate, one, _ACCIDENTS, _PROBE_SURE if is_probe else _SURE):
        if is_probe and rate.since_anchor > may + max(2.0, 0.015 * may):
            rate.climb(one.at, rate.pace(one.at) or rate.known, steps=0)
    elif is_probe and rate.since_anchor >= may - max(2.0, 0.03 * may):
        rate.cruise(one.sent_at, rate.known + (rate.since_anchor / since - rate.known) * 0.7)
        rate.measured_at = one.at
    else:
        rate.top = rate.known
        rate.measure(one.at)


def _climbing(rate: Rate, one: AnsweredCall) -> None:
    rate.since_anchor += not one.refused
    if _is_sure(rate, one, _ACCIDENTS, _PROBE_SURE if rate.steps < 3 else _SURE):  # noqa: PLR2004
        _climbed(rate, one)
        return
    since = one.at - rate.step_at
    if since < max(0.1, rate.delay) or rate.evidence.weight:
        return  # in doubt: neither faster nor slower
    sent, rate.step_at, rate.sent = rate.sent / since, one.at, 0
    if sent > 0.8 * rate.top:
        rate.top *= _step(rate)
        rate.short, rate.steps = 0, rate.steps + 1
        rate.climbed = [*rate.climbed[-2:], rate.top]
    else:
        rate.short += 1
        if rate.short >= _SHORT:
            rate.go_free()  # we can't send as fast as we may


def _step(rate: Rate) -> float:
    steps, later = (_SHARED_STEPS, _SHARED_LATER_STEPS) if rate.lag else (_STEPS, _LATER_STEPS)
    return steps[rate.steps] if rate.steps < len(steps) else later


def _climbed(rate: Rate, one: AnsweredCall) -> None:
    known = rate.per_second
    if (
        rate.steps < len(_STEPS)
        and known
        and rate.anchor is not None
        and one.sent_at > rate.anchor + 0.3
    ):
        # The rate had been a little too low.
        rate.cruise(one.sent_at, rate.since_anchor / (one.sent_at - rate.anchor))
        rate.measured_at = one.at
        return
    passed = max(rate.climbed[0], known or 1.0)
    rate.top = passed * 1.1
    rate.measure(one.at)
    rate.before = passed


def _is_dark(rate: Rate, now: float) -> bool:
    return now - rate.passed_at > max(0.5, 4 * rate.delay)
