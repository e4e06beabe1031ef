"""A refund's id is the same from Python and from either database.

It is a UUIDv7, and orders by session.
"""

import random
import uuid

import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from uuid_utils import uuid7

from app.db.core.refund_ranges import in_sessions
from app.domain.refund_ids import lowest_id, milliseconds, refund_id

moments = st.integers(0, 2**48 - 1)
positions = st.integers(0, 2**20 - 1)
jobs = st.integers(0, 2**128 - 1).map(lambda number: str(uuid.UUID(int=number)))
bookings = st.from_regex(r"[A-Za-z0-9._:~-]{1,128}", fullmatch=True)
lines = st.integers(0, 20)


@given(moments, positions, jobs, bookings, lines)
def test_an_id_is_a_uuidv7_of_the_job_s_millisecond(ms, position, job, booking, line):
    id_ = refund_id(ms, position, job, booking, line)
    parsed = uuid.UUID(id_)
    assert str(parsed) == id_
    assert (parsed.version, parsed.variant) == (7, uuid.RFC_4122)
    assert parsed.int >> 80 == ms
    assert milliseconds(id_) == ms


@given(moments, st.lists(st.tuples(positions, bookings, lines), min_size=2, max_size=20), jobs)
def test_ids_order_by_the_session_s_position(ms, places, job):
    ids = [
        (refund_id(ms, position, job, booking, line), position)
        for position, booking, line in places
    ]
    in_order = [position for _, position in sorted(ids)]
    assert in_order == sorted(in_order)


@given(positions, bookings, lines)
def test_the_lowest_id_of_a_position_parts_it_from_the_sessions_before(position, booking, line):
    job = str(uuid7())
    id_ = refund_id(milliseconds(job), position, job, booking, line)
    assert lowest_id(job, position) <= id_ < lowest_id(job, position + 1) or position == 2**20 - 1
    assert lowest_id(job, position) <= id_


def test_refunds_of_some_sessions_are_a_range_of_ids_without_the_end():
    job = str(uuid7())
    ids = {refund_id(milliseconds(job), position, job, "b", 1): position for position in range(300)}
    rows = sa.table("refunds", sa.column("id", sa.Text))
    with sa.create_engine("sqlite://").connect() as conn:
        conn.execute(sa.text("CREATE TABLE refunds (id TEXT)"))
        conn.execute(sa.insert(rows), [{"id": id_} for id_ in ids])
        found = (
            conn.execute(sa.select(rows.c.id).where(in_sessions(rows.c.id, job, range(100, 257))))
            .scalars()
            .all()
        )
    assert sorted(ids[id_] for id_ in found) == list(range(100, 257))


@given(moments, positions, jobs, bookings, lines)
def test_another_job_booking_or_line_is_another_id(ms, position, job, booking, line):
    id_ = refund_id(ms, position, job, booking, line)
    others = [
        refund_id(
            ms, position, job, f"{booking}x"[-128:] if len(booking) < 128 else booking[1:], line
        ),
        refund_id(ms, position, job, booking, line + 1),
        refund_id(ms, position, str(uuid.UUID(int=uuid.UUID(job).int ^ 1)), booking, line),
    ]
    assert id_ not in others


def test_a_known_id_stays_what_it_is():
    # It is printed in CSVs that people keep: the same inputs must give it in every version of this
    # service.
    job = "01a203ea-9df4-71df-aa1d-c9a4dac62b3c"
    assert refund_id(milliseconds(job), 5, job, "b1", 1) == "01a203ea-9df4-7000-8059-18a539c1736d"


async def test_the_databases_compute_the_same_ids(db):
    dice = random.Random(7)
    edges = [
        (0, 0, str(uuid.UUID(int=0)), "b", 0),
        (2**48 - 1, 2**20 - 1, str(uuid.UUID(int=2**128 - 1)), "~" * 128, 20),
        (1, 255, str(uuid7()), "a/b", 1),
        (2**32, 256, str(uuid7()), "é学", 1),
    ]
    drawn = [
        (
            dice.getrandbits(48),
            dice.getrandbits(20),
            str(uuid7()),
            f"b:{dice.getrandbits(64)}",
            dice.randrange(21),
        )
        for _ in range(200)
    ]
    statement = sa.text(
        "SELECT CAST(refund_id(CAST(:ms AS bigint), CAST(:place AS integer), CAST(:job AS text), "
        "CAST(:booking AS text), CAST(:line AS integer)) AS text)"
    )
    async with db.read() as conn:
        for arguments in edges + drawn:
            names = dict(zip(("ms", "place", "job", "booking", "line"), arguments, strict=True))
            assert await conn.scalar(statement, names) == refund_id(*arguments), arguments
