"""Walks every route of the app: one added later is held to the same without being named here."""

import base64
import datetime as dt
import re

import httpx
import pytest
from fastapi.routing import APIRoute, iter_route_contexts

from app.api.hot_routes import HotRoutes
from app.auth.keys import Scope, create_key, revoke_key
from app.config.settings import Settings
from app.db import tables
from app.db.access.businesses import create as create_business
from app.db.webhook_tables import webhook_deliveries, webhook_endpoints, webhook_events
from app.main import create_app
from app.queue import LocalQueue

# What anybody may call; a route that is neither here nor refuses a caller without a key is a fault.
OPEN = {
    ("GET", "/livez"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
    ("GET", "/docs"),
    ("GET", "/openapi.json"),
    ("GET", "/"),
    ("GET", "/bulk-cancel"),
    ("GET", "/jobs"),
    ("GET", "/jobs/{job_id}"),
    ("GET", "/c/{business_id}"),
    ("GET", "/problems/{slug}"),
    ("GET", "/v1/public/{business_id}/schedule"),
    ("GET", "/v1/public/{business_id}/schedule.ics"),
}
WHOSE_KEY = ("GET", "/v1/business")  # any key may ask
# What an upstream calls: it has no key and signs what it sends.
SIGNED = {
    ("POST", "/v1/hooks/payments"),
    ("POST", "/v1/hooks/credits"),
    ("POST", "/v1/hooks/stripe"),
}
OPEN_MOUNTS = {"/console", "/docs/assets"}

JOB = "019aab00-0000-7000-8000-000000000001"
REFUND = "019aab00-0000-7000-8000-000000000002"
ENDPOINT = "019aab00-0000-7000-8000-000000000003"
EVENT = "019aab00-0000-7000-8000-000000000004"
# An object of the other business for each path parameter, and one that nobody has.
THEIRS = {
    "session_id": "their-session",
    "booking_id": "their-booking",
    "client_id": "their-client",
    "job_id": JOB,
    "refund_id": REFUND,
    "endpoint_id": ENDPOINT,
    "event_id": EVENT,
}
NOBODYS = {
    "session_id": "no-session",
    "booking_id": "no-booking",
    "client_id": "no-client",
    "job_id": "019aab00-0000-7000-8000-0000000000f1",
    "refund_id": "019aab00-0000-7000-8000-0000000000f2",
    "endpoint_id": "019aab00-0000-7000-8000-0000000000f3",
    "event_id": "019aab00-0000-7000-8000-0000000000f4",
}


def keyed_routes(app):
    """(method, path, scopes) of every route but the open ones."""
    document = app.openapi()
    routes = []
    for context in iter_route_contexts(app.routes):
        if isinstance(context.original_route, HotRoutes):
            # Its paths come again, and it is beneath the layer that knows who may call those.
            continue
        if context.methods is None:
            assert context.path in OPEN_MOUNTS, (
                f"{context.path} is mounted, and nothing here says who may see it"
            )
            continue
        for method in context.methods - {"HEAD"}:
            if (method, context.path) in OPEN | SIGNED:
                continue
            assert isinstance(context.original_route, APIRoute), f"{context.path} is no API route"
            operation = document["paths"][context.path_format][method.lower()]
            (requirement,) = operation["security"]
            ((_, scopes),) = requirement.items()
            assert scopes or (method, context.path) == WHOSE_KEY, context.path
            routes.append((method, context.path_format, [Scope(scope) for scope in scopes]))
    return routes


SIMPLEST = {"boolean": False, "string": "x", "null": None}
FORMATS = {"date": "2026-11-23", "date-time": "2026-11-23T09:00:00Z"}


def smallest(schema, document):
    """The smallest value that a JSON Schema takes, near enough for our bodies."""
    match schema:
        case {"$ref": ref}:
            return smallest(document["components"]["schemas"][ref.rsplit("/", 1)[1]], document)
        case {"const": value} | {"enum": [value, *_]} | {"examples": [value, *_]}:
            return value
        case {"anyOf": [first, *_]} | {"oneOf": [first, *_]}:
            return smallest(first, document)
        case {"type": "object"}:
            return {
                name: smallest(schema["properties"][name], document)
                for name in schema.get("required", [])
            }
        case {"type": "array"}:
            return [smallest(schema["items"], document)] * schema.get("minItems", 0)
        case {"type": "integer" | "number"}:
            return schema.get("minimum", 0)
        case _:
            return FORMATS.get(schema.get("format"), SIMPLEST[schema["type"]])


@pytest.fixture
async def other_business(db):
    """A business with a session, a client, a booking, a job and a refund.

    It has a webhook endpoint, too, that was told of the job.
    """
    async with db.write() as conn:
        await create_business(conn, "theirs", name="Theirs", timezone="UTC", currency="EUR")
        await create_business(conn, "ours", name="Ours", timezone="UTC", currency="EUR")
        await conn.execute(
            tables.clients.insert().values(business_id="theirs", id=THEIRS["client_id"], name="Ada")
        )
        at = dt.datetime(2026, 11, 23, 9, tzinfo=dt.UTC)
        await conn.execute(
            tables.jobs.insert().values(
                id=JOB,
                business_id="theirs",
                idempotency_key="key",
                request_fingerprint="0" * 64,
                status="completed_with_failures",
                date_from=at.date(),
                date_to=at.date(),
                include_attended=False,
                requested_by="key:desk",
                requested_at=at,
                finished_at=at,
                due_at=None,
                accepted_sessions=1,
                expanded_sessions=1,
                totals={
                    "sessions": 1,
                    "bookings": 1,
                    "clients": 1,
                    "refunds": 1,
                    "amounts": {"EUR": 100},
                    "credits": 0,
                    "nothing_to_return": 0,
                },
                outcome_seq=1,
            )
        )
        session = {
            "business_id": "theirs",
            "id": THEIRS["session_id"],
            "name": "Yoga",
            "timezone": "UTC",
        }
        times = {"starts_at": at, "ends_at": at + dt.timedelta(hours=1)}
        await conn.execute(
            tables.sessions.insert().values(
                **session, **times, status="cancelled", job_id=JOB, cancelled_at=at
            )
        )
        await conn.execute(
            tables.bookings.insert().values(
                business_id="theirs",
                id=THEIRS["booking_id"],
                session_id=THEIRS["session_id"],
                client_id=THEIRS["client_id"],
                status="booked",
            )
        )
        await conn.execute(
            tables.job_sessions.insert().values(
                job_id=JOB,
                session_id=THEIRS["session_id"],
                business_id="theirs",
                seq=1,
                position=0,
                outcome="accepted",
                session_name="Yoga",
                session_starts_at=at,
                session_timezone="UTC",
            )
        )
        await conn.execute(
            tables.refunds.insert().values(
                id=REFUND,
                business_id="theirs",
                job_id=JOB,
                session_id=THEIRS["session_id"],
                booking_id=THEIRS["booking_id"],
                client_id=THEIRS["client_id"],
                line_no=1,
                method="payment",
                payment_id="p1",
                amount_minor=100,
                currency="EUR",
                status="rejected",
                due_at=None,
                outcome_seq=1,
                settled_at=at,
            )
        )
        await conn.execute(
            webhook_endpoints.insert().values(
                id=ENDPOINT,
                business_id="theirs",
                url="https://example.com/hook",
                status="enabled",
                created_at=at,
            )
        )
        event = {"id": EVENT, "business_id": "theirs", "type": "refund.failed", "occurred_at": at}
        await conn.execute(webhook_events.insert().values(**event, payload="{}"))
        await conn.execute(
            webhook_deliveries.insert().values(
                endpoint_id=ENDPOINT, event_id=EVENT, status="failed", due_at=None
            )
        )


@pytest.fixture
async def app(db, other_business, tmp_path):
    settings = Settings(secrets_file=tmp_path / "secrets.key", wrong_keys_per_minute=1_000_000)
    return create_app(settings, database=db, queue=LocalQueue())


@pytest.fixture
async def client(app):
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://test"
    ) as client:
        yield client


