"""Nobody waits for somebody else's refunds.

Not for another business, not for the other service, not for an upstream in trouble. What must hold
on any machine is said in counts, of the upstream's books; times and rates are measured in the long
form.
"""

import statistics
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import pytest
from crash.processes import BUSINESS, PATIENCE_SECONDS, Town, until
from crash.week import CREDITS, PAYMENTS, Week, assert_once, effects, week

HARD: Final = {"ignore_keys": True, "forget_keys": True, "allow_excess": True}
OTHER: Final = "neighbour"
# Calls have long time-outs, so that a busy machine does not look like a sick upstream.
PATIENT: Final = {
    "upstream_timeout_seconds": 5,
    "upstream_quiescence_seconds": 1,
    "lease_seconds": 8,
    "slice_seconds": 20,
    "log_level": "warning",
}


AT_ONCE: Final = 4

Found = Callable[..., Town]
CASES: Final[dict[str, Callable[[Found], None]]] = {}


def case(play: Callable[[Found], None]) -> Callable[[Found], None]:
    """One that says what it shows in counts, and is played beside the others.

    `found(**settings)` gives it a town.
    """
    CASES[play.__name__] = play
    return play


@pytest.fixture(scope="module")
def foundry(zygote, fresh_databases, fresh_redis, tmp_path_factory):
    """`foundry(kind)`: a `found` for one kind of database; the towns end with the module."""
    towns: list[Town] = []
    one_at_a_time = threading.Lock()

    def of_kind(kind: str) -> Found:
        def found(**settings: Any) -> Town:
            with one_at_a_time:
                [database_url] = fresh_databases(kind, 1)
            redis = {"redis_url": fresh_redis()} if kind == "postgresql" else {}
            towns.append(
                Town(
                    zygote,
                    tmp_path_factory.mktemp("town"),
                    database_url,
                    **PATIENT | redis | settings,
                )
            )
            return towns[-1]

        return found

    yield of_kind
    for town in towns:
        town.close()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def running(request, foundry, violations):
    """The chosen cases on one kind of database, side by side: they mostly wait."""
    chosen = [
        item.callspec.params["name"]
        for item in request.session.items
        if item.path == request.path
        and "running" in item.fixturenames
        and item.callspec.params["running"] == request.param
    ]

    def play(name: str) -> None:
        mine: list[Town] = []

        def found(**settings: Any) -> Town:
            mine.append(foundry(request.param)(**settings))
            return mine[-1]

        try:
            CASES[name](found)
            for town in mine:
                assert not violations(town.database_url)
        finally:
            for town in mine:
                town.close()

    side_by_side = ThreadPoolExecutor(AT_ONCE)
    yield {name: side_by_side.submit(play, name) for name in chosen}
    side_by_side.shutdown(cancel_futures=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def found(request, foundry) -> Found:
    return foundry(request.param)


def open_up(town: Town) -> None:
    town.api()
    if "redis_url" in town.settings:
        town.worker()


def requests(town: Town, service: str, kind: str = "total") -> int:
    return town.books(effects=False)[service]["requests"].get(kind, 0)


def done(town: Town, service: str) -> int:
    return town.books(effects=False)[service]["totals"]["succeeded"]


def of(books: dict[str, Any], made: Week) -> int:
    """How many of this week's lines have come back."""
    subjects = {line.subject for line in made.lines}
    return sum(
        one["subject"] in subjects
        for service in (PAYMENTS, CREDITS)
        for one in effects(books, service)
    )


# Two businesses.


@case
def ten_refunds_do_not_wait_for_another_businesss_thousands(found: Found) -> None:
    concurrency, latency_seconds = 8, 0.1
    large = week(3_000, kinds=("payment", "credit"), places=50)
    small = week(10, kinds=("payment", "credit"), name="small")
    town = found(concurrency=concurrency)
    town.settle_in(large)
    town.settle_in(small, business=OTHER)
    town.faults(**HARD, latency_seconds=latency_seconds)
    open_up(town)
    job_id = town.cancel_all()
    until(lambda: town.effects() >= 50)
    before = of(town.books(), large)
    town.wait_for(town.cancel_all(business=OTHER), business=OTHER, pause=0.02)
    books = town.books()
    meanwhile = of(books, large) - before
    print(f"\nthe large job did {meanwhile} of its {len(large.lines)} refunds meanwhile")
    # What one slice of the large job does at most in its 20 s, both services together: who waits
    # for the end of the slice sees nearly as many, who waits for the job sees all; half is far more
    # than a few calls take.
    of_a_slice = 2 * concurrency * PATIENT["slice_seconds"] / latency_seconds
    assert meanwhile <= of_a_slice / 4
    assert not town.finished(job_id)
    assert_once({service: _without(books[service], large) for service in books}, small.lines)


def _without(book: dict[str, Any], made: Week) -> dict[str, Any]:
    subjects = {line.subject for line in made.lines}
    return book | {"effects": [one for one in book["effects"] if one["subject"] not in subjects]}


@pytest.mark.long
@pytest.mark.measured
def test_beside_ten_thousand_refunds_another_businesss_ten_take_at_most_twice_as_long(found):
    repetitions = 9
    large = week(10_000, kinds=("payment", "credit"), places=50)
    small = week(20 * repetitions, kinds=("payment", "credit"), name="small", places=10)
    sessions = [record["id"] for record in small.records if record["type"] == "session"]
    town = found(concurrency=64)
    town.settle_in(large)
    town.settle_in(small, business=OTHER)
    town.faults(**HARD, latency_seconds=0.1)
    open_up(town)

    def seconds(session_id: str) -> float:
        begun = time.monotonic()
        job_id = town.cancel_all(key=session_id, business=OTHER, session_ids=[session_id])
        town.wait_for(job_id, business=OTHER, pause=0.02)
        return time.monotonic() - begun

    alone = [seconds(session_id) for session_id in sessions[:repetitions]]
    job_id = town.cancel_all()
    until(lambda: town.effects() >= 10 * repetitions + 500)
    beside = []
    for session_id in sessions[repetitions:]:
        took = seconds(session_id)
        if not town.finished(job_id):
            beside.append(took)
    ratio = statistics.median(beside) / statistics.median(alone)
    print(
        f"\n10 refunds alone {statistics.median(alone):.2f} s, "
        f"beside 10,000 {statistics.median(beside):.2f} s (of {len(beside)}): {ratio:.2f}"
    )
    town.wait_for(job_id, 300)
    assert_once(town.books(), [*large.lines, *small.lines])
    assert len(beside) >= 5
    assert ratio <= 2


# Two services.


@case
def while_payments_hang_the_credits_of_the_same_job_are_done(found: Found) -> None:
    concurrency = 8
    made = week(600, kinds=("payment", "credit"), places=50)
    # No call that hangs ends before the test: it would make room for another.
    town = found(
        concurrency=concurrency,
        upstream_timeout_seconds=PATIENCE_SECONDS,
        lease_seconds=2 * PATIENCE_SECONDS,
        slice_seconds=PATIENCE_SECONDS,
    )
    town.settle_in(made)
    town.faults_of(payments=HARD | {"hang": 1}, credits=HARD | {"latency_seconds": 0.05})
    open_up(town)
    town.cancel_all()
    until(lambda: done(town, CREDITS) == len(made.of(CREDITS)))
    hung = requests(town, PAYMENTS, "hung")
    print(f"\n{len(made.of(CREDITS))} credits were done with {hung} payments hanging")
    assert 0 < hung <= concurrency


@pytest.mark.long
@pytest.mark.measured
def test_while_payments_hang_credits_keep_their_pace(found):
    concurrency, latency_seconds, count = 32, 0.1, 3_000
    rates: dict[bool, list[float]] = {True: [], False: []}
    town = found(concurrency=concurrency)
    open_up(town)
    for number in range(6):
        hanging = bool(number % 2)
        business = f"{BUSINESS}-{number}"
        made = week(2 * count, kinds=("payment", "credit"), name=f"w{number}", places=50)
        town.settle_in(made, business=business)
        healthy = HARD | {"latency_seconds": latency_seconds}
        town.faults_of(payments=HARD | {"hang": 1} if hanging else healthy, credits=healthy)
        before = done(town, CREDITS)
        job_id = town.cancel_all(business=business)
        until(lambda before=before: done(town, CREDITS) >= before + count // 10, pause=0.02)
        first, begun = done(town, CREDITS), time.monotonic()
        until(
            lambda before=before: done(town, CREDITS) >= before + count * 9 // 10, 200, pause=0.02
        )
        rates[hanging].append((done(town, CREDITS) - first) / (time.monotonic() - begun))
        town.faults(**HARD)
        town.wait_for(job_id, 300, business=business)
    kept = statistics.median(rates[True]) / statistics.median(rates[False])
    print(
        f"\ncredits a second: both well {rates[False]},"
        f" while payments hang {rates[True]}: {kept:.0%}"
    )
    assert kept >= 0.95


# An upstream in trouble.


@case
def an_upstream_that_says_503_is_left_alone_and_all_is_done_once_it_is_back(found: Found) -> None:
    down(found, "answer_503")


@case
def an_upstream_that_drops_calls_is_left_alone_and_all_is_done_once_it_is_back(
    found: Found,
) -> None:
    down(found, "drop_before")


def down(found: Found, switch: str) -> None:
    concurrency, outage_seconds = 64, 4
    made = week(300, kinds=("payment",), places=50)
    town = found(concurrency=concurrency)
    town.settle_in(made)
    town.faults(**HARD, **{switch: 1}, look_ups=True)
    open_up(town)
    job_id = town.cancel_all()
    burst = once_it_ebbs(town)
    begun = time.monotonic()
    time.sleep(outage_seconds)  # the outage itself
    at_all = requests(town, PAYMENTS)
    seconds = time.monotonic() - begun
    print(f"\n{burst} requests at first, {at_all - burst} in the next {seconds:.1f} s")
    assert at_all < 90 + seconds
    assert at_all - burst <= seconds + 2  # probes, one at a time and less and less often
    assert done(town, PAYMENTS) == 0
    town.faults(**HARD)
    assert town.wait_for(job_id)["status"] == "completed"
    assert_once(town.books(), made.lines)


def once_it_ebbs(town: Town) -> int:
    """The number of payment requests once two seconds bring no more than probes.

    One may be a busy machine's pause.
    """
    until(lambda: requests(town, PAYMENTS) > 1)  # one alone may have been late to be followed
    counts = [requests(town, PAYMENTS)]
    while len(counts) < 3 or counts[-1] > counts[-3] + 2:
        time.sleep(1)
        counts.append(requests(town, PAYMENTS))
    return counts[-1]


@case
def without_faults_each_refund_is_one_request(found: Found) -> None:
    made = week(600)
    town = found(concurrency=32)
    town.settle_in(made)
    town.faults(**HARD, latency_seconds=0.02)
    open_up(town)
    town.wait_for(town.cancel_all())
    books = town.books()
    assert_once(books, made.lines)
    asked = sum(books[service]["requests"]["total"] for service in (PAYMENTS, CREDITS))
    print(f"\n{asked / len(made.lines):.3f} requests a refund")
    assert asked == len(made.lines)


def throttled(town: Town, refunds: int, a_second: int) -> tuple[float, float]:
    """A job against a token bucket; what was done of what it allows, and the share of 429.

    Both are over the last half.
    """
    made = week(refunds, kinds=("payment",), places=50)
    town.settle_in(made)
    town.faults(**HARD, throttle_per_second=a_second, latency_seconds=0.05)
    open_up(town)
    job_id = town.cancel_all()
    moments = []
    for share in (0.5, 0.97):
        until(
            lambda share=share: done(town, PAYMENTS) >= share * refunds, 30 + 3 * refunds / a_second
        )
        books = town.books(effects=False)[PAYMENTS]
        asked = books["requests"]
        moments.append(
            (time.monotonic(), books["totals"]["succeeded"], asked["total"], asked.get("429", 0))
        )
    town.wait_for(job_id)
    assert_once(town.books(), made.lines)
    seconds, gone, asked, refused = (late - early for early, late in zip(*moments, strict=True))
    print(
        f"\n{gone / seconds:.1f} a second of {a_second},"
        f" {refused / asked:.1%} of {asked} requests were throttled"
    )
    return gone / seconds / a_second, refused / asked


@pytest.mark.long
@pytest.mark.measured
def test_a_throttled_upstream_is_used_to_its_limit_for_long(found):
    goodput, refused = throttled(found(concurrency=64), 2_000, 25)
    assert goodput >= 0.85
    assert refused <= 0.05


@case
def a_business_without_balance_waits_alone(found: Found) -> None:
    concurrency, pause_seconds = 8, 3
    made = week(200, kinds=("payment", "credit"))
    neighbours = week(100, kinds=("payment",), name="neighbour")
    town = found(concurrency=concurrency)
    town.settle_in(made)
    town.settle_in(neighbours, business=OTHER)
    broke = {line.subject: "insufficient_balance" for line in made.of(PAYMENTS)}
    slow = HARD | {"latency_seconds": 0.05}
    town.faults_of(payments=slow | {"refuse_ids": broke}, credits=slow)
    open_up(town)
    job_id = town.cancel_all()
    until(lambda: requests(town, PAYMENTS, "422") > 0)
    begun = time.monotonic()
    neighbours_job = town.cancel_all(business=OTHER)
    assert town.wait_for(neighbours_job, business=OTHER)["status"] == "completed"
    until(lambda: done(town, CREDITS) == len(made.of(CREDITS)))
    time.sleep(pause_seconds)
    refused = requests(town, PAYMENTS, "422")
    print(f"\n{refused} calls for a business without balance")
    # What was on its way as the first refusal came, and then a probe now and then.
    assert refused <= 2 * concurrency + time.monotonic() - begun
    assert done(town, PAYMENTS) == len(neighbours.lines)
    town.faults(**HARD)
    assert town.wait_for(job_id)["status"] == "completed"
    assert_once(town.books(), [*made.lines, *neighbours.lines])


@pytest.mark.parametrize("name", CASES)
def test_it_holds_that(name, running):
    running[name].result()
