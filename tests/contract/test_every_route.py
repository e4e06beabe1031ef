"""Walks every route of the app: one added later is held to the same without being named here."""

import datetime as dt
import re
import time

import httpx
import pytest
from contract.other_business import NOBODYS, THEIRS, open_other_business
from contract.routes import (
    ANY_KEY,
    OPEN,
    SIGNED,
    WHOSE_KEY,
    keyed_routes,
    platform_routes,
    smallest,
)
from worlds.issuer import AUDIENCE, b64, issuing, new_key
from worlds.sample_keys import HOOKS_SECRET

from app.auth import rotation, sign_ins
from app.auth.keys import Scope, create_key, revoke_key
from app.auth.platform import businesses
from app.auth.platform import keys as platform_keys
from app.auth.roles import SCOPES_OF_ROLES, Role
from app.config.settings import Settings
from app.db import tables
from app.db.tables.administration import administration
from app.domain.nouns.sign_ins import EndedSignIn
from app.main import create_app
from app.queue import LocalQueue


@pytest.fixture
async def other_business(db):
    await open_other_business(db)


@pytest.fixture
async def app(db, other_business, tmp_path):
    settings = Settings(
        secrets_file=tmp_path / "secrets.key",
        evidence_file=tmp_path / "evidence.key",
        wrong_keys_per_minute=1_000_000,
    )
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
    yesterday = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
    expired = await create_key(db, "theirs", "expired", Scope, expires_at=yesterday)
    renewed = await create_key(db, "theirs", "renewed", Scope)
    await rotation.rotate(db, renewed.split("_")[1], overlap_seconds=0)
    revoked_operator = await platform_keys.create(db, "revoked")
    await platform_keys.revoke(db, revoked_operator.split("_")[1])
    expired_operator = await platform_keys.create(db, "expired", yesterday)
    other_secret = f"{expired_operator[:17]}{'b' * 43}"
    routes = [(method, path) for method, path, _ in keyed_routes(app)]
    assert len(routes) > 10
    for method, path in routes + platform_routes(app):
        words = set()
        for key in (
            *(None, "garbage", "eyJhbGciOiJub25lIn0.e30.", f"bck_{'a' * 12}_{'b' * 43}"),
            *(revoked, expired, renewed, revoked.replace("bck_", "bcp_")),
            *(revoked_operator, expired_operator, other_secret),
        ):
            answer = await call(client, app, method, path, key)
            assert answer.status_code == 401, (method, path, key, answer.text)
            assert answer.headers["www-authenticate"].startswith("Bearer")
            if key is not None:
                words.add(answer.content)
        assert len(words) == 1, (method, path)


async def test_no_token_that_is_not_in_force_opens_a_route(db, other_business, tmp_path):
    """Wrong issuer, wrong audience, expired, forged, unsigned, ended: of every role."""
    async with issuing() as issuer:
        settings = Settings(
            secrets_file=tmp_path / "secrets.key",
            evidence_file=tmp_path / "evidence.key",
            wrong_keys_per_minute=1_000_000,
            jwt_issuer=issuer.url,
            jwt_audience=AUDIENCE,
            jwt_platform_role="operator",
        )
        app = create_app(settings, database=db, queue=LocalQueue())
        claims = {"business": "theirs", "roles": ["owner"]}
        now = int(time.time())
        at = dt.datetime.now(dt.UTC)
        await sign_ins.end(db, EndedSignIn("ended", None, None, at))
        header = {"alg": "none", "kid": "first", "typ": "at+jwt"}
        wrong = [
            issuer.token(**claims | change)
            for change in (
                {"iss": "https://another.example"},
                {"aud": "another"},
                {"exp": now - 100, "iat": now - 200},
                {"sub": "ended", "iat": now - 5},
                {"sub": "ended", "iat": now - 5, "roles": ["operator"]},
            )
        ]
        wrong += [
            issuer.token(key=new_key("PS256", "first"), **claims),
            issuer.token(header={"typ": "JWT"}, **claims),
            f"{b64(header)}.{b64(issuer.claims(**claims))}.",
        ]
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://test"
        ) as client:
            good = await call(client, app, *WHOSE_KEY, issuer.token(**claims))
            assert good.status_code == 200, good.text
            before = await dump(db)
            routes = [(method, path) for method, path, _ in keyed_routes(app)]
            for method, path in routes + platform_routes(app):
                for number, token in enumerate(wrong):
                    answer = await call(client, app, method, path, token)
                    assert answer.status_code == 401, (method, path, number, answer.text)
            assert await dump(db) == before
        await app.state.people.aclose()


