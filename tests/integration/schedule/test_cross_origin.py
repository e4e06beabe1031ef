"""Which sites' scripts may read what the API answers (CORS), as a browser would judge it."""

import pytest

from app.auth.keys import Scope, create_key
from app.auth.platform.keys import create as create_platform_key

OURS, THEIRS = "https://app.studio.example", "https://elsewhere.example"
ALLOWED = "Access-Control-Allow-Origin"


@pytest.fixture
async def named(studio):
    """The studio names one site."""
    answer = await studio.http.patch("/v1/public-page", json={"api_origins": [OURS]})
    assert answer.status_code == 200, answer.text
    return studio


async def asked(studio, origin, path="/v1/business", method="GET", **headers):
    answer = await studio.http.request(method, path, headers={"Origin": origin} | headers)
    assert "Origin" in answer.headers["Vary"]
    return answer


async def test_the_sites_of_a_business_may_read_what_its_callers_are_answered(named):
    for method, path, code in (
        ("GET", "/v1/business", 200),
        ("HEAD", "/v1/business", 200),
        ("GET", "/v1/sessions/unheard-of", 404),
        ("POST", "/v1/bulk-cancellations/plan", 422),
        ("GET", "/v1/nowhere", 404),
    ):
        answer = await asked(named, OURS, path, method)
        assert answer.status_code == code
        may = path != "/v1/nowhere"  # which is nobody's
        assert answer.headers.get(ALLOWED) == (OURS if may else None), path
        assert ("ETag" in answer.headers.get("Access-Control-Expose-Headers", "")) == may
        assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize(
    "origin", [THEIRS, "null", f"{OURS}.elsewhere.example", "http://[", OURS[:-1]]
)
async def test_no_other_site_may(named, origin):
    assert ALLOWED not in (await asked(named, origin)).headers


async def test_a_site_may_read_nothing_of_another_business(named, stranger):
    answer = await stranger.http.get("/v1/business", headers={"Origin": OURS})
    assert answer.status_code == 200
    assert ALLOWED not in answer.headers


async def test_refusals_are_read_by_whom_they_are_for(named, db):
    unknown = await asked(named, THEIRS, Authorization="Bearer bck_x_y")
    assert (unknown.status_code, unknown.headers[ALLOWED]) == (401, THEIRS)
    key = await create_key(db, "studio", "reader", [Scope.SCHEDULE_READ])
    for origin, allowed in ((OURS, OURS), (THEIRS, None)):
        refused = await asked(named, origin, "/v1/keys", Authorization=f"Bearer {key}")
        assert (refused.status_code, refused.headers.get(ALLOWED)) == (403, allowed)
    operator = await create_platform_key(db, "operator", None)
    for path in ("/v1/business", "/v1/platform/businesses"):
        answer = await asked(named, OURS, path, Authorization=f"Bearer {operator}")
        assert ALLOWED not in answer.headers


async def test_a_browser_that_asks_beforehand_is_told_what_it_may_send(named):
    named.http.headers.pop("Authorization")
    headers = {
        "Origin": THEIRS,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,idempotency-key",
    }
    answer = await named.http.options("/v1/bulk-cancellations", headers=headers)
    assert (answer.status_code, answer.headers[ALLOWED]) == (204, THEIRS)
    may_send = answer.headers["Access-Control-Allow-Headers"].lower().split(", ")
    assert {"authorization", "content-type", "idempotency-key"} <= set(may_send)
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    headers.pop("Access-Control-Request-Method")
    assert (await named.http.options("/v1/bulk-cancellations", headers=headers)).status_code == 405


async def test_a_site_that_is_named_no_more_may_read_nothing_more(named):
    assert ALLOWED in (await asked(named, OURS)).headers
    await named.http.patch("/v1/public-page", json={"api_origins": []})
    assert ALLOWED not in (await asked(named, OURS)).headers


async def test_our_own_pages_and_callers_without_an_origin_are_told_nothing_of_it(named):
    own = str(named.http.base_url).rstrip("/")
    for headers in ({"Origin": own}, {}):
        answer = await named.http.get("/v1/business", headers=headers)
        assert "Vary" not in answer.headers
        assert ALLOWED not in answer.headers


async def test_what_is_for_anybody_is_read_by_any_site(named):
    answer = await named.http.get("/v1/public/studio/schedule", headers={"Origin": THEIRS})
    assert answer.headers[ALLOWED] == "*"
