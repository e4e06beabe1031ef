import asyncio
import json
from typing import Annotated, Literal

import httpx
import pytest
from fastapi import Header, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import ClientDisconnect
from structlog.testing import capture_logs
from worlds.problems import problem
from worlds.queue import Unheard

from app.api.authorise import caller
from app.auth.keys import Caller, Scope, create_key
from app.config.settings import Settings
from app.db.access.businesses import create as create_business
from app.db.core.engine import Database
from app.domain.zones import RULES
from app.errors import FieldError, NotFound, Problem
from app.main import create_app
from app.queue import LocalQueue
from app.serving import served


class Line(BaseModel):
    model_config = ConfigDict(extra="forbid")
    amount: Annotated[int, Field(strict=True, ge=1, le=10**12)]


class Order(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, Field(max_length=10)]
    lines: list[Line] = []
    ids: list[str] | Literal["all"] = "all"


def with_test_routes(app):
    @app.post("/test/orders/{order_id}")
    async def post_order(
        order_id: Annotated[str, Field(pattern=r"^[a-z]{1,8}$")],
        body: Order,
        limit: Annotated[int, Field(ge=1)] = 1,
        idempotency_key: Annotated[str | None, Header(max_length=5)] = None,
    ) -> dict[str, str]:
        if order_id == "absent":
            raise NotFound("order")
        return {"name": body.name}

    @app.get("/test/several")
    async def several(
        of: Annotated[list[str] | None, Query()] = None,
    ) -> dict[str, list[str] | None]:
        return {"of": of}

    @app.get("/test/raise/{what}")
    async def raise_it(what: str) -> None:
        raise {
            "bug": RuntimeError("the password is hunter2"),
            "refusal": Problem(
                409,
                "sold-out",
                "Sold out",
                "A \ud800 surrogate\x00.",
                errors=[FieldError("/a~1b", "taken", "Taken.")],
                extensions={"left": 0, "status": 200},
                headers={"X-Extra": "1"},
            ),
            "gone": ClientDisconnect(),
        }[what]

    @app.get("/test/stream")
    async def stream() -> StreamingResponse:
        async def parts():
            yield b"first"
            raise RuntimeError("too late to say so")

        return StreamingResponse(parts())

    @app.get("/test/mine")
    async def mine(who: Annotated[Caller, caller(Scope.SCHEDULE_READ)]) -> dict[str, str]:
        return {"business_id": who.business_id}

    @app.get("/test/state")
    async def state(request: Request) -> dict[str, str]:
        return {"request_id": request.state.request_id}

    return app


def with_a_long_stream(app):
    app.state.streams_begun = 0

    @app.get("/test/long")
    async def long() -> StreamingResponse:
        async def parts():
            app.state.streams_begun += 1
            for _ in range(1000):
                yield b"x" * 1000

        return StreamingResponse(parts(), headers={"X-Lines": "1000"})

    return app


def client_of(app):
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")


@pytest.fixture
async def api(db):
    app = with_test_routes(create_app(Settings(), database=db, queue=LocalQueue()))
    async with client_of(app) as client:
        yield client


@pytest.fixture
async def edge(sqlite_url):
    """The same, where the database plays no part."""
    db = Database(sqlite_url)
    app = with_test_routes(create_app(Settings(), database=db, queue=LocalQueue()))
    async with client_of(app) as client:
        yield client
    await db.close()


def errors_of(document):
    return {(error["pointer"], error["code"]) for error in document["errors"]}


async def test_every_field_at_fault_is_named_by_a_pointer(edge):
    answer = await edge.post(
        "/test/orders/abc?limit=0",
        json={
            "name": "x" * 11,
            "lines": [{"amount": 1}, {"amount": "1", "a/b~c": 1}, {}],
            "colour": "red",
        },
        headers={"Idempotency-Key": "too long"},
    )
    assert errors_of(problem(answer, 422, "validation")) == {
        ("/name", "string-too-long"),
        ("/lines/1/amount", "int-type"),
        ("/lines/1/a~1b~0c", "extra-forbidden"),
        ("/lines/2/amount", "missing"),
        ("/colour", "extra-forbidden"),
        ("?limit", "greater-than-equal"),
        ("header:idempotency-key", "string-too-long"),
    }


async def test_the_members_of_a_union_leave_no_trace_in_a_pointer(edge):
    answer = await edge.post("/test/orders/abc", json={"name": "x", "ids": ["a", 7]})
    assert errors_of(problem(answer, 422, "validation")) == {
        ("/ids/1", "string-type"),
        ("/ids", "literal-error"),
    }


