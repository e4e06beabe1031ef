"""A lane by a made-up way, whose books are in memory: what is sent, given back and recorded."""

import asyncio
import time
from collections import Counter
from functools import partial

import pytest

from app.lanes import start
from app.lanes.lane import LaneContext
from app.lanes.pauses import Pauses
from app.lanes.share import Share
from app.lanes.way import Came, Way

LEASE = 60.0
WELL, BADLY, UNSENT = True, False, None


class Books:
    """Numbered things that are due for some keys; each is a claim's until its lease ends.

    `answer` says how it went, and `committed` comes between a claim's lease and its end.
    """

    def __init__(self, **due):
        self.all = {(key, number) for key, count in due.items() for number in range(count)}
        self.due = {key: list(range(count)) for key, count in due.items()}
        self.leases = {}  # what is claimed, and until when
        self.sent, self.given_back, self.late = Counter(), Counter(), []
        self.recorded, self.failures = {}, []
        self.in_flight, self.most_in_flight = Counter(), Counter()
        self.closed = Counter()
        self.lease_seconds, self.begins_within_seconds = LEASE, LEASE / 2
        self.changed = asyncio.Condition()

    async def answer(self, _one):
        await asyncio.sleep(0)
        return WELL

    async def committed(self, _key):
        await asyncio.sleep(0)

    def way_to(self, key):
        return Way(
            claim=partial(self.claim, key),
            begins_within_seconds=self.begins_within_seconds,
            send=self.send,
            give_back=lambda one: (one, "given back"),
            record=self.record,
            failed=lambda error: self.failures.append((key, error)),
            aclose=partial(self.aclose, key),
            grace_seconds=0.0,
        )

    async def claim(self, key, most):
        ends_at = time.monotonic() + self.lease_seconds
        numbers, self.due[key] = self.due[key][:most], self.due[key][most:]
        claimed = [(key, number) for number in numbers]
        self.leases |= dict.fromkeys(claimed, ends_at)
        await self.committed(key)
        await self.tell()
        return claimed

    async def send(self, one):
        key, _ = one
        self.sent[one] += 1
        if time.monotonic() > self.leases[one]:
            self.late.append(one)
        self.in_flight[key] += 1
        self.most_in_flight[key] = max(self.most_in_flight[key], self.in_flight[key])
        await self.tell()
        try:
            came = await self.answer(one)
        finally:
            self.in_flight[key] -= 1
        if isinstance(came, Came):
            return came
        return Came((one, came), went_well=came, is_quick=True)

    async def record(self, rows):
        for one, came in rows:
            del self.leases[one]
            if came == "given back":
                self.given_back[one] += 1
                self.due[one[0]].append(one[1])
            else:
                self.recorded[one] = came
        await self.tell()

    async def aclose(self, key):
        self.closed[key] += 1

    async def tell(self):
        async with self.changed:
            self.changed.notify_all()

    async def until(self, is_so):
        async with asyncio.timeout(30), self.changed:
            await self.changed.wait_for(is_so)

    def stock(self):
        """What is claimed, and was never sent."""
        return set(self.leases) - set(self.sent)

    def now_due(self):
        return [(key, False) for key, numbers in self.due.items() if numbers]


class Clock:
    def __init__(self):
        self.at = 1000.0

    def __call__(self):
        return self.at


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def lanes(clock):
    stopping = asyncio.Event()
    share = Share(lambda: False, stopping, of_thread=0.1)
    return start.Lanes(LaneContext(stopping, share, Pauses(clock)))


async def looked(lanes, books):
    """Look once, and wait for the lanes that this started."""
    start.start_due(lanes, books.now_due(), books.way_to)
    if lanes.running:
        async with asyncio.timeout(30):
            await asyncio.wait(set(lanes.running))


async def looked_until_nothing_is_due(lanes, books):
    while books.now_due():
        await looked(lanes, books)


class Gate:
    """Answers well and at once while it is open, and lets who asks wait while not."""

    def __init__(self):
        self.count, self.opened = 0, asyncio.Event()
        self.opened.set()

    async def answer(self, _one):
        await self.opened.wait()
        self.count += 1
        await asyncio.sleep(0)
        return WELL


async def with_a_stock(books, gate):
    """Close the gate when more is claimed than is on its way."""
    await books.until(lambda: gate.count > 60)
    gate.opened.clear()
    await books.until(lambda: books.in_flight["e"] == 16 and books.stock())


async def test_all_that_is_due_is_sent_once_and_recorded(lanes):
    books = Books(e=300, f=1)
    await looked(lanes, books)
    assert books.recorded == dict.fromkeys(books.all, WELL)
    assert books.sent == Counter(books.all)
    assert books.given_back == Counter()
    assert books.closed == {"e": 1, "f": 1}


async def test_more_goes_at_once_while_it_goes_well_and_one_at_a_time_while_it_fails(lanes):
    books = Books(e=100)
    fails = False

    async def answer(_one):
        await asyncio.sleep(0.001)
        return BADLY if fails else WELL

    books.answer = answer
    await looked(lanes, books)
    assert books.most_in_flight["e"] == 16
    fails, books.due["e"] = True, list(range(100, 140))
    await books.until(lambda: not books.in_flight["e"])
    books.most_in_flight.clear()
    start.start_due(lanes, [("e", True)], books.way_to)
    await books.until(lambda: sum(came is BADLY for came in books.recorded.values()) == 40)
    assert books.most_in_flight["e"] == 1


