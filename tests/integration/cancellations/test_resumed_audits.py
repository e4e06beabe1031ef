"""A followed audit that was cut off goes on after the last whole line, and misses nothing."""

import csv

import pytest

from app.refunds.slices.run import run_slice


async def followed(studio, job_id, after):
    """The lines of a followed audit by column, after the outcome of this number.

    Without their hashes: of what begins elsewhere they are others.
    """
    path = f"/v1/bulk-cancellations/{job_id}/audit.csv"
    answer = await studio.http.get(path, params={"follow": "true", "after": after})
    assert answer.status_code == 200, answer.text
    lines = list(csv.DictReader(answer.text.splitlines(), strict=True))
    return [{name: cell for name, cell in line.items() if name != "line_hash"} for line in lines]


async def test_each_line_tells_its_outcome_and_any_of_them_may_be_the_last_that_arrived(week):
    job = await week.accepted()
    await week.work(job["id"])
    whole = await week.audit(job["id"])
    lines = await followed(week, job["id"], 0)
    assert list(lines[0]) == [*whole.columns[:-1], "outcome"]
    bare = [{name: cell for name, cell in line.items() if name != "outcome"} for line in lines]
    of_whole = [{name: line[name] for name in whole.columns[:-1]} for line in whole]
    assert sorted(map(str, bare)) == sorted(map(str, of_whole))
    numbers = [int(line["outcome"]) for line in lines]
    assert numbers == sorted(numbers)
    assert numbers.count(0) == 1  # the session that nobody had booked
    for seen in range(1, len(lines) + 1):
        assert await followed(week, job["id"], numbers[seen - 1]) == [
            line
            for line in lines
            if int(line["outcome"]) > numbers[seen - 1] or numbers[seen - 1] == 0
        ]


async def test_a_reader_that_is_cut_off_in_the_middle_misses_nothing(week, live):
    job = await week.accepted()
    path = f"/v1/bulk-cancellations/{job['id']}/audit.csv"
    received = []
    async with live.stream("GET", path, params={"follow": "true", "after": "0"}) as answer:
        lines = answer.aiter_lines()
        columns = next(csv.reader([await anext(lines)]))
        await run_slice(week.runtime, job["id"], seconds=0)
        await week.work(job["id"])
        received = [
            dict(zip(columns, row, strict=True))
            for row in csv.reader([await anext(lines) for _ in range(5)])
        ]
    rest = await followed(week, job["id"], received[-1]["outcome"])
    refunds = {one["id"] for one in await week.refunds(job["id"])}
    told = [line["refund_id"] for line in received + rest if line["refund_id"]]
    assert sorted(told) == sorted(refunds)


async def test_who_resumes_hears_again_of_what_was_tried_again(week):
    await week.faults(refuse_ids={"card-payment-1": "payment_not_found"})
    job = await week.accepted(["yoga"])
    await week.work(job["id"])
    seen = (await followed(week, job["id"], 0))[-1]["outcome"]
    await week.faults()
    await week.post(f"/bulk-cancellations/{job['id']}/retry")
    await week.work(job["id"])
    (again,) = await followed(week, job["id"], seen)
    assert (again["booking_id"], again["status"]) == ("card", "succeeded")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("follow=true&after=13", "unknown-outcome"),
        ("follow=true&after=-1", None),
        ("follow=true&after=x", None),
        ("follow=true&after=1.5", None),
        ("follow=true&after=99999999999999999999", None),
        ("after=1", "without-follow"),
    ],
)
async def test_a_number_that_no_outcome_has_is_refused(week, query, code):
    job = await week.accepted()
    await week.work(job["id"])
    answer = await week.http.get(f"/v1/bulk-cancellations/{job['id']}/audit.csv?{query}")
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["pointer"] == "?after"
    assert code is None or error["code"] == code