async def test_a_malformed_path_answers_as_an_unknown_one_to_the_letter(edge):
    malformed = await edge.post("/test/orders/A%00B", json={"name": "x"})
    unknown = await edge.post("/test/orders/absent", json={"name": "x"})
    assert malformed.content == unknown.content
    assert problem(malformed, 404, "not-found")["detail"] == "There is no such order."


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"",
        b'{"name": "\xff"}',
        b'{"name": ' + b"[" * 15_000 + b"]" * 15_000 + b"}",
        b'{"name": ' + b"9" * 5000 + b"}",
    ],
    ids=["cut off", "empty", "not UTF-8", "deep", "long number"],
)
async def test_a_body_that_cannot_be_read_is_refused_without_a_fault_of_ours(edge, body):
    answer = await edge.post(
        "/test/orders/abc", content=body, headers={"Content-Type": "application/json"}
    )
    if body:
        problem(answer, 400, "malformed-body")
    else:
        assert errors_of(problem(answer, 422, "validation")) == {("", "missing")}


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", None])
async def test_a_body_of_another_type_is_refused(edge, kind):
    headers = {"Content-Type": kind} if kind else {}
    answer = await edge.post("/test/orders/abc", content=b'{"name": "x"}', headers=headers)
    problem(answer, 415, "unsupported-media-type")


@pytest.mark.parametrize(
    "text",
    [
        '{"name": NaN}',
        '{"name": Infinity}',
        '{"name": "\\ud800 is half of something"}',
        '{"name": "x", "\\ud800\\u0000": 1}',
        '{"name": "x", "lines": [{"amount": 1e400}]}',
        '{"name": "x", "lines": [{"amount": 1' + "0" * 400 + "}]}",
        '{"name": "' + "secret-" * 100 + '"}',
        '{"name": {"nested": "secret-"}}',
        "[]",
        '"text"',
        "null",
    ],
)
async def test_what_was_sent_is_not_repeated_and_breaks_nothing(edge, text):
    answer = await edge.post(
        "/test/orders/abc", content=text.encode(), headers={"Content-Type": "application/json"}
    )
    problem(answer, 422, "validation")
    assert "secret-" not in answer.text
    assert "NaN" not in answer.text
    json.dumps(answer.json(), allow_nan=False)


async def test_of_very_many_errors_the_first_twenty_are_told(edge):
    answer = await edge.post("/test/orders/abc", json={"name": "x", "lines": [{}] * 5000})
    document = problem(answer, 422, "validation")
    assert len(document["errors"]) == 20
    assert "5000 fields" in document["detail"]


async def test_unknown_addresses_and_wrong_methods_are_problems_too(edge):
    problem(await edge.get("/v1/nothing"), 404, "not-found")
    problem(await edge.get("/livez/"), 404, "not-found")
    wrong = await edge.delete("/livez")
    problem(wrong, 405, "method-not-allowed")
    assert wrong.headers["allow"] == "GET, HEAD"


async def test_a_head_of_a_stream_begins_no_stream_and_leaves_the_connection_open(sqlite_url):
    db = Database(sqlite_url)
    app = with_a_long_stream(with_test_routes(create_app(Settings(), database=db, queue=Unheard())))
    async with (
        served(app) as address,
        httpx.AsyncClient(limits=httpx.Limits(max_connections=1)) as client,
    ):
        head = await client.head(f"{address}/test/long")
        assert (head.status_code, head.content, app.state.streams_begun) == (200, b"", 0)
        assert head.headers["x-lines"] == "1000"
        connection = head.extensions["network_stream"].get_extra_info("client_addr")
        whole = await client.get(f"{address}/test/long")
        assert (len(whole.content), app.state.streams_begun) == (1_000_000, 1)
        assert whole.extensions["network_stream"].get_extra_info("client_addr") == connection
        refused = await client.head(f"{address}/test/orders/abc")
        assert (refused.status_code, refused.headers["allow"], refused.content) == (
            405,
            "POST",
            b"",
        )
    await db.close()


async def test_a_query_parameter_that_is_unknown_or_given_twice_is_refused(edge):
    order = {"name": "x"}
    answer = await edge.post(
        "/test/orders/abc?limit=1&colour=red&limit=2&colour=blue&%ff=", json=order
    )
    document = problem(answer, 422, "validation")
    assert errors_of(document) == {
        ("?limit", "repeated"),
        ("?colour", "extra-forbidden"),
        ("?\N{REPLACEMENT CHARACTER}", "extra-forbidden"),
    }
    assert "red" not in answer.text
    answer = await edge.post("/test/orders/abc?colour=red&limit=many", json=order)
    assert {pointer for pointer, _ in errors_of(problem(answer, 422, "validation"))} == {
        "?colour",
        "?limit",
    }
    assert (await edge.post("/test/orders/abc?limit=2", json=order)).status_code == 200
    several = await edge.get("/test/several?of=a&of=b")
    assert several.json() == {"of": ["a", "b"]}
    problem(await edge.get("/test/several?of=a&off=b"), 422, "validation")


async def test_a_refusal_keeps_its_extensions_and_headers_and_its_own_members_win(edge):
    answer = await edge.get("/test/raise/refusal")
    document = problem(answer, 409, "sold-out")
    assert document["left"] == 0
    assert document["errors"] == [{"pointer": "/a~1b", "code": "taken", "detail": "Taken."}]
    assert document["detail"] == "A \N{REPLACEMENT CHARACTER} surrogate\N{REPLACEMENT CHARACTER}."
    assert answer.headers["x-extra"] == "1"


