"""The defects of lanes that `make mutants` seeds, in the form of `defects`; see `of_webhooks` too."""

from mutants.defects import Defect, defect

LANE = "app/lanes/lane.py"
START = "app/lanes/start.py"
PAUSES = "app/lanes/pauses.py"
TESTS = "tests/unit/test_lane.py"
AWAY = f"{TESTS}::test_while_what_all_go_through_is_away_no_lane_goes_on_and_no_new_one_begins"
ONE_PAUSE = f"{TESTS}::test_a_pause_of_one_key_leaves_the_others_alone"

DEFECTS: tuple[Defect, ...] = (
    defect(
        "a claim that took most of its lease is sent",
        LANE,
        "until = min(last_begin, time.monotonic() + _STOCK_SECONDS)",
        "until = time.monotonic() + _STOCK_SECONDS",
        f"{TESTS}::test_nothing_is_sent_of_a_claim_that_took_too_much_of_its_own_lease",
        f"{TESTS}::test_nothing_is_sent_after_its_lease_however_long_what_was_before_it_hung",
    ),
    defect(
        "a lane that is stopped keeps what it has claimed",
        LANE,
        "    try:\n        _give_back_stock(context, lane)\n",
        "    try:\n        pass\n",
        f"{TESTS}::test_a_lane_that_is_stopped_gives_back_what_it_has_claimed_and_not_sent",
    ),
    defect(
        "what was not sent for a reason of its own is the key's failure",
        LANE,
        "    if came.went_well is not None:\n",
        "    if True:\n",
        f"{TESTS}::test_what_was_not_sent_for_a_reason_of_its_own_says_nothing_of_the_key",
    ),
    defect(
        "a sender's error is lost",
        LANE,
        "        lane.failure = lane.failure or failure\n",
        "        pass\n",
        f"{TESTS}::test_one_key_that_fails_takes_nothing_from_the_others",
    ),
    defect(
        "a lane goes on while what all go through is away",
        LANE,
        "    if lane.stock and context.pauses.hold(lane.key):\n",
        "    if False:\n",
        AWAY,
    ),
    defect(
        "a new lane begins while what all go through is away",
        START,
        " if not context.pauses.hold(one[0])]",
        "]",
        AWAY,
    ),
    defect(
        "who is away for one key is away for all",
        LANE,
        "    if came.pauses_all:\n",
        "    if True:\n",
        ONE_PAUSE,
    ),
    defect(
        "what all go through is away for one key alone",
        LANE,
        "    if came.pauses_all:\n",
        "    if False:\n",
        AWAY,
    ),
    defect(
        "a shorter pause ends a longer one",
        PAUSES,
        "max(self._all_until, self.clock() + seconds)",
        "self.clock() + seconds",
        f"{TESTS}::test_a_shorter_pause_ends_no_longer_one",
    ),
)