async def call(client, app, method, path, key=None, ids=THEIRS):
    """One call with a valid body; `key` of None sends no header."""
    unknown = set(re.findall(r"\{(\w+)\}", path)) - ids.keys()
    assert not unknown, (
        f"{path}: put an object of the other business for {unknown} into THEIRS and NOBODYS"
    )
    document = app.openapi()
    operation = document["paths"][path.partition("?")[0]][method.lower()]
    content = operation.get("requestBody", {}).get("content", {})
    headers = {"Authorization": f"Bearer {key}"} if key is not None else {}
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "header" and parameter["name"] == "Idempotency-Key":
            headers["Idempotency-Key"] = "a-key"
    body = {}
    if "application/json" in content:
        body = {"json": smallest(content["application/json"]["schema"], document)}
    elif content:
        body = {"content": b""}
        headers["Content-Type"] = next(iter(content))
    return await client.request(method, path.format(**ids), headers=headers, **body)


async def test_without_a_key_or_with_one_that_is_not_in_force_nothing_answers(client, app, db):
    revoked = await create_key(db, "theirs", "revoked", Scope)
    await revoke_key(db, revoked.split("_")[1])
    routes = keyed_routes(app)
    assert len(routes) > 10
    for method, path, _ in routes:
        words = set()
        for key in (None, "garbage", f"bck_{'a' * 12}_{'b' * 43}", revoked):
            answer = await call(client, app, method, path, key)
            assert answer.status_code == 401, (method, path, key, answer.text)
            assert answer.headers["www-authenticate"].startswith("Bearer")
            if key is not None:
                words.add(answer.content)
        assert len(words) == 1, (method, path)