async def test_a_fault_of_ours_tells_nothing_but_a_request_id_and_is_logged_once(edge):
    with capture_logs() as logs:
        answer = await edge.get("/test/raise/bug", headers={"X-Request-Id": "abc-123"})
    document = problem(answer, 500, "internal")
    assert document["request_id"] == "abc-123"
    assert "hunter2" not in answer.text
    (logged,) = [entry for entry in logs if entry["log_level"] == "error"]
    assert logged["event"] == "request.failed"
    assert isinstance(logged["exc_info"], RuntimeError)


async def test_a_caller_who_left_is_no_fault_of_ours(edge):
    # httpx's transport insists on an answer; nobody is there to get one.
    with capture_logs() as logs, pytest.raises(AssertionError):
        await edge.get("/test/raise/gone")
    assert [entry["event"] for entry in logs] == ["request.abandoned", "request.answered"]


async def test_a_request_id_that_is_not_plain_is_replaced(edge):
    answer = await edge.get("/test/state", headers={"X-Request-Id": "a b\x7f"})
    assert answer.json()["request_id"] == answer.headers["x-request-id"] != "a b\x7f"
    kept = await edge.get("/test/state", headers={"X-Request-Id": "mine-1"})
    assert kept.headers["x-request-id"] == "mine-1"


async def test_answers_carry_safe_headers_and_keyed_ones_are_never_stored(api, db):
    async with db.write() as conn:
        await create_business(conn, "studio", name="Studio", timezone="UTC", currency="EUR")
    key = await create_key(db, "studio", "desk", [Scope.SCHEDULE_READ])
    keyed = await api.get("/test/mine", headers={"Authorization": f"Bearer {key}"})
    assert keyed.json() == {"business_id": "studio"}
    assert keyed.headers["cache-control"] == "no-store"
    assert keyed.headers["x-content-type-options"] == "nosniff"
    keyless = await api.get("/livez")
    assert "cache-control" not in keyless.headers
    assert keyless.headers["x-content-type-options"] == "nosniff"


async def test_no_key_and_a_key_without_the_scope_are_refused_as_rfc_6750_says(api, db):
    async with db.write() as conn:
        await create_business(conn, "studio", name="Studio", timezone="UTC", currency="EUR")
    key = await create_key(db, "studio", "desk", [Scope.SCHEDULE_WRITE])
    nobody = await api.get("/test/mine")
    problem(nobody, 401, "unauthenticated")
    assert nobody.headers["www-authenticate"].startswith("Bearer realm=")
    lacking = await api.get("/test/mine", headers={"Authorization": f"Bearer {key}"})
    assert problem(lacking, 403, "missing-scope")["scope"] == "schedule:read"
    assert 'error="insufficient_scope"' in lacking.headers["www-authenticate"]


@pytest.mark.parametrize(
    "url",
    ["postgresql+asyncpg://postgres@127.0.0.1:1/none", "sqlite+aiosqlite:////dev"],
    ids=["postgresql refuses", "sqlite cannot open"],
)
async def test_without_its_database_a_keyed_call_is_told_to_come_again(url):
    db = Database(url)
    async with client_of(
        with_test_routes(create_app(Settings(), database=db, queue=LocalQueue()))
    ) as client:
        key = f"bck_{'a' * 12}_{'b' * 43}"
        answer = await client.get("/test/mine", headers={"Authorization": f"Bearer {key}"})
        problem(answer, 503, "database-unavailable")
        assert answer.headers["retry-after"] == "2"
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()["database"]) == (503, "unreachable")
        assert (await client.get("/livez")).status_code == 200
    await db.close()
    # The thread that aiosqlite had for a connection that failed to open still reports to this loop.
    await asyncio.sleep(0.1)


async def test_ready_means_that_the_database_answers_with_this_builds_schema(api, db):
    ready = await api.get("/readyz")
    tzdata = {"release": RULES.release, "source": RULES.source}
    state = {"database": "ok", "redis": "not_configured", "isolated": False, "test_mode": False}
    assert ready.json() == {"status": "ready", **state, "tzdata": tzdata}
    async with db.write() as conn:
        await conn.exec_driver_sql("DELETE FROM alembic_version")
    unready = await api.get("/readyz")
    assert (unready.status_code, unready.json()["database"]) == (503, "not_migrated")


async def test_concurrent_requests_keep_their_own_ids(edge):
    answers = await asyncio.gather(*(edge.get("/test/state") for _ in range(20)))
    assert len({answer.json()["request_id"] for answer in answers}) == 20
    assert all(a.json()["request_id"] == a.headers["x-request-id"] for a in answers)


async def test_an_answer_that_fails_half_way_is_broken_off_and_never_looks_whole(sqlite_url):
    db = Database(sqlite_url)
    app = with_test_routes(create_app(Settings(), database=db, queue=Unheard()))
    async with served(app) as address, httpx.AsyncClient() as client:
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            await client.get(f"{address}/test/stream")
    await db.close()
