"""Who gets a lane: nobody waits for ever, however many others have more to hear."""

from app.lanes.start import choose

MOST, MAX_FAILING = 128, 96


def turns(due, rounds):
    """How often each gets a lane.

    All lanes end after each round, and everybody always has something due.
    """
    counts, served_at = dict.fromkeys((endpoint for endpoint, _ in due), 0), {}
    for number in range(1, rounds + 1):
        for endpoint, _ in choose(due, [], served_at):
            counts[endpoint] += 1
            served_at[endpoint] = float(number)
    return counts


def test_the_longest_due_come_first():
    due = [(f"e{n}", False) for n in range(200)]
    assert choose(due, [], {}) == due[:MOST]


def test_who_has_waited_is_before_those_that_have_more_and_older_ones():
    for is_failing, lanes in ((False, MOST), (True, MAX_FAILING)):
        counts = turns([(f"e{n}", is_failing) for n in range(200)], 10)
        assert min(counts.values()) >= 10 * lanes // 200 - 1
        assert sum(counts.values()) == 10 * lanes


def test_failing_ones_never_have_all_lanes_and_healthy_ones_may():
    failing, healthy = [(f"f{n}", True) for n in range(200)], [(f"h{n}", False) for n in range(200)]
    assert choose(failing, [], {}) == failing[:MAX_FAILING]
    assert choose(failing, healthy[:100], {}) == failing[: MOST - 100]
    assert choose(failing, failing[:MAX_FAILING], {}) == []
    assert choose([*failing, *healthy], [], {}) == healthy[:MOST]


def test_who_has_a_lane_gets_no_other():
    assert choose([("e", False)], [("e", False)], {}) == []