async def test_who_may_not_call_is_told_before_a_byte_of_the_body_is_read(app, db):
    limited = await create_key(db, "theirs", "limited", [])
    for method, path, _ in keyed_routes(app):
        for key, refusal in ((None, 401), (limited, 403)):
            if (method, path) == WHOSE_KEY and key is limited:
                continue
            sent = []

            async def receive(sent=sent, path=path):
                assert sent, f"{path} was read from before it was refused"
                return {"type": "http.request", "body": b"", "more_body": False}

            async def send(message, sent=sent):
                sent.append(message)

            headers = [(b"content-length", b"9000000"), (b"content-type", b"application/json")]
            if key is not None:
                headers.append((b"authorization", f"Bearer {key}".encode()))
            where = {
                "path": path.format(**THEIRS),
                "query_string": b"nobody=knows",
                "method": method,
            }
            await app({"type": "http", "headers": headers, **where}, receive, send)
            assert sent[0]["status"] == refusal, (method, path)


async def test_without_a_signature_no_key_opens_a_route_that_is_signed(db, other_business):
    secret = f"whsec_{base64.b64encode(b'k' * 32).decode()}"
    settings = Settings(hooks_secret=secret, stripe_hooks_secret=secret)
    app = create_app(settings, database=db, queue=LocalQueue())
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://test"
    ) as client:
        for method, path in SIGNED:
            for key in (None, await create_key(db, "ours", "desk", Scope)):
                answer = await call(client, app, method, path, key)
                assert (answer.status_code, answer.json()["type"]) == (
                    401,
                    "/problems/hook-signature-invalid",
                )
                assert answer.headers["www-authenticate"]
            assert not app.openapi()["paths"][path][method.lower()].get("security")


def same_in_both(headers):
    """Headers without those that differ from one request to the next."""
    return {name: value for name, value in headers.items() if name not in {"x-request-id", "date"}}


async def test_every_get_answers_head_with_the_same_status_and_headers_and_no_body(client, app, db):
    theirs = await create_key(db, "theirs", "desk", Scope)
    ids = THEIRS | {"business_id": "theirs"}
    ids["slug"] = "plan-changed"
    gets = {(path, key) for method, path in OPEN if method == "GET" for key in (None,)}
    gets |= {
        (path, key)
        for method, path, _ in keyed_routes(app)
        if method == "GET"
        for key in (None, theirs)
    }

    for path, key in gets:
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        whole = await client.get(path.format(**ids), headers=headers)
        head = await client.head(path.format(**ids), headers=headers)
        assert head.status_code == whole.status_code, path
        assert head.content == b"", path
        if path != "/metrics":  # it counts itself
            assert same_in_both(head.headers) == same_in_both(whole.headers), path
        assert whole.status_code in {200, 401}, (path, whole.text)


async def test_an_unknown_query_parameter_is_refused_on_every_route_of_the_document(
    client, app, db
):
    theirs = await create_key(db, "theirs", "desk", Scope)
    ids = THEIRS | {"business_id": "theirs"}
    before = await dump(db)
    for path, operations in app.openapi()["paths"].items():
        for method, operation in operations.items():
            keyed = bool(operation.get("security"))
            url = f"{path}?{operation['operationId']}=1"
            answer = await call(client, app, method.upper(), url, theirs if keyed else None, ids)
            assert answer.status_code == 422, (method, path, answer.text)
            (error,) = answer.json()["errors"]
            assert error["pointer"] == f"?{operation['operationId']}", (method, path)
            if keyed:
                stranger = await call(client, app, method.upper(), url, None, ids)
                assert stranger.status_code == 401, (method, path)
    assert await dump(db) == before


