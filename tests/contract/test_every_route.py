"""Walks every route of the app: one added later is held to the same without being named here."""

import base64
import re

import httpx
import pytest
from contract.other_business import NOBODYS, THEIRS, open_other_business
from contract.routes import ANY_KEY, OPEN, SIGNED, WHOSE_KEY, keyed_routes, smallest

from app.auth.keys import Scope, create_key, revoke_key
from app.config.settings import Settings
from app.db import tables
from app.main import create_app
from app.queue import LocalQueue


@pytest.fixture
async def other_business(db):
    await open_other_business(db)


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
            if (method, path) in ANY_KEY and key is limited:
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
        # Of a link that nobody was given there is nothing to see.
        expected = {404} if path == "/v1/choices/{token}" else {200, 401}
        assert whole.status_code in expected, (path, whole.text)


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
