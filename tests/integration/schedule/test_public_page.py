"""A business's own page: its colour, its logo, who may show it, and what it promises in public."""

import asyncio
import base64
import hashlib

import pytest
import sqlalchemy as sa
from worlds.problems import problem

from app.auth.keys import Scope, create_key
from app.auth.platform import businesses
from app.db.tables import jobs
from app.db.tables.administration import administration

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAABAAAAAQCAIAAACQkWg2AAAAFUlEQVR4nGNgaPhPGhrVMKqBgTYAAIqYwAE"
    "vCmx5AAAAAElFTkSuQmCC"
)
LOGO = base64.b64encode(PNG).decode()
LOGO_PATH = f"/v1/public/studio/logo/{hashlib.sha256(PNG).hexdigest()[:32]}"
BARE = {"colour": None, "on_colour": None, "logo": None}
PATH = "/v1/public/studio/schedule?date_from=2026-11-23"


async def shown(studio):
    answer = await studio.http.get(PATH, headers={"Authorization": ""})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def change(studio, **members):
    return await studio.http.patch("/v1/public-page", json=members)


async def test_a_page_has_the_colour_and_the_logo_that_its_business_gives_it(studio):
    assert (await shown(studio))["page"] == BARE
    first = await change(studio, colour="#0b5c55", logo=LOGO)
    assert first.status_code == 200, first.text
    look = {"colour": "#0b5c55", "on_colour": "#ffffff", "logo": LOGO_PATH}
    assert (await shown(studio))["page"] == look
    said = look | {"origins": [], "api_origins": [], "path": "/c/studio"}
    assert first.json() == await studio.get("/public-page") == said
    yellow = await change(studio, colour="#ffe000")
    assert yellow.json() == said | {"colour": "#ffe000", "on_colour": "#000000"}
    assert (await change(studio, colour=None)).json() == said | {"colour": None, "on_colour": None}
    assert (await change(studio, logo=None)).json()["logo"] is None
    assert (await shown(studio))["page"] == BARE


async def test_anybody_gets_the_logo_as_a_picture_that_runs_nothing(studio):
    assert (await change(studio, logo=LOGO)).status_code == 200
    studio.http.headers.pop("Authorization")
    answer = await studio.http.get(LOGO_PATH)
    assert (answer.status_code, answer.content) == (200, PNG)
    assert answer.headers["Content-Type"] == "image/png"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; sandbox")
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    tag = {"If-None-Match": answer.headers["ETag"]}
    again = await studio.http.get(LOGO_PATH, headers=tag)
    assert (again.status_code, again.content) == (304, b"")
    for other in (LOGO_PATH.replace("studio", "nobody"), LOGO_PATH[:-4] + "0000"):
        problem(await studio.http.get(other), 404, "not-found")
    problem(await studio.http.get(LOGO_PATH[:-1]), 404, "not-found")


async def test_there_is_no_logo_where_none_was_given(studio):
    answer = await studio.http.get(LOGO_PATH)
    assert problem(answer, 404, "not-found")


@pytest.mark.parametrize(
    ("member", "value", "code"),
    [
        ("colour", "red", "string-pattern-mismatch"),
        ("colour", "#FFF", "string-pattern-mismatch"),
        ("colour", "#0b5c55;}", "string-pattern-mismatch"),
        ("colour", 5, "string-type"),
        ("logo", "https://cdn.example/logo.png", "base64"),
        ("logo", 7, "string-type"),
        ("logo", base64.b64encode(b"<svg/>").decode(), "logo-type"),
        ("logo", base64.b64encode(PNG[:8]).decode(), "logo-size"),
        ("logo", base64.b64encode(PNG + bytes(65_536)).decode(), "logo-too-large"),
        ("origins", ["https://*.example"], "origin"),
        ("origins", [f"https://s{number}.example" for number in range(21)], "too-long"),
        ("origins", None, "list-type"),
        ("name", "x", "extra-forbidden"),
    ],
)
async def test_what_no_page_can_have_is_refused_and_changes_nothing(studio, member, value, code):
    before = (
        await change(studio, colour="#102030", logo=LOGO, origins=["https://a.example"])
    ).json()
    said = problem(await change(studio, **{"colour": "#aabbcc", member: value}), 422, "validation")
    assert [(one["pointer"].split("/")[1], one["code"]) for one in said["errors"]] == [
        (member, code)
    ]
    assert await studio.get("/public-page") == before


async def test_a_change_is_written_down_by_who_and_says_nothing_that_is_the_same(studio, db):
    for _ in range(2):
        answer = await change(
            studio, colour="#0b5c55", logo=LOGO, origins=["https://B.example/", "https://a.example"]
        )
        assert answer.json()["origins"] == ["https://a.example", "https://b.example"]
    async with db.read() as conn:
        query = sa.select(administration.c.before, administration.c.after).where(
            administration.c.action == "public_page.set"
        )
        ((before, after),) = (await conn.execute(query)).all()
    assert before == {"colour": None, "origins": [], "logo": None}
    assert after["origins"] == ["https://a.example", "https://b.example"]
    assert after["logo"] not in (None, LOGO)


