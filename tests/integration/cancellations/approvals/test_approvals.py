"""Above a limit of the business two are needed: nothing is done before somebody else approves."""

import datetime as dt
import io

import sqlalchemy as sa
from openpyxl import load_workbook
from worlds.studio import step_path

from app.db import tables
from app.db.tables import approvals
from app.domain.texts import audit_file
from app.refunds.verify import verify

ALL_OF_IT = {"CAD": 6499, "JPY": 500, "KWD": 12345, "credits": 3}


async def end_time(limited, asked):
    """Let the time of a job be over in which it may be approved."""
    over = dt.datetime.now(dt.UTC)
    async with limited.db.write() as conn:
        of_job = approvals.job_approvals.c.job_id == asked.id
        await conn.execute(sa.update(approvals.job_approvals).where(of_job).values(expires_at=over))
        of_job = tables.jobs.c.id == asked.id
        await conn.execute(sa.update(tables.jobs).where(of_job).values(due_at=over))


async def test_what_is_above_a_limit_cancels_nothing_before_it_is_approved(limited, asked):
    assert asked.job["status"] == "awaiting_approval"
    assert asked.job["needs_approval"] == [
        {"limit": "sessions", "allowed": 1, "asked": 2, "currency": None, "monday": None}
    ]
    session = await limited.get("/sessions/yoga")
    assert (session["status"], session["cancellation"]) == ("scheduled", None)
    await limited.booking("newcomer", "yoga", ("CAD", 100))
    await limited.work(asked.id)
    job = await asked.now()
    assert (job["status"], job["choices"], job["started_at"]) == ("awaiting_approval", None, None)
    assert (await limited.books())["effects"] == {}
    assert await limited.refunds(asked.id) == []
    assert await limited.audit(asked.id) == []
    assert await limited.rows(tables.refunds) == []
    assert asked.id not in limited.queue.woken
    assert await verify(limited.db) == []


async def test_what_is_not_above_a_limit_needs_nobody(limited):
    job = await limited.accepted(["yoga"])
    assert (job["status"], job["needs_approval"], job["approval"]) == ("queued", [], None)
    assert (await limited.get("/sessions/yoga"))["status"] == "cancelled"


async def test_what_is_approved_is_done_and_says_who_approved_it(limited, asked, approver):
    answer = await asked.approve(approver, note="It snows here, too")
    assert (answer.status_code, answer.json()["status"]) == (200, "queued")
    [done] = answer.json()["actions"]
    assert (done["action"], done["note"]) == ("approved", "It snows here, too")
    assert done["caller"].startswith("key:")
    assert limited.queue.woken == [asked.id]
    session = await limited.get("/sessions/yoga")
    assert (session["status"], session["cancellation"]["job_id"]) == ("cancelled", asked.id)
    await limited.work(asked.id)
    job = await asked.now()
    assert (job["status"], job["refunds"]["pending"]["count"]) == ("completed", 0)
    assert job["needs_approval"] == asked.job["needs_approval"]
    assert (await limited.books())["sums"] == ALL_OF_IT
    audit = await limited.audit(asked.id)
    assert {line["requested_by"] for line in audit} == {"key:front desk"}
    assert audit.sums("succeeded") == ALL_OF_IT
    assert await verify(limited.db) == []


async def test_an_audit_says_in_each_line_who_approved_when_and_of_which_plan(
    limited, asked, approver
):
    await limited.session("empty")
    alone = await limited.accepted(["empty"])
    planned = await approver.get(f"/bulk-cancellations/{asked.id}/plan")
    answer = await asked.approve(approver)
    [done] = answer.json()["actions"]
    instant = dt.datetime.fromisoformat(done["at"])

    async def approvals_in(job_id):
        audit = await limited.audit(job_id)
        assert audit_file.check(io.BytesIO(audit.content)).lines == len(audit)
        return {
            (line["approved_by"], line["approved_at"], line["approved_digest"]) for line in audit
        }

    [(by, at, digest)] = await approvals_in(asked.id)  # of lines that are still to be written
    assert (by, digest) == (done["by"], planned["digest"])
    assert dt.datetime.fromisoformat(at) == instant
    await limited.work(asked.id)
    assert await approvals_in(asked.id) == {(by, at, digest)}
    assert await approvals_in(alone["id"]) == {("", "", "")}
    book = await limited.http.get(f"/v1/bulk-cancellations/{asked.id}/audit.xlsx")
    rows = load_workbook(io.BytesIO(book.content)).active.iter_rows(values_only=True)
    names = next(rows)
    place = names.index("approved_by")
    assert {(row[place], row[place + 2]) for row in rows} == {(by, digest)}


