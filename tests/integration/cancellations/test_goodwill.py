"""Goodwill: who gets credits on top, in plan, 202, CSV and job, and in the books, once each."""

import datetime as dt

import pytest
import sqlalchemy as sa
from worlds.studio import step_path

from app.cancellation.expand import expand_chunk
from app.db.jobs import jobs
from app.db.tables import job_goodwill, job_sessions, refunds, terms_history
from app.refunds.verify import verify

MEMBERS = {"goodwill": {"credits": 2, "for": ["membership"]}}
FREE_BOOKINGS = {"m1", "m2", "l1", "early", "zero"}
FIRST_FREE = {"m1", "l1", "early", "zero"}


@pytest.fixture
async def members(studio):
    """Classes with bookings of every kind; Kim and Lee have several."""
    names = ("lee", "ana", "bea", "cat", "dan", "eve", "fay", "gil", "ida")
    free = {
        "m2": ("spin", "kim", "booked"),
        "m1": ("yoga", "kim", "booked"),
        "l1": ("spin", "lee", "booked"),
        "waits": ("yoga", "cat", "waitlisted"),
        "late": ("yoga", "dan", "late_cancelled"),
        "missed": ("yoga", "eve", "no_show"),
        "attended": ("begun", "fay", "checked_in"),
        "early": ("yoga", "gil", "checked_in"),
        "gone": ("yoga", "ida", "cancelled"),
    }
    await studio.load(
        *(studio.record("client", name) for name in names),
        studio.record("session", "begun", starts_in_hours=-0.5),
        studio.record("session", "yoga", starts_in_hours=24),
        studio.record("session", "spin", starts_in_hours=26),
        *(
            studio.record("booking", id_, session_id, status=status, client_id=client_id)
            for id_, (session_id, client_id, status) in free.items()
        ),
        studio.record("booking", "p1", "yoga", ("CAD", 2000), client_id="lee"),
        studio.record("booking", "c1", "yoga", ("credits", 2), client_id="ana"),
        studio.record("booking", "both", "spin", ("CAD", 500), ("credits", 1), client_id="bea"),
        studio.record("booking", "zero", "yoga", ("CAD", 0), client_id="ida"),
    )
    return studio


async def granted(studio):
    """What the credits service has of grants: each by its reference, and none made twice."""
    books = (await studio.upstream.get("/books")).json()["credits"]["credit_grants"]
    assert books["twice"] == {}
    return {one["reference"]: one for one in books["effects"] if one["status"] == "succeeded"}


def of_goodwill(audit):
    return [line for line in audit if line["returned_as"] == "goodwill"]


def counted(totals):
    return totals["goodwill"]["grants"], totals["goodwill"]["credits"]


async def settled(studio, audit_from, session_ids="all", **members):
    """Plan, press for the CSV, work: all must name the same grants. Gives the bookings, the job."""
    plan = (await studio.plan(session_ids, **members)).json()
    pressed = await studio.cancel(
        session_ids, accept="text/csv", plan_digest=plan["digest"], **members
    )
    assert pressed.status_code == 202, pressed.text
    first = audit_from(pressed.content)
    job_id = first[0]["job_id"]
    await studio.work(job_id)
    job, final = await studio.job(job_id), await studio.audit(job_id)
    grants = of_goodwill(final)
    ids = {line["refund_id"]: line["booking_id"] for line in grants}
    assert ids == {line["refund_id"]: line["booking_id"] for line in of_goodwill(first)}
    head = await studio.http.head(f"/v1/bulk-cancellations/{job_id}/audit.csv")
    assert len(first) == len(final) == int(head.headers["audit-lines"])
    amount = plan["terms"]["goodwill"]["credits"]
    assert counted(plan["totals"]) == counted(job["totals"]) == (len(grants), amount * len(grants))
    assert sum(one["goodwill"]["grants"] for one in plan["sessions"]) == len(grants)
    books = {id_: one for id_, one in (await granted(studio)).items() if id_ in ids}
    assert {id_: (one["subject"], one["amount"]) for id_, one in books.items()} == {
        line["refund_id"]: (line["client_id"], int(line["credits"])) for line in grants
    }
    cells = ("method", "paid_amount", "kept_amount", "amount", "leg", "status")
    assert {tuple(line[name] for name in cells) for line in grants} <= {
        ("credit", "", "", "", "1", "succeeded")
    }
    assert await verify(studio.db) == []
    return set(ids.values()), job