async def test_persons_of_each_role_may_what_keys_of_it_may_and_operators_nothing_else(
    db, other_business, tmp_path
):
    async with issuing() as issuer:
        settings = Settings(
            secrets_file=tmp_path / "secrets.key",
            evidence_file=tmp_path / "evidence.key",
            jwt_issuer=issuer.url,
            jwt_audience=AUDIENCE,
            jwt_platform_role="operator",
            requests_per_second=1_000,
            business_requests_per_second=1_000,
        )
        app = create_app(settings, database=db, queue=LocalQueue())
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://test"
        ) as client:
            for role in Role:
                token = issuer.token(business="ours", roles=[role])
                for method, path, scopes in keyed_routes(app):
                    if (missing := expected_of(scopes, role)) is not None:
                        answer = await call(client, app, method, path, token)
                        assert (answer.status_code, answer.json()["scope"]) == (403, missing), path
                for method, path in platform_routes(app):
                    answer = await call(client, app, method, path, token)
                    assert (answer.status_code, answer.json()["scope"]) == (403, "platform:admin")
            operator = issuer.token(business="ours", roles=["operator", "owner"])
            for method, path, _ in keyed_routes(app):
                answer = await call(client, app, method, path, operator)
                assert answer.json().get("type") == "/problems/no-business", (method, path)
            for method, path in platform_routes(app):
                answer = await call(client, app, method, path, operator)
                assert answer.status_code not in {401, 403}, (method, path, answer.text)
        await app.state.people.aclose()


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
    settings = Settings(hooks_secret=HOOKS_SECRET, stripe_hooks_secret=HOOKS_SECRET)
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
    ids = THEIRS | {"slug": "plan-changed"}
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
        # Of a link that nobody was given, and of a page without a logo, there is nothing to see.
        nothing = {
            "/v1/choices/{token}",
            "/v1/client-pages/{token}",
            "/v1/mail-preferences/{token}",
            "/v1/public/{business_id}/logo/{tag}",
        }
        expected = {404} if path in nothing else {200, 401}
        if path == "/v1/bulk-cancellations/{job_id}/plan":  # of one that awaits no approval
            expected = {409, 401}
        assert whole.status_code in expected, (path, whole.text)


async def test_an_unknown_query_parameter_is_refused_on_every_route_of_the_document(
    client, app, db
):
    theirs = await create_key(db, "theirs", "desk", Scope)
    operator = await platform_keys.create(db, "operator")
    before = await dump(db)
    for path, operations in app.openapi()["paths"].items():
        for method, operation in operations.items():
            keyed = bool(operation.get("security"))
            url = f"{path}?{operation['operationId']}=1"
            is_platforms = path.startswith("/v1/platform/")
            key = operator if is_platforms else theirs
            answer = await call(client, app, method.upper(), url, key if keyed else None)
            assert answer.status_code == 422, (method, path, answer.text)
            (error,) = answer.json()["errors"]
            assert error["pointer"] == f"?{operation['operationId']}", (method, path)
            if keyed:
                stranger = await call(client, app, method.upper(), url, None)
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


def expected_of(scopes, role):
    """What a caller of a role is told: the scope that is missing first, or None."""
    return next((scope for scope in scopes if scope not in SCOPES_OF_ROLES[role]), None)


@pytest.mark.parametrize("role", Role)
async def test_every_route_is_for_the_roles_that_the_table_says(client, app, db, role):
    key = await create_key(db, "ours", role, role=role)
    refused = 0
    for method, path, scopes in keyed_routes(app):
        answer = await call(client, app, method, path, key)
        missing = expected_of(scopes, role)
        if missing is None:
            assert answer.status_code not in {401, 403}, (method, path, answer.text)
        else:
            refused += 1
            assert (answer.status_code, answer.json()["scope"]) == (403, missing), (method, path)
    assert (refused == 0) == (role is Role.OWNER)


