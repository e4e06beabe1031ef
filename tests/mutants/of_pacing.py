"""The defects that `make mutants` seeds in how fast refunds are called for, and what a refusal stops."""

from mutants.defects import Defect, defect

RATE = "tests/unit/test_rate.py"
RATES = "tests/integration/test_rates.py"
PACING = "tests/unit/test_pacing.py"

DEFECTS: tuple[Defect, ...] = (
    defect(
        "a single refusal is taken for a rate",
        "app/refunds/pacing/weighing.py",
        "_FREE_SURE: Final = 12.0",
        "_FREE_SURE: Final = 1.0",
        RATE,
    ),
    defect(
        "a refusal silences its lane for as long as it asks",
        "app/refunds/pacing/pace.py",
        "                if self.breaker.is_open:\n",
        "                if True:\n",
        PACING,
        RATES,
    ),
    defect(
        "a repeat without a budget keeps the place that it was let in for from those behind",
        "app/refunds/pacing/pace.py",
        "                self._let_in()\n        return Admission.GO",
        "                pass\n        return Admission.GO",
        PACING,
    ),
    defect(
        "an old refund waits for long because of one accident",
        "app/refunds/policy.py",
        "pause = context.back_off(at_least=asked_for, at_most=longest)",
        "pause = context.pause(at_least=min(asked_for, longest))",
        "tests/unit/test_policy.py",
    ),
    defect(
        "an upstream of which nothing passes is called on and on",
        "app/refunds/pacing/weighing.py",
        "_DARK_AFTER: Final = 8",
        "_DARK_AFTER: Final = 10**9",
        RATE,
    ),
    defect(
        "a pace is guessed instead of measured",
        "app/refunds/pacing/weighing.py",
        "rate.cruise(seen.last_at, seen.passed_at_last / (seen.last_at - seen.first_at))",
        "rate.cruise(seen.last_at, 2 * seen.passed_at_last / (seen.last_at - seen.first_at))",
        RATE,
    ),
    defect(
        "two workers have the whole pace each",
        "app/refunds/pacing/sharing.py",
        "return max(_SLOWEST, pace) / self.awake",
        "return max(_SLOWEST, pace)",
        RATE,
        RATES,
    ),
    defect(
        "what two workers heard is played out of order",
        "app/refunds/pacing/sharing.py",
        "until = now - (PUBLISH_EVERY_SECONDS if self.awake > 1 else 0.0)",
        "until = now",
        RATE,
    ),
    defect(
        "a climb of many goes on until all have told of its end",
        "app/refunds/pacing/sharing.py",
        "            self._braked_until = one.at + _BRAKED_SECONDS\n",
        "            pass\n",
        RATE,
    ),
    defect(
        "one refusal in a climb of many is taken for its end",
        "app/refunds/pacing/sharing.py",
        "_BRAKE_SURE: Final = 6.0",
        "_BRAKE_SURE: Final = 1.0",
        RATE,
    ),
    defect(
        "who is at a pace tells once a second",
        "app/refunds/rate_publisher.py",
        "return _READ_EVERY_SECONDS if self._account.rate.is_free else PUBLISH_EVERY_SECONDS",
        "return PUBLISH_EVERY_SECONDS if self._account.rate.has_news else _READ_EVERY_SECONDS",
        RATES,
    ),
    defect(
        "of two who find a rate at once each keeps its own",
        "app/refunds/pacing/sharing.py",
        "return kept.is_live(now) and kept.rate.phase is not Phase.FREE",
        "return False",
        RATES,
    ),
    defect(
        "a rate is kept for ever",
        "app/refunds/pacing/sharing.py",
        "REMEMBERED_SECONDS: Final = 600.0",
        "REMEMBERED_SECONDS: Final = 1e9",
        RATE,
        RATES,
    ),
    defect(
        "a pace is found and nobody is told",
        "app/refunds/pacing/pace.py",
        "            self.account.publish_at_once()\n",
        "            pass\n",
        PACING,
    ),
    defect(
        "more is claimed than a pace lets go before the lease ends",
        "app/refunds/slices/lane.py",
        "most = min(most, math.ceil(_CLAIMED_SECONDS * pace.per_second) - pace.in_line)",
        "pass",
        RATES,
    ),
    defect(
        "look-ups wait for sends that hang",
        "app/refunds/slices/claiming.py",
        "calls = lane.sends if claimed.status == RefundStatus.SUBMITTED else lane.look_ups",
        "calls = lane.sends",
        RATES,
    ),
    defect(
        "two calls are at one payment at once",
        "app/refunds/slices/calling.py",
        "key = one[0].payment_id or one[0].account_id or one[0].id",
        "key = one[0].id",
        RATES,
    ),
    defect(
        "another call at the same payment is taken for a rate",
        "app/gateways/stripe/errors.py",
        "        return Limit.OBJECT\n",
        "        return Limit.RATE\n",
        "tests/integration/stripe/test_stripe.py",
    ),
)
