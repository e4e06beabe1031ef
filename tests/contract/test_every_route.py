"""Walks every route of the app, so that a route added later is held to the same without being named here."""

import base64
import datetime as dt
import re

import httpx
import pytest
from fastapi.routing import APIRoute, iter_route_contexts

from app.auth import Scope, create_key, revoke_key
from app.config import Settings
from app.db import tables
from app.db.businesses import create as create_business
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
    ("GET", "/v1/public/{business_id}/schedule"),
    ("GET", "/v1/public/{business_id}/schedule.ics"),
}
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
    """(method, path, scope) of every route but the open ones."""
    document = app.openapi()
    routes = []
    for context in iter_route_contexts(app.routes):
        if context.methods is None:
            assert context.path in OPEN_MOUNTS, f"{context.path} is mounted, and nothing here says who may see it"
            continue
        for method in context.methods - {"HEAD"}:
            if (method, context.path) in OPEN | SIGNED:
                continue
            assert isinstance(context.original_route, APIRoute), f"{context.path} is no API route"
            operation = document["paths"][context.path_format][method.lower()]
            (requirement,) = operation["security"]
            ((_, (scope,)),) = requirement.items()
            routes.append((method, context.path_format, Scope(scope)))
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
            return {name: smallest(schema["properties"][name], document) for name in schema.get("required", [])}
        case {"type": "array"}:
            return [smallest(schema["items"], document)] * schema.get("minItems", 0)
        case {"type": "integer" | "number"}:
            return schema.get("minimum", 0)
        case _:
            return FORMATS.get(schema.get("format"), SIMPLEST[schema["type"]])


@pytest.fixture
async def other_business(db):
    """A business with a session, a client, a booking, a job, a refund, and a webhook endpoint that was told of it."""
    async with db.write() as conn:
        await create_business(conn, "theirs", name="Theirs", timezone="UTC", currency="EUR")
        await create_business(conn, "ours", name="Ours", timezone="UTC", currency="EUR")
        await conn.execute(tables.clients.insert().values(business_id="theirs", id=THEIRS["client_id"], name="Ada"))
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
                totals={},
                outcome_seq=1,
            )
        )
        session = {"business_id": "theirs", "id": THEIRS["session_id"], "name": "Yoga", "timezone": "UTC"}
        times = {"starts_at": at, "ends_at": at + dt.timedelta(hours=1)}
        await conn.execute(
            tables.sessions.insert().values(**session, **times, status="cancelled", job_id=JOB, cancelled_at=at)
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
                secret="sealed",
                status="enabled",
                created_at=at,
            )
        )
        event = {"id": EVENT, "business_id": "theirs", "type": "refund.failed", "occurred_at": at}
        await conn.execute(webhook_events.insert().values(**event, payload="{}"))
        await conn.execute(
            webhook_deliveries.insert().values(endpoint_id=ENDPOINT, event_id=EVENT, status="failed", due_at=None)
        )


@pytest.fixture
async def app(db, other_business, tmp_path):
    return create_app(Settings(secrets_file=tmp_path / "secrets.key"), database=db, queue=LocalQueue())


@pytest.fixture
async def client(app):
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        yield client


async def call(client, app, method, path, key=None, ids=THEIRS):
    """One call with a valid body; `key` of None sends no header."""
    unknown = set(re.findall(r"\{(\w+)\}", path)) - ids.keys()
    assert not unknown, f"{path}: put an object of the other business for {unknown} into THEIRS and NOBODYS"
    document = app.openapi()
    operation = document["paths"][path][method.lower()]
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


async def test_without_a_signature_no_key_opens_a_route_that_is_signed(db, other_business):
    secret = f"whsec_{base64.b64encode(b'k' * 32).decode()}"
    settings = Settings(hooks_secret=secret, stripe_hooks_secret=secret)
    app = create_app(settings, database=db, queue=LocalQueue())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        for method, path in SIGNED:
            for key in (None, await create_key(db, "ours", "desk", Scope)):
                answer = await call(client, app, method, path, key)
                assert (answer.status_code, answer.json()["type"]) == (401, "/problems/hook-signature-invalid")
                assert answer.headers["www-authenticate"]
            assert "security" not in app.openapi()["paths"][path][method.lower()]


async def test_a_key_with_every_other_scope_is_refused(client, app, db):
    keys = {scope: await create_key(db, "theirs", scope, set(Scope) - {scope}) for scope in Scope}
    for method, path, scope in keyed_routes(app):
        answer = await call(client, app, method, path, keys[scope])
        assert answer.status_code == 403, (method, path, answer.text)
        assert answer.json()["scope"] == scope


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
        assert (foreign.status_code, foreign.content) == (nobodys.status_code, nobodys.content), (method, path)
    assert walked >= 5
    app.state.stopping.set()  # so that an owner's stream of events ends
    for method, path, _ in sorted(keyed_routes(app), key=lambda route: route[0] == "DELETE"):  # those last
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
                for table in (tables.sessions, tables.bookings, tables.clients, tables.payment_lines)
            ]
        return repr(rows)

    before = await theirs()
    for method, path, _ in keyed_routes(app):
        if method == "PUT":
            await call(client, app, method, path, ours)
    assert await theirs() == before


async def test_every_keyed_route_declares_the_problems_it_may_answer(app):
    document = app.openapi()
    for method, path, _ in keyed_routes(app):
        responses = document["paths"][path][method.lower()]["responses"]
        assert {"401", "403", "422", "503"} <= responses.keys(), (method, path)
        for status, response in responses.items():
            if status >= "400":
                assert list(response["content"]) == ["application/problem+json"], (method, path, status)
    assert "HTTPValidationError" not in str(document)


async def test_operation_ids_are_plain_names_and_differ(app):
    operations = [o for path in app.openapi()["paths"].values() for o in path.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in names)