async def test_who_stands_above_businesses_sees_nothing_that_is_in_one(client, app, db):
    key = await platform_keys.create(db, "operator")
    before = await dump(db)
    for method, path, _ in keyed_routes(app):
        answer = await call(client, app, method, path, key)
        assert (answer.status_code, answer.json()["type"]) == (403, "/problems/no-business"), path
    assert await dump(db) == before
    routes = platform_routes(app)
    assert routes
    for method, path in routes:
        answer = await call(client, app, method, path, key)
        assert answer.status_code not in {401, 403, 404}, (method, path, answer.text)
        if "{" in path:
            answer = await call(client, app, method, path, key, NOBODYS)
            assert answer.status_code == 404, (method, path, answer.text)


@pytest.mark.parametrize("role", Role)
async def test_no_caller_of_a_business_stands_above_it(client, app, db, role):
    key = await create_key(db, "theirs", role, role=role)
    before = await dump(db)
    for method, path in platform_routes(app):
        answer = await call(client, app, method, path, key)
        assert (answer.status_code, answer.json().get("scope")) == (403, "platform:admin"), path
    assert await dump(db) == before


@pytest.mark.parametrize("role", Role)
async def test_callers_of_a_suspended_business_are_told_so_on_every_route(client, app, db, role):
    key, ours = [await create_key(db, of, role, role=role) for of in ("theirs", "ours")]
    assert (await call(client, app, *WHOSE_KEY, key)).status_code == 200
    await businesses.change(db, "theirs", {"suspended_because": "unpaid"})
    before = await dump(db)
    routes = [(method, path) for method, path, _ in keyed_routes(app)] + platform_routes(app)
    for method, path in routes:
        answer = await call(client, app, method, path, key)
        problem = answer.json()
        assert (answer.status_code, problem["type"]) == (403, "/problems/business-suspended"), path
        assert problem["detail"].endswith(": unpaid"), path
    assert await dump(db) == before
    assert (await call(client, app, *WHOSE_KEY, ours)).status_code == 200


# Routes of who manages a business that change nothing of how it is managed.
NO_DEED = {
    "/v1/webhook-endpoints/{endpoint_id}/test",
    "/v1/webhook-endpoints/{endpoint_id}/replay",
    "/v1/webhook-endpoints/{endpoint_id}/deliveries/{event_id}/redeliver",
    "/v1/message-settings/test",
    "/v1/suppressed-addresses/{address}",
}


async def test_whatever_manages_a_business_is_written_down(client, app, db):
    owner = await create_key(db, "theirs", "desk", Scope)
    managing = {Scope.BUSINESS_MANAGE, Scope.WEBHOOKS_MANAGE}
    routes = [
        (method, path, owner)
        for method, path, scopes in keyed_routes(app)
        if method != "GET" and managing & set(scopes) and path not in NO_DEED
    ]
    # What deletes comes last of the business's, and what suspends it after that.
    routes.sort(key=lambda route: (route[0] == "DELETE", route[1]))
    operator = await platform_keys.create(db, "operator")
    routes += [(method, path, operator) for method, path in platform_routes(app) if method != "GET"]
    written = 0
    for method, path, key in routes:
        before = await count_of(db, administration)
        answer = await call(client, app, method, path, key)
        if answer.status_code < 300:
            written += 1
            assert await count_of(db, administration) == before + 1, (method, path)
        else:
            assert await count_of(db, administration) == before, (method, path, answer.text)
    assert written >= 10


async def count_of(db, table):
    async with db.read() as conn:
        return len((await conn.execute(table.select())).all())


@pytest.mark.parametrize("scopes", [[], *([scope] for scope in Scope)], ids=str)
async def test_any_key_in_force_is_told_whose_it_is_and_what_it_may_do(client, app, db, scopes):
    answer = await call(client, app, *WHOSE_KEY, await create_key(db, "theirs", "desk", scopes))
    assert (answer.status_code, answer.json()["id"]) == (200, "theirs")
    assert answer.json()["key"] == {"name": "desk", "scopes": scopes, "locations": None}


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
        assert not any(
            their_id in answer.text for name, their_id in THEIRS.items() if name != "language"
        ), path


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
    routes = keyed_routes(app) + [(*route, ["platform:admin"]) for route in platform_routes(app)]
    for method, path, scopes in routes:
        responses = document["paths"][path][method.lower()]["responses"]
        assert {"401", "403", "422", "503"} <= responses.keys(), (method, path)
        of_scopes = "missing-scope" in responses["403"]["description"]
        assert of_scopes == bool(scopes), (method, path)
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
