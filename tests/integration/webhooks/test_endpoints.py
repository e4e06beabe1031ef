"""Managing endpoints: what is shown of them, who may, what is refused, and what is sent again."""

import asyncio
import base64
import datetime as dt
import re

import httpx
import pytest
import sqlalchemy as sa
from worlds.office import ACCEPTED, NOWHERE, post, rows
from worlds.problems import problem

from app.api.dependencies import State
from app.auth.keys import Scope, create_key
from app.db import tables
from app.db.access.encrypted import webhook_secret
from app.db.tables.webhooks import webhook_deliveries
from app.main import create_app
from app.webhooks.manage.endpoints import MAX_ENDPOINTS

NOBODYS = "019aab00-0000-7000-8000-0000000000f1"
# What is sent in place of a good URL.
BAD_URLS = [
    "",
    "example.com",
    "ftp://example.com/",
    "http://example.com/hook",
    "https://user:password@example.com/",
    "https://example.com/#part",
    "https://example.com:22/",
    "https://10.0.0.7/",
    "https://169.254.169.254/latest/meta-data",
    "https://[fd00::1]/",
    "https://2130706434.example:0/",
    "https://exa mple.com/",
    "https://example.com/\r\nX: y",
    "https://",
    "https://example.com/" + "x" * 2048,
    7,
    None,
    ["https://example.com/"],
]
# What is sent in a change, and the field that the answer must point at.
BAD_CHANGES = [
    ({"url": None}, "/url"),
    ({"status": None}, "/status"),
    ({"status": "gone"}, "/status"),
    ({"secret": "whsec_x"}, "/secret"),
    ({"description": "a\nb"}, "/description"),
    ({"description": "x" * 201}, "/description"),
    ({"event_types": []}, "/event_types"),
    ({"event_types": ["webhook_endpoint.test"]}, "/event_types/0"),
    ({"event_types": ["refund.failed", "refund.odd"]}, "/event_types/1"),
    ({"event_types": "refund.failed"}, "/event_types"),
]


# One endpoint's life.


async def test_an_endpoint_is_shown_as_it_was_created(office):
    answer = await post(
        office,
        "",
        url="https://EXAMPLE.com:443/a b".replace(" ", "%20"),
        description="Ours",
        event_types=["refund.failed"],
    )
    assert answer.status_code == 201
    created = answer.json()
    assert answer.headers["Location"] == f"/v1/webhook-endpoints/{created['id']}"
    secret = created.pop("secret")
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", secret)
    assert created == await office.shown(created)
    assert created | {"id": None, "created_at": None} == {
        "id": None,
        "created_at": None,
        "url": "https://example.com/a%20b",
        "description": "Ours",
        "event_types": ["refund.failed"],
        "status": "enabled",
        "disabled_because": None,
        "failing_since": None,
        "previous_secret_until": None,
    }


async def test_what_is_left_out_of_a_change_stays_as_it_is_and_null_empties(office):
    types = ["refund.failed", "session.cancelled"]
    endpoint = await office.endpoint(NOWHERE, description="Ours", event_types=types)
    endpoint.pop("secret")
    assert sorted(endpoint.pop("event_types")) == types
    for change, expected in (
        ({"description": "Theirs"}, {"description": "Theirs", "event_types": types}),
        (
            {"url": "http://localhost:9/other"},
            {"url": "http://localhost:9/other", "description": "Theirs"},
        ),
        ({"event_types": ["refund.failed", "refund.failed"]}, {"event_types": ["refund.failed"]}),
        ({"event_types": None}, {"event_types": None, "description": "Theirs"}),
        ({"description": None}, {"event_types": None, "description": None}),
        ({"status": "disabled"}, {"status": "disabled", "disabled_because": "by_hand"}),
        ({"status": "disabled"}, {"status": "disabled", "disabled_because": "by_hand"}),
        ({"status": "enabled"}, {"status": "enabled", "disabled_because": None}),
    ):
        shown = await office.change(endpoint, **change)
        assert {
            name: sorted(v) if isinstance(v, list) else v
            for name, v in shown.items()
            if name in expected
        } == expected
        assert shown == await office.shown(endpoint)
    unchanged = {"id", "created_at", "failing_since", "previous_secret_until"}
    assert {name: shown[name] for name in unchanged} == {name: endpoint[name] for name in unchanged}


async def test_a_change_that_can_t_be_is_refused_and_changes_nothing(office):
    endpoint = await office.endpoint(NOWHERE)
    before = await rows(office)
    for body, pointer in BAD_CHANGES:
        answer = await office.http.patch(
            f"/v1/webhook-endpoints/{endpoint['id']}", json={"url": NOWHERE} | body
        )
        assert pointer in {
            error["pointer"] for error in problem(answer, 422, "validation")["errors"]
        }, body
    assert await rows(office) == before