async def test_members_that_two_people_change_at_once_are_both_changed(studio):
    answers = await asyncio.gather(
        change(studio, colour="#0b5c55"), change(studio, logo=LOGO), change(studio, origins=[])
    )
    assert [one.status_code for one in answers] == [200] * 3
    said = await studio.get("/public-page")
    assert (said["colour"], said["logo"]) == ("#0b5c55", LOGO_PATH)


async def test_any_key_reads_it_and_only_who_manages_the_business_changes_it(studio, db):
    desk = await create_key(db, "studio", "desk", [Scope.SCHEDULE_READ])
    headers = {"Authorization": f"Bearer {desk}"}
    assert (await studio.http.get("/v1/public-page", headers=headers)).status_code == 200
    refused = await studio.http.patch(
        "/v1/public-page", json={"colour": "#000000"}, headers=headers
    )
    problem(refused, 403, "missing-scope")
    assert (await studio.get("/public-page"))["colour"] is None


WHOLE = {"amounts": {"CAD": 2000}, "credits": 0, "kept_amounts": {}, "kept_credits": 0}


@pytest.mark.parametrize(
    ("status", "totals", "is_said"),
    [
        ("running", WHOLE, True),
        ("completed", WHOLE, True),
        ("completed", WHOLE | {"kept_amounts": {"CAD": 5}}, False),
        ("completed_with_failures", WHOLE, False),
    ],
)
async def test_a_page_says_that_all_comes_back_only_while_that_is_so(
    studio, a_session, db, status, totals, is_said
):
    await studio.load(a_session("s1"))
    await studio.cancel("s1", status=status)
    async with db.write() as conn:
        await conn.execute(sa.update(jobs).values(totals=totals))
    (one,) = (await shown(studio))["data"]
    assert one["cancellation"]["returns_all"] is is_said


OWN, OTHER = "https://www.studio.example", "https://www.other.example"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("schedule?date_from=2026-11-23", 200),
        ("schedule?date_from=2026-11-23&cursor=", 422),  # by the route for what is not plain
        ("schedule?date_from=2026-11-23&date_to=2026-11-24", 200),
        ("schedule.ics", 200),
        ("schedule?limit=0", 422),
        (f"logo/{'0' * 32}", 404),
    ],
)
async def test_any_site_reads_what_is_for_anybody_and_why_it_was_refused(studio, path, status):
    studio.http.headers.pop("Authorization")
    for origin in (OWN, OTHER, "null"):
        answer = await studio.http.get(f"/v1/public/studio/{path}", headers={"Origin": origin})
        assert answer.status_code == status, answer.text
        assert _let(answer) == "*"
        assert answer.headers["Access-Control-Expose-Headers"] == "ETag"
        assert "Access-Control-Allow-Credentials" not in answer.headers
        if "ETag" in answer.headers:
            held = {"Origin": origin, "If-None-Match": answer.headers["ETag"]}
            again = await studio.http.get(f"/v1/public/studio/{path}", headers=held)
            assert (again.status_code, _let(again)) == (304, "*")


def _let(answer):
    return answer.headers.get("Access-Control-Allow-Origin")


async def test_a_site_reads_nothing_else_of_a_business_that_names_it(studio):
    await change(studio, origins=[OWN])
    for path in ("/v1/sessions", "/v1/public-page", "/v1/business", "/c/studio", "/"):
        answer = await studio.http.get(path, headers={"Origin": OWN})
        assert answer.status_code == 200
        assert _let(answer) is None, path


async def test_a_page_for_other_sites_names_them_in_its_policy_and_all_others_name_nobody(studio):
    studio_page = await studio.http.get("/embed/studio")
    assert studio_page.headers["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in studio_page.headers["Content-Security-Policy"]
    await change(studio, origins=[OTHER, OWN])
    named = await studio.http.get("/embed/studio")
    policy = named.headers["Content-Security-Policy"]
    assert f"; frame-ancestors {OTHER} {OWN}; " in policy
    assert (
        policy.replace(f"{OTHER} {OWN}", "'none'")
        == (studio_page.headers["Content-Security-Policy"])
    )
    assert "X-Frame-Options" not in named.headers
    assert named.headers["ETag"] != studio_page.headers["ETag"]
    held = {"If-None-Match": named.headers["ETag"]}
    assert (await studio.http.get("/embed/studio", headers=held)).status_code == 304
    await change(studio, origins=[])
    gone = await studio.http.get("/embed/studio", headers=held)
    assert gone.status_code == 200  # not 304: the policy that it was kept with holds no more
    assert gone.headers["X-Frame-Options"] == "DENY"
    for path in ("/embed/nobody", "/embed/no%20id", "/c/studio", "/"):
        assert (await studio.http.get(path)).headers["X-Frame-Options"] == "DENY", path


async def test_a_business_out_of_service_is_shown_and_read_nowhere(studio, db):
    tag = (await change(studio, origins=[OWN], logo=LOGO)).json()["logo"]
    await businesses.change(db, "studio", {"suspended_because": "unpaid"})
    assert (await studio.http.get("/embed/studio")).headers["X-Frame-Options"] == "DENY"
    studio.http.headers.pop("Authorization")
    answer = await studio.http.get(PATH, headers={"Origin": OWN})
    assert _let(answer) == "*"  # so that the site's own script can say so
    problem(answer, 403, "business-suspended")
    problem(await studio.http.get(tag), 403, "business-suspended")