async def test_nobody_approves_their_own(limited, asked, caller_with):
    writer = await caller_with("cancellations:write")
    before = await limited.everything()
    own = await asked.approve(limited)
    assert (own.status_code, own.json()["type"]) == (403, "/problems/own-request")
    lacking = await asked.approve(writer)
    assert (lacking.status_code, lacking.json()["scope"]) == (403, "cancellations:approve")
    assert await limited.everything() == before
    assert (await asked.now())["status"] == "awaiting_approval"


async def test_a_job_is_held_from_its_approval_on(limited, ask, approver):
    asked = await ask(hold_seconds=600)
    assert (asked.job["status"], asked.job["hold_until"]) == ("awaiting_approval", None)
    job = (await asked.approve(approver)).json()
    assert job["status"] == "held"
    held = dt.datetime.fromisoformat(job["hold_until"]) - dt.datetime.fromisoformat(
        job["actions"][0]["at"]
    )
    assert held.total_seconds() == 600
    await limited.work(asked.id)
    assert (await limited.books())["effects"] == {}
    withdrawn = (await asked.withdraw()).json()
    assert [one["action"] for one in withdrawn["actions"]] == ["approved", "withdrawn"]
    assert withdrawn["actions"][1]["by"] == "key:front desk"
    assert (await limited.get("/sessions/yoga"))["status"] == "scheduled"
    assert await verify(limited.db) == []


async def test_what_is_refused_ends_and_its_sessions_stay_as_they_are(limited, asked, approver):
    answer = await asked.refuse(approver, note="Not before Monday")
    job = answer.json()
    assert (answer.status_code, job["status"]) == (200, "refused")
    assert (job["actions"][0]["action"], job["actions"][0]["note"]) == (
        "refused",
        "Not before Monday",
    )
    assert {one["count"] for one in job["refunds"].values()} == {0}
    again = await asked.refuse(approver, note="Really")
    assert again.json() == job
    late = await asked.approve(approver, digest="x")
    assert (late.status_code, late.json()["job_status"]) == (409, "refused")
    await limited.work(asked.id)
    assert (await limited.get("/sessions/yoga"))["status"] == "scheduled"
    assert await limited.audit(asked.id) == []
    second = await limited.accepted(["yoga"])
    assert second["sessions"][0]["outcome"] == "accepted"
    assert await verify(limited.db) == []


async def test_who_asks_may_withdraw_it(limited, asked, approver):
    answer = await asked.withdraw()
    assert (answer.status_code, answer.json()["status"]) == (200, "withdrawn")
    assert answer.json()["actions"][0]["by"] == "key:front desk"
    assert {one["count"] for one in answer.json()["refunds"].values()} == {0}
    assert (await asked.withdraw()).json() == answer.json()
    late = await asked.approve(approver, digest="x")
    assert (late.status_code, late.json()["type"]) == (409, "/problems/not-awaiting-approval")
    assert await limited.audit(asked.id) == []
    assert (await limited.accepted(["spin"]))["sessions"][0]["outcome"] == "accepted"
    assert await verify(limited.db) == []


async def test_a_job_that_nobody_approves_in_time_is_refused_as_expired(limited, asked, approver):
    digest = (await asked.plan())["digest"]
    await end_time(limited, asked)
    late = await asked.approve(approver, digest=digest)
    assert (late.status_code, late.json()["detail"]) == (
        409,
        "Its time to be approved is over.",
    )
    assert (await asked.refuse(approver)).status_code == 409
    await limited.work(asked.id)  # what a sweep finds due
    job = await asked.now()
    assert (job["status"], [one["action"] for one in job["actions"]]) == ("refused", ["expired"])
    assert (await limited.get("/sessions/yoga"))["status"] == "scheduled"
    assert (await limited.accepted(["spin"]))["sessions"][0]["outcome"] == "accepted"
    assert await verify(limited.db) == []


