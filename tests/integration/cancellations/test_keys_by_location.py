"""Keys that are limited to locations: what is elsewhere is, to them, not there.

Each is asked beside a key of the whole business, which shows what there is.
"""

import datetime as dt
import uuid

import pytest
import sqlalchemy as sa
from contract.routes import keyed_routes
from worlds.records import TODAY, session
from worlds.studio import Desk, caller

from app.auth.keys import create_key
from app.auth.locations import BY_LOCATION
from app.auth.roles import Role
from app.db.tables import api_keys

HERE, THERE, NOWHERE = "harbour", "hill", "adrift"
# What such a key may ask though no path names one session or one bulk cancellation: these routes
# cut what they have.
CUT = {
    ("GET", "/v1/sessions"),
    ("GET", "/v1/bulk-cancellations"),
    ("POST", "/v1/bulk-cancellations"),
    ("POST", "/v1/bulk-cancellations/plan"),
    ("POST", "/v1/bulk-cancellations/plan/message"),
}
DAYS = {
    "date_from": str(TODAY - dt.timedelta(days=1)),
    "date_to": str(TODAY + dt.timedelta(days=5)),
}


@pytest.fixture
async def limited(studio, db):
    """Who has the harbour alone, in a studio with a class here, one there, and one nowhere."""
    await studio.load(
        session(HERE, location="Harbour"),
        session(THERE, location="Hill"),
        session(NOWHERE, location=None),
    )
    for one in (HERE, THERE, NOWHERE):
        await studio.booking(f"b-{one}", one, ("CAD", 2000))
    key = await create_key(db, "studio", "desk", BY_LOCATION, locations=frozenset({"Harbour"}))
    async with caller(studio.app, key) as http:
        desk = Desk(http)
        desk.key = key
        yield desk


def ids(page):
    return [one["id"] for one in page["data"]]


async def test_it_lists_and_reads_sessions_of_its_locations_alone(studio, limited):
    everything = ids(await studio.get("/sessions", **DAYS))
    assert {HERE, THERE, NOWHERE} <= set(everything)
    assert ids(await limited.get("/sessions", **DAYS)) == [HERE]
    assert ids(await limited.get("/sessions", **DAYS, q="h")) == [HERE]  # FastAPI's route
    assert ids(await limited.get("/sessions", **DAYS, location="Hill")) == []
    assert (await limited.get(f"/sessions/{HERE}"))["id"] == HERE
    assert ids(await limited.get(f"/sessions/{HERE}/bookings")) == [f"b-{HERE}"]
    unknown = await limited.http.get("/v1/sessions/unheard-of")
    for one in (THERE, NOWHERE):
        for path in (f"/v1/sessions/{one}", f"/v1/sessions/{one}/bookings"):
            answer = await limited.http.get(path)
            assert (answer.status_code, answer.json()) == (404, unknown.json())


async def test_all_is_all_of_its_own_and_another_is_unknown(studio, limited):
    plan = (await limited.plan("all")).json()
    assert [one["session_id"] for one in plan["sessions"]] == [HERE]
    before = await studio.everything()
    for asked in ([THERE], [HERE, THERE], [NOWHERE]):
        for answer in (await limited.plan(asked), await limited.cancel(asked)):
            assert answer.status_code == 422
            [error] = answer.json()["errors"]
            assert error["code"] == "unknown-session"
    assert await studio.everything() == before
    job = await limited.accepted("all", plan_digest=plan["digest"])
    assert [one["session_id"] for one in job["sessions"]] == [HERE]
    statuses = {one: (await studio.get(f"/sessions/{one}"))["status"] for one in (HERE, THERE)}
    assert statuses == {HERE: "cancelled", THERE: "scheduled"}
    await studio.work(job["id"])
    [refund] = await limited.refunds(job["id"])
    assert refund["booking_id"] == f"b-{HERE}"


async def test_where_all_is_nothing_there_is_no_session(studio, limited, db):
    key = await create_key(db, "studio", "far", BY_LOCATION, locations=frozenset({"Moon"}))
    async with caller(studio.app, key) as http:
        answer = await Desk(http).plan("all")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "no-sessions")


async def test_a_bulk_cancellation_is_its_own_if_all_of_it_is(studio, limited):
    own = await studio.accepted([HERE])
    await studio.load(session("later", location="Harbour"))
    mixed = await studio.accepted(["later", THERE])
    adrift = await studio.accepted([NOWHERE])
    assert len(ids(await studio.get("/bulk-cancellations"))) == 3
    for query in ({}, {"status": "queued"}, {"sums": True}):
        assert ids(await limited.get("/bulk-cancellations", **query)) == [own["id"]]
    assert (await limited.job(own["id"]))["id"] == own["id"]
    assert [line["booking_id"] for line in await limited.audit(own["id"])] == [f"b-{HERE}"]
    unknown = await limited.http.get(f"/v1/bulk-cancellations/{uuid.uuid4()}")
    for job in (mixed, adrift):
        # Also to who has its ETag, and whatever is asked of it.
        tag = (await studio.http.get(f"/v1/bulk-cancellations/{job['id']}")).headers["etag"]
        for path in ("", "?", "/sessions", "/refunds", "/audit.csv", "/audit.proof", "/messages"):
            answer = await limited.http.get(
                f"/v1/bulk-cancellations/{job['id']}{path}", headers={"If-None-Match": tag}
            )
            assert (answer.status_code, answer.json()) == (404, unknown.json()), path
        before = await studio.everything()
        for act in ("withdraw", "retry", "approve", "refuse"):
            answer = await limited.post(f"/bulk-cancellations/{job['id']}/{act}")
            assert answer.status_code in {404, 422}, act
        assert await studio.everything() == before