async def dump(db):
    async with db.read() as conn:
        return [
            (await conn.execute(table.select())).all() for table in tables.metadata.sorted_tables
        ]


async def test_no_parameter_may_be_null(app):
    for path, operations in app.openapi()["paths"].items():
        for operation in operations.values():
            for parameter in operation.get("parameters", []):
                assert "null" not in str(parameter["schema"]), (path, parameter["name"])


async def test_a_key_with_every_other_scope_is_refused(client, app, db):
    keys = {scope: await create_key(db, "theirs", scope, set(Scope) - {scope}) for scope in Scope}
    for method, path, scopes in keyed_routes(app):
        for scope in scopes:
            answer = await call(client, app, method, path, keys[scope])
            assert answer.status_code == 403, (method, path, answer.text)
            assert answer.json()["scope"] == scope


@pytest.mark.parametrize("scopes", [[], *([scope] for scope in Scope)], ids=str)
async def test_any_key_in_force_is_told_whose_it_is_and_what_it_may_do(client, app, db, scopes):
    answer = await call(client, app, *WHOSE_KEY, await create_key(db, "theirs", "desk", scopes))
    assert (answer.status_code, answer.json()["id"]) == (200, "theirs")
    assert answer.json()["key"] == {"name": "desk", "scopes": scopes}


async def test_another_businesss_ids_answer_exactly_as_unknown_ones(client, app, db):
    ours = await create_key(db, "ours", "desk", Scope)
    theirs = await create_key(db, "theirs", "desk", Scope)
    walked = 0
    for method, path, _ in keyed_routes(app):
        if "{" not in path or method == "PUT":  # a PUT creates in the caller's own business
            continue
        walked += 1
        foreign = await call(client, app, method, path, ours)
        assert foreign.status_code == 404, (method, path, foreign.text)
        nobodys = await call(client, app, method, path, ours, NOBODYS)
        assert (foreign.status_code, foreign.content) == (nobodys.status_code, nobodys.content), (
            method,
            path,
        )
    assert walked >= 5
    app.state.stopping.set()  # so that an owner's stream of events ends
    # What deletes comes last, bookings before their clients and sessions.
    for method, path, _ in sorted(
        keyed_routes(app), key=lambda route: (route[0] == "DELETE", route[1])
    ):
        if "{" not in path or method == "PUT":
            continue
        owner = await call(client, app, method, path, theirs)
        assert owner.status_code != 404, (method, path, "does not know its own", owner.text)


async def test_lists_hold_nothing_of_another_business(client, app, db):
    ours = await create_key(db, "ours", "desk", Scope)
    for method, path, _ in keyed_routes(app):
        if method != "GET" or "{" in path:
            continue
        answer = await call(client, app, method, path, ours)
        assert answer.status_code == 200, (path, answer.text)
        assert not any(their_id in answer.text for their_id in THEIRS.values()), path


async def test_a_put_under_another_businesss_id_leaves_theirs_alone(client, app, db):
    ours = await create_key(db, "ours", "desk", Scope)

    async def theirs():
        async with db.read() as conn:
            rows = [
                (await conn.execute(table.select().where(table.c.business_id == "theirs"))).all()
                for table in (
                    tables.sessions,
                    tables.bookings,
                    tables.clients,
                    tables.payment_lines,
                )
            ]
        return repr(rows)

    before = await theirs()
    for method, path, _ in keyed_routes(app):
        if method == "PUT":
            await call(client, app, method, path, ours)
    assert await theirs() == before


async def test_every_keyed_route_declares_the_problems_it_may_answer(app):
    document = app.openapi()
    for method, path, scopes in keyed_routes(app):
        responses = document["paths"][path][method.lower()]["responses"]
        assert {"401", "422", "503"} <= responses.keys(), (method, path)
        assert ("403" in responses) == bool(scopes), (method, path)
        for status, response in responses.items():
            if status >= "400":
                assert list(response["content"]) == ["application/problem+json"], (
                    method,
                    path,
                    status,
                )
    assert "HTTPValidationError" not in str(document)


async def test_operation_ids_are_plain_names_and_differ(app):
    operations = [o for path in app.openapi()["paths"].values() for o in path.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in names)