@pytest.mark.parametrize(
    ("words", "per", "bookings"),
    [
        (["membership"], "client", FIRST_FREE),
        (["free"], "booking", FREE_BOOKINGS),
        (["membership", "free"], "booking", FREE_BOOKINGS),
        (["paid"], "client", {"p1", "both"}),
        (["credit"], "booking", {"c1", "both"}),
        (["paid", "membership"], "client", {"m1", "p1", "both", "early", "zero"}),
        (["paid", "credit", "free"], "booking", FREE_BOOKINGS | {"p1", "c1", "both"}),
    ],
)
async def test_each_word_gives_to_its_own_and_plan_csv_job_and_books_agree(
    members, audit_from, words, per, bookings
):
    terms = {"goodwill": {"credits": 3, "per": per, "for": words}}
    given, job = await settled(members, audit_from, terms=terms)
    assert given == bookings
    assert job["status"] == "completed"
    # What was paid comes back as without it, and is counted apart.
    assert (await members.books())["sums"] == {"CAD": 2500, "credits": 3}
    assert (job["totals"]["refunds"], job["totals"]["credits"]) == (4, 3)
    rows = sum(one["count"] for one in job["refunds"].values())
    assert rows == 4 + job["totals"]["nothing_to_return"] + len(bookings)
    assert job["refunds"]["succeeded"]["credits"] == 3 + 3 * len(bookings)


async def test_they_are_usable_for_their_own_days_and_not_for_those_of_returns(members):
    await members.http.put(
        "/v1/terms",
        json={
            "credits": {"valid_for_days": 5},
            "goodwill": {"credits": 1, "valid_for_days": 60, "for": ["free"]},
        },
    )
    job = await members.accepted()
    await members.work(job["id"])
    effects = [*(await granted(members)).values()]
    assert len(effects) == len(FIRST_FREE)
    accepted_at = dt.datetime.fromisoformat(job["requested_at"])
    for one, days in ((effects[0], 60), ((await members.books())["effects"], 5)):
        untils = [one] if "subject" in one else [e for e in one.values() if e["currency"] is None]
        for each in untils:
            until = dt.datetime.fromisoformat(each["valid_until"])
            assert abs(until - accepted_at - dt.timedelta(days=days)) < dt.timedelta(seconds=1)


async def test_attended_ones_get_some_where_the_request_returns_them_or_a_person_says_so(
    members, audit_from
):
    said = [
        {"booking_id": "attended", "action": "return", "note": "left early"},
        {"booking_id": "m1", "action": "skip", "note": "told before"},
    ]
    given, _ = await settled(members, audit_from, terms=MEMBERS, overrides=said)
    assert given == FIRST_FREE - {"m1"} | {"m2", "attended"}


async def test_one_that_includes_attended_bookings_gives_to_them(members, audit_from):
    given, _ = await settled(members, audit_from, ["begun"], terms=MEMBERS, include_attended=True)
    assert given == {"attended"}


async def test_a_client_sees_what_was_given_on_top_apart_from_what_came_back(members, audit_from):
    terms = {"goodwill": {"credits": 3, "for": ["credit"]}}
    await settled(members, audit_from, terms=terms)
    (booking,) = (await members.get("/clients/ana/bookings"))["data"]
    assert booking["returned"] == {"amounts": [], "credits": 2}
    assert [(one["returned_as"], one["credits"]) for one in booking["refunds"]] == [
        ("goodwill", 3),
        ("original", 2),
    ]


async def test_a_client_of_two_jobs_gets_some_of_each_and_no_booking_twice(members, audit_from):
    first, _ = await settled(members, audit_from, ["yoga"], terms=MEMBERS)
    second, _ = await settled(members, audit_from, ["spin"], terms=MEMBERS)
    assert (first, second) == ({"m1", "early", "zero"}, {"m2", "l1"})
    assert len(await granted(members)) == 5