async def test_a_bulk_cancellation_stays_whose_it_was_when_its_class_moves(studio, limited):
    own, others = await studio.accepted([HERE]), await studio.accepted([THERE])
    await studio.load(session(HERE, location="Hill"), session(THERE, location="Harbour"))
    assert ids(await limited.get("/bulk-cancellations")) == [own["id"]]
    answer = await limited.http.get(f"/v1/bulk-cancellations/{others['id']}")
    assert answer.status_code == 404
    assert ids(await limited.get("/sessions", **DAYS)) == [THERE]


async def test_another_callers_request_is_not_answered_again_to_it(studio, limited):
    """The same idempotency key and body, which for the whole business mean something else."""
    whole = await studio.accepted("all", key="once")
    answer = await limited.cancel("all", key="once")
    assert answer.status_code in {409, 422}
    assert answer.json().get("job_id", whole["id"]) == whole["id"]
    assert "sessions" not in answer.json()


async def test_a_digest_of_its_plan_is_of_its_own_sessions(studio, limited):
    plan = (await limited.plan("all")).json()
    whole = (await studio.plan("all")).json()
    assert plan["digest"] != whole["digest"]
    answer = await limited.cancel("all", plan_digest=whole["digest"])
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/plan-changed")


async def test_every_other_route_is_refused_to_it_or_of_one_thing_that_is_its_own(studio, limited):
    others = await studio.accepted([THERE])
    answered = {}
    for method, path, scopes in keyed_routes(studio.app):
        if not set(scopes) <= BY_LOCATION or not scopes:
            continue
        asked = path.format(
            job_id=others["id"],
            session_id=THERE,
            refund_id=uuid.uuid4(),
            message_id=uuid.uuid4(),
            client_id="kim",
            booking_id=f"b-{THERE}",
        )
        headers = {"Idempotency-Key": "any"}
        answer = await limited.http.request(method, asked, json={}, headers=headers)
        slug = answer.json()["type"].rpartition("/")[2] if answer.is_error else "ok"
        answered.setdefault(slug, set()).add((method, path))
    assert answered.pop("ok", set()) | answered.pop("validation", set()) == CUT
    assert answered.keys() == {"not-found", "limited-to-locations"}
    of_one_thing = answered["not-found"]
    assert all("{job_id}" in path or "{session_id}" in path for _, path in of_one_thing)
    # None of one job or one session is closed to whom it belongs.
    assert not any("{job_id}" in path for _, path in answered["limited-to-locations"])
    assert ("GET", "/v1/clients/{client_id}") in answered["limited-to-locations"]
    assert ("GET", "/v1/bookings/{booking_id}") in answered["limited-to-locations"]


async def test_it_can_be_given_nothing_that_is_of_the_whole_business(studio):
    whole = {"name": "desk", "locations": ["Harbour"]}
    for more in ({"role": "manager"}, {"role": "owner"}, {"scopes": ["business:manage"]}):
        answer = await studio.http.post(
            "/v1/keys", json=whole | more, headers={"Idempotency-Key": "k"}
        )
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["code"] == "not-by-location"
    for wrong in ([], ["a\nb"], [""], ["x" * 201], [str(n) for n in range(51)], "Harbour"):
        body = whole | {"role": "front_desk", "locations": wrong}
        answer = await studio.http.post("/v1/keys", json=body, headers={"Idempotency-Key": "k"})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"].startswith("/locations")


async def test_it_is_made_shown_and_written_down_with_its_locations(studio):
    body = {"name": "desk", "role": "front_desk", "locations": ["Hill", "Harbour", "Hill"]}
    headers = {"Idempotency-Key": "k"}
    made = (await studio.http.post("/v1/keys", json=body, headers=headers)).json()
    assert made["locations"] == ["Harbour", "Hill"]
    again = (await studio.http.post("/v1/keys", json=body, headers=headers)).json()
    assert (again["id"], again["locations"]) == (made["id"], made["locations"])
    other = {**body, "locations": ["Hill"]}
    answer = await studio.http.post("/v1/keys", json=other, headers=headers)
    assert answer.json()["type"] == "/problems/idempotency-key-reused"
    async with caller(studio.app, made["token"]) as http:
        assert (await Desk(http).get("/business"))["key"]["locations"] == ["Harbour", "Hill"]
    assert (await studio.get("/business"))["key"]["locations"] is None
    [deed, *_] = (await studio.get("/administration"))["data"]
    assert deed["after"]["locations"] == ["Harbour", "Hill"]


async def test_a_role_that_grows_gives_it_nothing_of_the_whole_business(studio, limited, db):
    """As a later build's would: the row has a role that it could not be given today."""
    async with db.write() as conn:
        row = api_keys.c.prefix == limited.key.split("_")[1]
        await conn.execute(sa.update(api_keys).where(row).values(role=Role.OWNER, scopes=""))
    assert set((await limited.get("/business"))["key"]["scopes"]) == BY_LOCATION