async def test_a_change_of_nothing_is_refused(office):
    endpoint = await office.endpoint(NOWHERE)
    answer = await office.http.patch(f"/v1/webhook-endpoints/{endpoint['id']}", json={})
    problem(answer, 422, "validation")


async def test_a_bad_url_is_pointed_at_and_changes_nothing(office):
    endpoint = await office.endpoint("https://example.com/hook")
    before = await rows(office)
    for url in BAD_URLS:
        for answer in (
            await post(office, "", url=url, description="fine"),
            await office.http.patch(
                f"/v1/webhook-endpoints/{endpoint['id']}", json={"url": url, "status": "disabled"}
            ),
        ):
            errors = problem(answer, 422, "validation")["errors"]
            assert [error["pointer"] for error in errors] == ["/url"], url
            assert all(
                not isinstance(url, str) or not url or url not in error["detail"]
                for error in errors
            )
    assert await rows(office) == before


async def test_a_deleted_endpoint_is_gone_with_all_that_was_sent_to_it(office):
    endpoint, other = await office.endpoint(NOWHERE), await office.endpoint(NOWHERE)
    await office.tell([ACCEPTED])
    answer = await office.http.delete(f"/v1/webhook-endpoints/{endpoint['id']}")
    assert (answer.status_code, answer.content) == (204, b"")
    problem(await office.http.delete(f"/v1/webhook-endpoints/{endpoint['id']}"), 404, "not-found")
    problem(await office.http.get(f"/v1/webhook-endpoints/{endpoint['id']}"), 404, "not-found")
    assert len(await office.deliveries(other)) == 1
    async with office.db.read() as conn:
        assert set((await conn.execute(sa.select(webhook_deliveries.c.endpoint_id))).scalars()) == {
            other["id"]
        }


async def test_endpoints_are_listed_oldest_first_page_by_page(office):
    made = [await office.endpoint(NOWHERE, description=str(number)) for number in range(5)]
    for limit in (1, 2, 5, 200):
        assert [one["id"] for one in await office.pages("/webhook-endpoints", limit=limit)] == [
            one["id"] for one in made
        ]
    assert all("secret" not in one for one in await office.pages("/webhook-endpoints"))
    answer = await office.http.get("/v1/webhook-endpoints", params={"cursor": "nonsense"})
    assert problem(answer, 422, "validation")["errors"][0]["pointer"] == "?cursor"


async def test_a_business_has_fifty_endpoints_at_most_however_many_come_at_once(office):
    answers = await asyncio.gather(
        *(
            post(office, "", url=f"https://{number}.example/")
            for number in range(MAX_ENDPOINTS + 14)
        )
    )
    refused = [answer for answer in answers if answer.status_code != 201]
    assert len(refused) == 14
    for answer in refused:
        problem(answer, 409, "too-many-endpoints")
    endpoints = await office.pages("/webhook-endpoints", limit=200)
    assert len(endpoints) == MAX_ENDPOINTS == 50
    await office.call("DELETE", f"/{endpoints[0]['id']}", code=204)
    await office.endpoint(NOWHERE)


# Secrets.


async def test_a_secret_is_shown_once_and_kept_sealed(office, receiving):
    heard = []

    async def keep(answer):
        await answer.aread()
        heard.append(
            (answer.request.method, answer.request.url.path, answer.text + repr(answer.headers))
        )

    office.http.event_hooks = {"response": [keep]}
    receiver = await receiving(lambda heard: (500, {}, repr(heard.headers).encode()))
    endpoint = await office.endpoint(receiver.url)
    path = f"/{endpoint['id']}"
    rotated = [await office.call("POST", f"{path}/rotate-secret", {}) for _ in range(2)]
    secrets = [one["secret"] for one in (endpoint, *rotated)]
    event_id = await office.test(endpoint)
    await office.deliver()
    await office.change(endpoint, description="x", status="disabled")
    await office.change(endpoint, status="enabled")
    await office.call("POST", f"{path}/deliveries/{event_id}/redeliver", code=202)
    await office.call("POST", f"{path}/replay", {"since": "2026-01-01T00:00:00Z"}, code=202)
    await office.shown(endpoint)
    await office.pages("/webhook-endpoints")
    await office.deliveries(endpoint)
    await office.delivery(endpoint, event_id)
    assert len(set(secrets)) == 3
    for secret in secrets:
        shown = [(method, path) for method, path, text in heard if secret in text]
        assert len(shown) == 1
        assert shown[0][0] == "POST"
        raw = base64.b64decode(secret.removeprefix("whsec_"))
        kept = [
            one for one in await everything_kept(office) if secret[6:].encode() in one or raw in one
        ]
        assert kept == []
        assert not any(secret[6:] in str(one.headers) + one.body.decode() for one in receiver.heard)
    kept = [
        office.settings.secret_box().decrypt(row["secret"], webhook_secret(row["id"]))
        for row in await office.secrets(endpoint)
    ]
    assert kept == secrets