async def test_a_withdrawn_job_gives_none_and_the_next_one_does(members, audit_from):
    job = await members.accepted(terms=MEMBERS, hold_seconds=600)
    before = await members.audit(job["id"])
    assert len(of_goodwill(before)) == len(FIRST_FREE)
    assert (await members.post(step_path(job, "withdraw"))).status_code == 200
    after = of_goodwill(await members.audit(job["id"]))
    assert {line["refund_id"] for line in after} == {
        line["refund_id"] for line in of_goodwill(before)
    }
    assert {(line["status"], line["failure_code"]) for line in after} == {("skipped", "withdrawn")}
    assert await granted(members) == {}
    assert await verify(members.db) == []
    given, _ = await settled(members, audit_from, terms=MEMBERS)
    assert given == FIRST_FREE


async def test_what_was_accepted_stands_whatever_part_is_written_first(members, db):
    job = await members.accepted(terms=MEMBERS)
    promised = job["refunds"]
    rows = promised["pending"]["count"] + promised["skipped"]["count"]
    assert promised["pending"]["credits"] == 3 + 2 * len(FIRST_FREE)
    while True:
        async with db.write() as conn:
            locked = await jobs.lock_any(conn, job["id"])
            _, done = await expand_chunk(conn, locked, at_most=1)
        shown = await members.job(job["id"])
        assert shown["refunds"] == promised
        assert len(of_goodwill(await members.audit(job["id"]))) == len(FIRST_FREE)
        if done:
            break
    assert len(await members.audit(job["id"])) == rows
    await members.work(job["id"])
    assert len(await granted(members)) == len(FIRST_FREE)
    assert await verify(db) == []


@pytest.mark.parametrize("fault", ["drop_before", "drop_after", "answer_500_after", "garbage"])
async def test_under_faults_each_is_granted_once(members, fault):
    members.looks_up_soon()
    assert (
        await members.upstream.put("/faults", json={"credits": {fault: 0.5, "seed": 7}})
    ).is_success
    job = await members.accepted(terms={"goodwill": {"credits": 1, "per": "booking"}})
    await members.work(job["id"])
    assert sorted(one["subject"] for one in (await granted(members)).values()) == [
        "gil", "ida", "kim", "kim", "lee",
    ]  # fmt: skip
    assert (await members.job(job["id"]))["status"] == "completed"
    assert await verify(members.db) == []


@pytest.mark.parametrize(
    ("faults", "code"),
    [
        ({"unsupported": ["credit-grants"]}, "form_not_supported"),
        ({"refuse_ids": {"kim": "client_not_found"}}, "client_not_found"),
    ],
)
async def test_a_refused_grant_is_a_persons_and_no_ladder_follows(members, faults, code):
    assert (await members.upstream.put("/faults", json={"credits": faults})).is_success
    ladder = {"payments": {"fallback": ["store_credit", "person"]}}
    job = await members.accepted(["spin"], terms=MEMBERS | ladder)
    await members.work(job["id"])
    grants = of_goodwill(await members.audit(job["id"]))
    refused = [line for line in grants if line["status"] == "rejected"]
    assert {line["failure_code"] for line in refused} == {code}
    assert {line["booking_id"] for line in refused} >= {"m2"}
    assert {line["leg"] for line in grants} == {"1"}
    assert (await members.job(job["id"]))["status"] == "completed_with_failures"
    assert await verify(members.db) == []
    assert (await members.upstream.put("/faults", json={"credits": {}})).is_success
    assert (await members.post(step_path(job, "retry"))).json()["retried"] == len(refused)
    await members.work(job["id"])
    assert (await members.job(job["id"]))["status"] == "completed"
    assert len(await granted(members)) == len(grants)


async def test_a_plan_without_it_is_refused_once_the_terms_give_some(members):
    plan = (await members.plan()).json()
    assert counted(plan["totals"]) == (0, 0)
    assert (await members.http.put("/v1/terms", json=MEMBERS)).is_success
    refused = await members.cancel(plan_digest=plan["digest"])
    assert refused.status_code == 409, refused.text
    assert counted(refused.json()["now"]) == (len(FIRST_FREE), 2 * len(FIRST_FREE))


