"""What all followers of a job share: its newest view, which rests after it was taken."""

import gc

from app.cancellation.watch import Watch, watch
from app.db.jobs import jobs


async def row(db, job_id):
    async with db.read() as conn:
        return await jobs.get(conn, "studio", job_id)


async def test_followers_share_a_view_and_the_end_is_seen_at_once(week, db):
    job_id = (await week.accepted())["id"]
    queued = await row(db, job_id)
    one, other = watch(job_id), watch(job_id)
    view = await one.view_of(db, queued, at_once=False)
    assert await other.view_of(db, queued, at_once=True) is view
    await week.work(job_id)
    ended = await row(db, job_id)
    newest = await other.view_of(db, ended, at_once=True)
    assert (view.job.status, newest.job.status) == ("queued", "completed")
    assert await one.view_of(db, ended, at_once=True) is newest


async def test_a_view_rests_nine_times_as_long_as_it_took(week, db):
    job_id = (await week.accepted())["id"]
    took_a_second = [0.0, 1.0]
    alone = Watch(iter([*took_a_second, 9.9, 10.0, *took_a_second]).__next__)
    view = await alone.view_of(db, await row(db, job_id), at_once=False)
    await week.work(job_id)
    ended = await row(db, job_id)
    assert await alone.view_of(db, ended, at_once=False) is view
    assert await alone.view_of(db, ended, at_once=False) is not view


async def test_nothing_is_kept_of_a_job_that_nobody_follows(week, db):
    job_id = (await week.accepted())["id"]
    job = await row(db, job_id)
    first = await watch(job_id).view_of(db, job, at_once=False)
    gc.collect()
    assert await watch(job_id).view_of(db, job, at_once=False) is not first