async def everything_kept(office):
    """All rows, as text, and on SQLite the very bytes of the file."""
    async with office.db.read() as conn:
        kept = [
            repr((await conn.execute(sa.select(one))).all()).encode()
            for one in tables.metadata.sorted_tables
        ]
    assert any(re.search(rb"\b2\.[0-9a-f]{8}\.", one) for one in kept)
    if not office.db.is_postgresql:
        folder = office.settings.secrets_file.parent
        kept += [path.read_bytes() for path in folder.glob("bulk-cancel.db*")]
    return kept


async def test_a_rotation_says_until_when_the_old_secret_signs(office):
    endpoint = await office.endpoint(NOWHERE)
    path = f"/{endpoint['id']}/rotate-secret"
    for body, seconds in (
        ({"overlap_seconds": 60}, 60),
        ({}, 86_400),
        ({"overlap_seconds": 60}, 86_400),
    ):
        shown = await office.call("POST", path, body)
        left = dt.datetime.fromisoformat(shown["previous_secret_until"]) - dt.datetime.now(dt.UTC)
        assert left.total_seconds() == pytest.approx(seconds, abs=5)
    before = await rows(office)
    for bad in (-1, 86_401, 1.5, "60", True, None):
        answer = await post(office, path, overlap_seconds=bad)
        assert problem(answer, 422, "validation")["errors"][0]["pointer"] == "/overlap_seconds"
    assert await rows(office) == before
    rotated = await office.call("POST", path, {"overlap_seconds": 0})
    assert rotated["previous_secret_until"] is None


async def test_a_production_process_without_a_key_keeps_no_secrets_and_says_so(office, settings):
    endpoint = await office.endpoint(NOWHERE)
    before = await rows(office)
    production = settings.model_copy(update={"redis_url": "redis://127.0.0.1:6379"})
    app = create_app(production, database=office.db, queue=None)
    app.state.service = State(office.db, None, production)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://studio.test",
        headers=office.http.headers,
    ) as http:
        for path, body in (
            ("", {"url": "https://example.com/"}),
            (f"/{endpoint['id']}/rotate-secret", {}),
        ):
            answer = await http.post(f"/v1/webhook-endpoints{path}", json=body)
            assert (
                "BULK_CANCEL_SECRETS_KEY"
                in problem(answer, 409, "webhooks-not-configured")["detail"]
            )
    assert await rows(office) == before


# Who may.


async def test_another_business_s_endpoint_is_not_found_in_the_same_words_as_an_unknown_one(
    office, theirs
):
    own = await office.endpoint(NOWHERE)
    before = await rows(office)
    calls = [
        ("GET", "", None),
        ("PATCH", "", {"status": "disabled"}),
        ("DELETE", "", None),
        ("POST", "/rotate-secret", {}),
        ("POST", "/test", None),
        ("GET", "/deliveries", None),
        ("POST", "/replay", {"since": "2026-01-01T00:00:00Z"}),
        ("GET", f"/deliveries/{theirs.event_id}", None),
        ("POST", f"/deliveries/{theirs.event_id}/redeliver", None),
    ]
    for method, path, body in calls:
        foreign, unknown = [
            await office.http.request(method, f"/v1/webhook-endpoints/{id_}{path}", json=body)
            for id_ in (theirs.own["id"], NOBODYS)
        ]
        assert problem(foreign, 404, "not-found") == problem(unknown, 404, "not-found"), path
    for method, path in (("GET", ""), ("POST", "/redeliver")):
        foreign, unknown = [
            await office.http.request(
                method, f"/v1/webhook-endpoints/{own['id']}/deliveries/{id_}{path}"
            )
            for id_ in (theirs.event_id, NOBODYS)
        ]
        assert problem(foreign, 404, "not-found") == problem(unknown, 404, "not-found"), path
    assert await rows(office) == before
    assert [one["id"] for one in await office.pages("/webhook-endpoints")] == [own["id"]]


async def test_only_a_key_with_the_scope_manages_endpoints(office):
    key = await create_key(office.db, "studio", "all but", set(Scope) - {Scope.WEBHOOKS_MANAGE})
    answer = await office.http.get(
        "/v1/webhook-endpoints", headers={"Authorization": f"Bearer {key}"}
    )
    assert problem(answer, 403, "missing-scope")["scope"] == "webhooks:manage"
