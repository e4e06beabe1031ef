"""A hot route answers what FastAPI's route of the same path does: bodies, headers and refusals."""

import itertools
import json

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.hot_routes import COLD, HotRoutes, plain_query
from app.auth.keys import Scope

NOBODYS = "019aab00-0000-7000-8000-0000000000aa"
# Of every request its own: when it came, and which it was.
_OWN = {"x-request-id", "date"}


class Both:
    """A caller whose requests are answered by the hot routes, and again by FastAPI's alone."""

    def __init__(self, app, headers):
        async def cold(scope, receive, send):
            await app(scope | {COLD: True}, receive, send)

        self.hot, self.cold = (
            httpx.AsyncClient(
                transport=httpx.ASGITransport(one), base_url="http://studio.test", headers=headers
            )
            for one in (app, cold)
        )

    async def say_the_same(self, method, path, **sent):
        """The answer, which is that of both."""
        hot = await self.hot.request(method, path, **sent)
        cold = await self.cold.request(method, path, **sent)
        assert _told(hot) == _told(cold), (method, path, sent)
        return hot


def _told(answer):
    headers = sorted((name, value) for name, value in answer.headers.items() if name not in _OWN)
    return answer.status_code, headers, answer.content


@pytest.fixture
async def both(week):
    """A caller of a studio with refunds of every kind."""
    await week.faults(refuse_ids={"card-payment-1": "account_closed"})
    job = await week.accepted(["yoga", "begun"])
    await week.work(job["id"])
    caller = Both(week.app, dict(week.http.headers))
    caller.job_id = job["id"]
    return caller


def is_hot(path, *, method="GET", query=b""):
    scope = {"type": "http", "method": method, "path": path, "query_string": query, "root_path": ""}
    return bool(HotRoutes().matches(scope)[0].value)


async def test_both_routes_give_the_same_lists_page_by_page(both, week):
    listed = week.body("all")
    days = f"date_from={listed['date_from']}&date_to={listed['date_to']}"
    paths = ("/v1/sessions", "/v1/clients/kim/bookings", "/v1/public/studio/schedule")
    for path, limit in itertools.product(paths, (1, 3, 50, 200)):
        query = f"limit={limit}" if "clients" in path else f"{days}&limit={limit}"
        pages = 0
        while query:
            assert is_hot(path, query=query.encode()), query
            answer = await both.say_the_same("GET", f"{path}?{query}")
            assert answer.status_code == 200, answer.text
            tag = answer.headers["ETag"]
            same = await both.say_the_same("GET", f"{path}?{query}", headers={"If-None-Match": tag})
            assert same.status_code == 304
            head = await both.say_the_same("HEAD", f"{path}?{query}")
            assert (head.status_code, head.headers["ETag"]) == (200, tag)
            cursor = answer.json()["next_cursor"]
            pages += 1
            query = cursor and f"{query.partition('&cursor')[0]}&cursor={cursor}"
        assert pages > 1 or limit > 4
    for status in ("scheduled", "cancelled"):
        assert is_hot("/v1/sessions", query=f"status={status}".encode())
        await both.say_the_same("GET", f"/v1/sessions?{days}&status={status}")


async def test_both_routes_say_the_same_of_a_job_and_of_one_that_is_not_there(both):
    path = f"/v1/bulk-cancellations/{both.job_id}"
    assert is_hot(path)
    answer = await both.say_the_same("GET", path)
    assert answer.status_code == 200
    for known in (answer.headers["ETag"], "*", '"other"', ""):
        await both.say_the_same("GET", path, headers={"If-None-Match": known})
        await both.say_the_same("HEAD", path, headers={"If-None-Match": known})
    assert (await both.say_the_same("GET", f"/v1/bulk-cancellations/{NOBODYS}")).status_code == 404


ODD = (
    "limit=0", "limit=201", "limit=050", "limit=-1", "limit=", "limit=5&limit=5", "limit=%35",
    "limit=5.0", "limit=x", "cursor=x", "cursor=", "cursor=WyJ4Il0", "cursor=" + "A" * 1001,
    "status=SCHEDULED", "status=", "status=gone", "date_from=2026-1-1", "date_from=2026-02-30",
    "date_from=20260105", "date_from=", "date_from=null", "x=1", "&", "=",
    "date_from=2026-01-05&date_to=2026-01-04", "date_from=2020-01-01&date_to=2026-01-01",
    "q=yo", "location=Hall+1", "limit=5&", "&limit=5", "limit", "LIMIT=5", "date_to=2026-01-04",
    "limit=\u0665",
)  # fmt: skip


@pytest.mark.parametrize(
    "path", ["/v1/sessions", "/v1/clients/kim/bookings", "/v1/public/studio/schedule"]
)
async def test_both_routes_say_the_same_of_odd_queries(both, path):
    for query in ODD:
        answer = await both.say_the_same("GET", f"{path}?{query}")
        assert answer.status_code in {200, 422}, (query, answer.text)
    await both.say_the_same("GET", f"/v1/bulk-cancellations/{both.job_id}?limit=5")