async def test_a_booking_that_comes_after_the_plan_changes_who_gets_it(members):
    plan = (await members.plan(terms=MEMBERS)).json()
    await members.load(members.record("booking", "zz", "spin", client_id="cat"))
    refused = await members.cancel(terms=MEMBERS, plan_digest=plan["digest"])
    assert refused.status_code == 409
    assert counted(refused.json()["planned"]) == (4, 8)
    assert counted(refused.json()["now"]) == (5, 10)


async def test_terms_that_were_set_before_there_was_goodwill_give_none(members, db):
    assert (await members.http.put("/v1/terms", json={})).is_success
    async with db.write() as conn:
        old = await conn.scalar(sa.select(terms_history.c.document))
        del old["goodwill"]
        await conn.execute(sa.update(terms_history).values(document=old))
    plan = (await members.plan()).json()
    assert plan["terms"]["goodwill"]["credits"] == 0
    again = await members.http.put("/v1/terms", json=plan["terms"])
    assert again.json() == plan["terms"]
    assert len((await members.get("/terms/history"))["data"]) == 1
    job = await members.accepted(["spin"], terms={"goodwill": {"credits": 1}})
    assert job["terms"]["goodwill"] == {
        "credits": 1,
        "valid_for_days": None,
        "per": "client",
        "for": ["membership"],
    }
    assert counted(job["totals"]) == (2, 2)


# Of a table that was never counted PostgreSQL would read all sessions of the job for each grant.
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_the_sessions_of_a_job_are_counted_before_grants_refer_to_them(members, db):
    await members.accepted(terms=MEMBERS)
    async with db.read() as conn:
        counted_ = await conn.scalar(
            sa.text("SELECT reltuples FROM pg_class WHERE oid = 'job_sessions'::regclass")
        )
        assert counted_ == await conn.scalar(sa.select(sa.func.count()).select_from(job_sessions))


async def test_a_job_that_gives_none_writes_no_row_of_it(members, db):
    job = await members.accepted(terms={"goodwill": {"credits": 0, "for": ["free"]}})
    await members.work(job["id"])
    async with db.read() as conn:
        assert await conn.scalar(sa.select(sa.func.count()).select_from(job_goodwill)) == 0
        of_none = sa.select(sa.func.count()).where(refunds.c.line_no < 0)
        assert await conn.scalar(of_none) == 0


@pytest.mark.parametrize(
    "change",
    [
        sa.delete(refunds).where(refunds.c.line_no < 0, refunds.c.booking_id == "m2"),
        sa.update(refunds).where(refunds.c.line_no < 0).values(credits=3),
        sa.update(refunds).where(refunds.c.line_no < 0).values(client_id="bea"),
        sa.delete(job_goodwill),
    ],
    ids=["forgotten", "more", "another", "unchosen"],
)
async def test_a_grant_that_is_not_what_was_promised_is_found(members, db, change):
    job = await members.accepted(["spin"], terms=MEMBERS)
    await members.work(job["id"])
    assert await verify(db) == []
    async with db.write() as conn:
        await conn.execute(change)
    assert {(one.code, one.job_id) for one in await verify(db)} == {("goodwill", job["id"])}


async def test_a_grant_is_made_beside_a_payment_whose_ceiling_others_have_claimed(members):
    """Its chunk is written in two steps: what is under a ceiling of before comes second."""
    sessions = {"s0": "spin", "s1": "yoga"}
    shared = [members.record("booking", *both, ("CAD", 900)) for both in sessions.items()]
    for one in shared:
        one["payments"][0]["payment_id"] = "shared"
    await members.load(*shared)
    for session_id, grants in (("spin", 2), ("yoga", 3)):
        job = await members.accepted([session_id], terms=MEMBERS)
        await members.work(job["id"])
        lines = of_goodwill(await members.audit(job["id"]))
        assert [line["status"] for line in lines] == ["succeeded"] * grants
    assert await verify(members.db) == []