async def test_what_was_not_sent_for_a_reason_of_its_own_says_nothing_of_the_key(lanes):
    books = Books(e=40)

    async def answer(_one):
        if books.sent.total() == 20:
            books.most_in_flight.clear()  # what comes after so many counts
        await asyncio.sleep(0.001)
        return UNSENT

    books.answer = answer
    await looked(lanes, books)
    assert books.most_in_flight["e"] == 4  # as at first
    assert books.given_back == Counter()


async def test_a_lane_that_is_stopped_gives_back_what_it_has_claimed_and_not_sent(lanes):
    books, gate = Books(e=1_000), Gate()
    books.answer = gate.answer
    start.start_due(lanes, books.now_due(), books.way_to)
    await with_a_stock(books, gate)
    stock = books.stock()
    lanes.context.stopping.set()
    async with asyncio.timeout(30):
        await asyncio.wait(set(lanes.running))
    assert stock
    assert not books.leases
    assert set(books.given_back) >= stock
    # What was on its way was cut off, and is due again like the rest.
    assert {("e", number) for number in books.due["e"]} == books.all - set(books.recorded)
    assert books.closed == {"e": 1}


async def test_nothing_is_sent_of_a_claim_that_took_too_much_of_its_own_lease(lanes):
    books = Books(e=3)
    books.begins_within_seconds, books.lease_seconds = 0.2, 0.3
    claims = []

    async def committed(_key):
        claims.append(time.monotonic())
        if len(claims) == 1:
            await asyncio.sleep(books.lease_seconds)

    books.committed = committed
    await looked_until_nothing_is_due(lanes, books)
    assert not books.late
    assert set(books.given_back) == books.all
    assert set(books.recorded) == books.all


async def test_nothing_is_sent_after_its_lease_however_long_what_was_before_it_hung(lanes):
    books, gate = Books(e=1_000), Gate()
    books.begins_within_seconds, books.lease_seconds = 1.0, 1.2
    books.answer = gate.answer
    start.start_due(lanes, books.now_due(), books.way_to)
    await with_a_stock(books, gate)
    await asyncio.sleep(books.lease_seconds)  # longer is the same
    stock = books.stock()
    gate.opened.set()
    await books.until(lambda: len(books.recorded) == 1_000)
    assert stock
    assert not books.late
    assert set(books.given_back) >= stock


@pytest.mark.parametrize("part", ["claim", "send", "record", "hangs"])
async def test_one_key_that_fails_takes_nothing_from_the_others(lanes, part):
    books = Books(bad=40, good=300, other=300)
    forever = asyncio.Event()

    async def fails(of, *_):
        await asyncio.sleep(0)
        if of == "bad":
            raise ZeroDivisionError

    async def answer(one):
        if one[0] == "bad" and part == "hangs":
            await forever.wait()
        if part == "send":
            await fails(one[0])
        return WELL

    books.answer = answer
    if part == "claim":
        books.committed = fails
    if part == "record":
        record = books.record

        async def refused(rows):
            await fails(rows[0][0][0])
            await record(rows)

        books.record = refused
    start.start_due(lanes, books.now_due(), books.way_to)
    await books.until(lambda: len(books.recorded) == 600)
    assert {key for key, _ in books.recorded} == {"good", "other"}
    lanes.context.stopping.set()
    if lanes.running:
        await asyncio.wait(set(lanes.running))
    failed = [("bad", ZeroDivisionError)] if part != "hangs" else []
    assert [(key, type(error)) for key, error in books.failures] == failed
    assert books.closed == dict.fromkeys(["bad", "good", "other"], 1)


def away(seconds, *, all_keys):
    async def answer(one):
        await asyncio.sleep(0)
        return Came((one, "given back"), UNSENT, pause_seconds=seconds, pauses_all=all_keys)

    return answer


async def test_while_what_all_go_through_is_away_no_lane_goes_on_and_no_new_one_begins(
    lanes, clock
):
    books, gate = Books(e=1_000, f=0, g=3), Gate()
    books.answer = gate.answer
    start.start_due(lanes, [("e", False)], books.way_to)
    await with_a_stock(books, gate)
    books.answer, books.due["f"] = away(30, all_keys=True), list(range(5))
    start.start_due(lanes, [("f", False)], books.way_to)
    await books.until(lambda: books.given_back["f", 0])
    sent = set(books.sent)
    gate.opened.set()
    async with asyncio.timeout(30):
        await asyncio.wait(set(lanes.running))
    assert set(books.sent) == sent  # what was on its way ended, and nothing more began
    assert not books.leases
    books.answer = Books.answer.__get__(books)
    clock.at += 29
    await looked(lanes, books)
    assert set(books.sent) == sent
    assert books.closed == {"e": 1, "f": 1}
    assert not lanes.context.crowded.is_set()
    clock.at += 2
    await looked_until_nothing_is_due(lanes, books)
    assert set(books.recorded) == books.all | {("f", number) for number in range(5)}


async def test_a_pause_of_one_key_leaves_the_others_alone(lanes, clock):
    books = Books(e=20, f=20)
    paused, well = away(30, all_keys=False), books.answer
    books.answer = lambda one: (paused if one[0] == "e" else well)(one)
    await looked(lanes, books)
    books.answer = well
    await looked(lanes, books)
    assert set(books.recorded) == {("f", number) for number in range(20)}
    clock.at += 31
    await looked(lanes, books)
    assert set(books.recorded) == books.all


def test_a_shorter_pause_ends_no_longer_one(clock):
    pauses = Pauses(clock)
    for seconds in (30, 5):
        pauses.pause("e", seconds=seconds)
        pauses.pause_all(seconds=seconds / 3)
    clock.at += 9
    assert pauses.hold("f")
    clock.at += 2
    pauses.forget_past()
    assert not pauses.hold("f")
    assert pauses.hold("e")
    clock.at += 20
    assert not pauses.hold("e")