async def test_both_routes_say_the_same_of_odd_paths_and_methods(both):
    for path in (
        *(
            "/v1/bulk-cancellations/plan",
            "/v1/bulk-cancellations/x",
            "/v1/bulk-cancellations/",
            "/v1/sessions/",
        ),
        f"/v1/bulk-cancellations/{both.job_id.upper()}",
        f"/v1/bulk-cancellations/{both.job_id}%0A",
        *(
            "/v1/clients/nobody/bookings",
            "/v1/clients/k%20m/bookings",
            "/v1/clients//bookings",
            "/v1/clients/a%2Fb/bookings",
        ),
        *(
            "/v1/public/nobody/schedule",
            "/v1/public/b\u00e9/schedule",
            "/v1/public/" + "x" * 129 + "/schedule",
        ),
    ):
        for method in ("GET", "HEAD", "POST", "DELETE", "OPTIONS"):
            await both.say_the_same(method, path)


async def test_both_routes_refuse_the_same_callers(both, caller_with):
    for headers in ({}, {"Authorization": "Bearer x"}, {"Authorization": "Basic x"}):
        stranger = Both(both.hot._transport.app, headers)
        for path in (
            "/v1/sessions?x=1",
            f"/v1/bulk-cancellations/{both.job_id}",
            "/v1/clients/kim/bookings",
        ):
            assert (await stranger.say_the_same("GET", path)).status_code == 401
        assert (
            await stranger.say_the_same("POST", "/v1/bulk-cancellations", json={})
        ).status_code == 401
        assert (await stranger.say_the_same("GET", "/v1/public/studio/schedule")).status_code == 200
    auditor = await caller_with(Scope.AUDIT_READ)
    scopeless = Both(both.hot._transport.app, dict(auditor.http.headers))
    for path in (
        "/v1/sessions",
        f"/v1/bulk-cancellations/{both.job_id}",
        "/v1/clients/kim/bookings",
    ):
        assert (await scopeless.say_the_same("GET", path)).status_code == 403


async def test_both_routes_say_the_same_of_acceptances(both, week):
    path, body = "/v1/bulk-cancellations", week.body(["spin"])
    assert is_hot(path, method="POST")
    keyed = {"Idempotency-Key": "again"}
    first = await both.hot.post(path, json=body, headers=keyed)
    assert first.status_code == 202, first.text
    again = await both.say_the_same("POST", path, json=body, headers=keyed)
    assert (again.headers["Idempotent-Replayed"], again.json()) == ("true", first.json())
    # This is 409: the sessions are in process.
    await both.say_the_same("POST", path, json=body, headers={"Idempotency-Key": "another"})
    await both.say_the_same("POST", path, json=body | {"reason": "x"}, headers=keyed)
    for key in ("", " ", "x" * 256, "\u00e9"):
        await both.say_the_same(
            "POST", path, json=body, headers={"Idempotency-Key": key.encode("latin-1")}
        )
    await both.say_the_same("POST", path, json=body)
    csv = await both.say_the_same("POST", path, json=body, headers=keyed | {"Accept": "text/csv"})
    assert csv.headers["Content-Type"].startswith("text/csv")


async def test_both_routes_say_the_same_of_odd_bodies(both, week):
    path, body = "/v1/bulk-cancellations", week.body(["spin"])
    keyed = {"Idempotency-Key": "odd"}
    odd = [
        *(b"", b"{", b"null", b"[]", b'"x"', b"\xff", b"{}"),
        *(b"[" * 3000, b"1" * 700, b'{"date_from": NaN}'),
        *(json.dumps(body | more).encode() for more in (
            {"session_ids": []}, {"session_ids": ["a", "a"]}, {"session_ids": "every"},
            {"hold_seconds": -1}, {"hold_seconds": 1.0}, {"include_attended": 1},
            {"reason": "\u0000"}, {"reason": "\ud800"}, {"x": 1}, {"date_from": "2026-13-01"},
            {"date_from": None}, {"plan_digest": "x"}, {"session_ids": ["none"]},
        )),
    ]  # fmt: skip
    for content in odd:
        for content_type in (
            "application/json",
            "application/json; charset=utf-8",
            "text/plain",
            "",
        ):
            headers = keyed | {"Content-Type": content_type}
            answer = await both.say_the_same("POST", path, content=content, headers=headers)
            assert answer.status_code in {400, 409, 415, 422}, (content[:80], answer.text)
    await both.say_the_same("POST", f"{path}?x=1", json=body, headers=keyed)
    # Nothing more was accepted.
    assert (await week.get("/bulk-cancellations"))["data"][0]["id"] == both.job_id


@given(
    st.binary(max_size=60)
    | st.from_regex(rb"(limit|cursor|status|date_from)=[0-9a-z%&=+]*", fullmatch=True)
)
def test_a_plain_query_is_read_as_starlette_reads_it(query):
    allowed = frozenset({"limit", "cursor", "status", "date_from"})
    read = plain_query(query, allowed)
    if read is not None:
        assert dict(httpx.QueryParams(query.decode("latin-1"))) == dict(read)
        assert read.keys() <= allowed