async def test_it_waits_for_three_days_but_no_longer_than_the_first_class_to_come(
    limited, limits, ask
):
    def waits(asked):
        ends = dt.datetime.fromisoformat(asked.job["approval"]["expires_at"])
        return ends, dt.datetime.fromisoformat(asked.job["requested_at"])

    # `begun` and `over` are not to come: they don't count.
    first = await ask(("begun", "over", "spin"))
    starts_at = dt.datetime.fromisoformat((await limited.get("/sessions/spin"))["starts_at"])
    assert waits(first)[0] == starts_at
    await limits(sessions=0, within_hours=2)
    second = await ask(("yoga",))
    ends, at = waits(second)
    assert ends - at == dt.timedelta(hours=2)


async def test_sessions_that_await_an_approval_are_in_process_for_the_next_who_asks(
    limited, asked, approver
):
    plan = (await limited.plan(["yoga"])).json()
    assert plan["sessions"][0]["outcome"] == "already_in_process"
    assert plan["sessions"][0]["job_id"] == asked.id
    refused = await limited.cancel(["yoga"])
    assert (refused.status_code, refused.json()["sessions"][0]["job_id"]) == (409, asked.id)
    other = await limited.accepted(["yoga", "empty"])
    assert [one["outcome"] for one in other["sessions"]] == ["already_in_process", "accepted"]
    assert (await asked.approve(approver)).status_code == 200
    assert await verify(limited.db) == []


async def test_a_request_that_comes_again_is_answered_as_it_was(limited, approver):
    first = await limited.cancel(["yoga", "spin"], key="once", hold_seconds=60)
    asked = first.json()
    assert asked["status"] == "awaiting_approval"
    again = await limited.cancel(["yoga", "spin"], key="once", hold_seconds=60)
    assert (again.status_code, again.json()) == (202, asked)
    assert again.headers["Idempotent-Replayed"] == "true"
    plan = await limited.get(step_path(asked, "plan"))
    done = await approver.post(step_path(asked, "approve"), plan_digest=plan["digest"])
    assert done.json()["status"] == "held"
    late = await limited.cancel(["yoga", "spin"], key="once", hold_seconds=60)
    assert (late.status_code, late.json()) == (202, asked)
    assert len(await limited.rows(tables.jobs)) == 1


async def test_a_csv_of_what_awaits_an_approval_says_of_nothing_that_it_happened(limited):
    answer = await limited.cancel(["yoga", "spin"], accept="text/csv")
    assert (answer.status_code, answer.headers["Content-Type"]) == (
        202,
        "text/csv; charset=utf-8",
    )
    assert len(answer.content.splitlines()) == 1


async def test_a_job_that_was_cancelled_at_once_has_no_plan_to_approve(limited, approver):
    job = await limited.accepted(["yoga"])
    for answer in (
        await limited.http.get(f"/v1{step_path(job, 'plan')}"),
        await approver.post(step_path(job, "approve"), plan_digest="x"),
        await approver.post(step_path(job, "refuse"), note="No"),
    ):
        assert (answer.status_code, answer.json()["job_status"]) == (409, "queued")


async def test_another_business_sees_and_decides_nothing_of_it(limited, asked, stranger):
    digest = (await asked.plan())["digest"]
    assert (await stranger.http.get(f"/v1{asked.path('plan')}")).status_code == 404
    assert (await asked.approve(stranger, digest=digest)).status_code == 404
    assert (await asked.refuse(stranger)).status_code == 404
    assert (await asked.now())["status"] == "awaiting_approval"


async def test_a_withdrawal_says_who_withdrew(limited):
    job = await limited.accepted(["yoga"], hold_seconds=600)
    assert job["actions"] == []
    withdrawn = (await limited.post(step_path(job, "withdraw"))).json()
    [done] = withdrawn["actions"]
    assert (done["action"], done["by"], done["note"]) == ("withdrawn", "key:front desk", None)
