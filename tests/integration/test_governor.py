"""One caller who asks too much is told when to come again, and others notice nothing."""

import asyncio
import json

import httpx
import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs
from worlds.queue import Unheard

from app.api.layers.addresses import address_of, networks
from app.auth.keys import Scope, create_key, disbelieve, revoke_key
from app.config.settings import Settings
from app.db import tables
from app.db.access.businesses import create as create_business
from app.db.core.dialect import now
from app.main import create_app
from app.rates import Buckets, Quota
from app.serving import served

ON_HOLD = {
    "date_from": "2026-11-23",
    "date_to": "2026-11-23",
    "session_ids": ["s1"],
    "hold_seconds": 3600,
}


@pytest.fixture
def settings():
    return Settings()


@pytest.fixture
async def world(db, settings):
    """Keys of two businesses, by name, and an app that serves both; `ours` has a job on hold."""
    app = create_app(settings, database=db, queue=Unheard())
    keys = {}
    for business in ("ours", "theirs"):
        async with db.write() as conn:
            await create_business(conn, business, name=business, timezone="UTC", currency="EUR")
        for name in ("desk", "other"):
            keys[f"{business} {name}"] = await create_key(db, business, name, Scope)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://test"
    ) as http:
        yield app, http, keys


def bearer(key):
    return {"Authorization": f"Bearer {key}"}


async def ask(http, key, path="/v1/business", **more):
    return await http.get(path, headers=bearer(key), **more)


def refused(answer, slug="too-many-requests"):
    assert answer.status_code == 429, answer.text
    assert answer.json()["type"] == f"/problems/{slug}"
    assert int(answer.headers["retry-after"]) >= 1
    return answer.headers["ratelimit"], answer.headers["ratelimit-policy"]


async def statuses(http, key, times):
    return [(await ask(http, key)).status_code for _ in range(times)]


@pytest.mark.parametrize("settings", [Settings(requests_per_second=0.5)])
async def test_a_key_has_so_many_requests_and_others_of_its_business_have_their_own(
    world, settings
):
    _, http, keys = world
    assert await statuses(http, keys["ours desk"], 5) == [200] * 5
    assert refused(await ask(http, keys["ours desk"])) == ('"key";r=0;t=2', '"key";q=5;w=10')
    assert await statuses(http, keys["ours other"], 5) == [200] * 5
    assert await statuses(http, keys["theirs desk"], 5) == [200] * 5


@pytest.mark.parametrize("settings", [Settings(business_requests_per_second=0.5)])
async def test_a_business_has_so_many_requests_over_all_of_its_keys(world, settings):
    _, http, keys = world
    assert (
        await statuses(http, keys["ours desk"], 3) + await statuses(http, keys["ours other"], 2)
        == [200] * 5
    )
    assert refused(await ask(http, keys["ours desk"]))[1] == '"business";q=5;w=10'
    assert refused(await ask(http, keys["ours other"]))[1] == '"business";q=5;w=10'
    assert await statuses(http, keys["theirs desk"], 5) == [200] * 5


@pytest.mark.parametrize("settings", [Settings(requests_per_second=1)])
async def test_who_waits_as_long_as_it_is_told_is_let_in_again(world, settings):
    _, http, keys = world
    assert await statuses(http, keys["ours desk"], 10) == [200] * 10
    answer = await ask(http, keys["ours desk"])
    while answer.status_code == 429:
        await asyncio.sleep(int(answer.headers["retry-after"]) / 10)
        answer = await ask(http, keys["ours desk"])
    assert answer.status_code == 200


@pytest.mark.parametrize("settings", [Settings(wrong_keys_per_minute=3)])
async def test_wrong_keys_are_slowed_by_address_and_a_right_one_at_that_address_is_not(
    world, settings
):
    _, http, keys = world
    wrong = [f"bck_{'x' * 12}_{number:043}" for number in range(5)]
    assert [(await ask(http, key)).status_code for key in wrong[:3]] == [401] * 3
    assert refused(await ask(http, wrong[3]))[1] == '"wrong-keys";q=3;w=60'
    assert (await http.get("/v1/business")).status_code == 401  # no key at all is no try
    assert (await ask(http, keys["ours desk"])).status_code == 200
    assert refused(await ask(http, wrong[4]))


@pytest.mark.parametrize(
    "settings", [Settings(wrong_keys_per_minute=1, trusted_proxies="127.0.0.0/8")]
)
async def test_behind_a_trusted_proxy_addresses_are_those_that_it_names(world, settings):
    _, http, _ = world
    for address in ("198.51.100.7", "198.51.100.8"):
        headers = bearer("bck_wrong") | {"X-Forwarded-For": f"203.0.113.9, {address}"}
        assert (await http.get("/v1/business", headers=headers)).status_code == 401
        refused(await http.get("/v1/business", headers=headers | {"X-Forwarded-For": address}))


@pytest.mark.parametrize(
    ("client", "said", "found"),
    [
        ("198.51.100.1", ["203.0.113.1"], "198.51.100.1"),  # no proxy of ours
        ("10.0.0.1", ["203.0.113.1, 198.51.100.2"], "198.51.100.2"),
        ("10.0.0.1", ["203.0.113.1", "198.51.100.2, 10.0.0.7"], "198.51.100.2"),
        ("::ffff:10.0.0.1", ["198.51.100.2"], "198.51.100.2"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["nonsense"], ""),
        ("2001:db8:1:2:3:4:5:6", [], "2001:db8:1:2::/64"),
        (None, ["198.51.100.2"], ""),
    ],
)
def test_the_address_of_a_request(client, said, found):
    headers = [(b"x-forwarded-for", one.encode()) for one in said]
    scope = {"type": "http", "headers": headers, "client": client and (client, 1)}
    assert address_of(scope, networks("10.0.0.0/8")) == found


class Books:
    """What a bucket gave."""

    def __init__(self, *buckets):
        self.buckets = buckets

    async def given(self, quota, whose, tries):
        taken = [await self.buckets[n % len(self.buckets)].take(quota, whose) for n in range(tries)]
        return taken.count(0)


@pytest.fixture
async def two_processes(redis_url):
    both = [Buckets(redis_url, namespace="one-installation") for _ in range(2)]
    yield Books(*both)
    for one in both:
        await one.aclose()


async def test_two_processes_count_together_in_redis_and_apart_from_other_installations(
    two_processes, redis_url
):
    quota = Quota("key", 2_000, 3_600)
    assert 2_000 <= await two_processes.given(quota, "a", 2_100) <= 2_001
    assert await two_processes.given(quota, "b", 50) == 50
    other = Buckets(redis_url, namespace="another-installation")
    assert await Books(other).given(quota, "a", 50) == 50
    await other.aclose()


async def test_without_redis_nobody_is_refused_or_kept_waiting_and_it_is_said_once():
    away = Buckets("redis://127.0.0.1:1", namespace="n")
    with capture_logs() as logs:
        assert await Books(away).given(Quota("key", 100, 3_600), "a", 150) == 100
    assert [line["event"] for line in logs] == ["rates.redis_away"]
    await away.aclose()


async def test_a_redis_that_does_not_answer_keeps_one_request_waiting_and_no_more(peer_on):
    async def silent(peer, reader, writer):
        await reader.read(1)
        await asyncio.sleep(3600)

    peer = await peer_on(silent)
    away = Buckets(peer.url.replace("http", "redis"), namespace="n")
    assert await Books(away).given(Quota("key", 100, 3_600), "a", 150) == 100
    assert peer.connections == 1
    await away.aclose()


async def on_hold(http, key):
    """A job of a business that stays as it is."""
    record = {
        "name": "Yoga",
        "starts_at": "2026-11-23T09:00:00Z",
        "ends_at": "2026-11-23T10:00:00Z",
        "timezone": "UTC",
    }
    put = await http.put("/v1/sessions/s1", headers=bearer(key), json=record)
    assert put.is_success, put.text
    headers = bearer(key) | {"Idempotency-Key": "one"}
    answer = await http.post("/v1/bulk-cancellations", headers=headers, json=ON_HOLD)
    assert answer.status_code == 202, answer.text
    return answer.json()["id"]


@pytest.mark.parametrize("settings", [Settings(streams_per_key=2, streams_per_business=3)])
async def test_a_key_and_a_business_have_so_many_streams_at_once(world, settings, db):
    app, http, keys = world
    job_id = await on_hold(http, keys["ours desk"])
    paths = [
        f"/v1/bulk-cancellations/{job_id}/events",
        f"/v1/bulk-cancellations/{job_id}/audit.csv?follow=true",
    ]
    async with served(app) as address, httpx.AsyncClient(base_url=address) as client:

        def stream(key, path=paths[0]):
            return client.stream("GET", path, headers=bearer(keys[key]))

        async with stream("ours desk") as first, stream("ours desk", paths[1]) as second:
            assert (first.status_code, second.status_code) == (200, 200)
            one_more = await ask(client, keys["ours desk"], paths[0])
            assert (
                refused(one_more, "too-many-streams")[1]
                == '"key-streams";q=2;qu="concurrent-requests"'
            )
            csv = bearer(keys["ours desk"]) | {"Accept": "text/csv", "Idempotency-Key": "two"}
            refused(
                await client.post("/v1/bulk-cancellations", headers=csv, json=ON_HOLD),
                "too-many-streams",
            )
            lines = bearer(keys["ours desk"]) | {"Content-Type": "application/x-ndjson"}
            refused(
                await client.post("/v1/schedule/import", headers=lines, content=b""),
                "too-many-streams",
            )
            assert (await ask(client, keys["ours desk"])).status_code == 200
            async with stream("ours other") as third:
                assert third.status_code == 200
                one_more = await ask(client, keys["ours other"], paths[0])
                assert refused(one_more, "too-many-streams")[1].startswith('"business-streams";q=3')
        again = 429
        while again == 429:  # until the server has seen that they have ended
            async with stream("ours desk") as answer:
                again = answer.status_code
        assert again == 200
        app.state.stopping.set()
    async with db.read() as conn:
        assert (
            await conn.execute(sa.select(sa.func.count()).select_from(tables.jobs))
        ).scalar_one() == 1


async def expires(db, prefix):
    """Its end has come, and what was believed until then is over."""
    async with db.write() as conn:
        of_key = tables.api_keys.c.prefix == prefix
        await conn.execute(tables.api_keys.update().where(of_key).values(expires_at=now()))
    disbelieve(db, prefix)


@pytest.mark.parametrize("ends_key", [revoke_key, expires])
async def test_an_open_stream_ends_with_its_key(world, db, ends_key):
    app, http, keys = world
    job_id = await on_hold(http, keys["ours desk"])
    app.state.governor.look_again_seconds = 0.05
    path = f"/v1/bulk-cancellations/{job_id}/audit.csv?follow=true"
    async with served(app) as address, httpx.AsyncClient(base_url=address) as client:
        async with (
            client.stream("GET", path, headers=bearer(keys["ours desk"])) as ends,
            client.stream("GET", path, headers=bearer(keys["ours other"])) as stays,
        ):
            chunks, others = ends.aiter_raw(), stays.aiter_raw()
            # Both get the header, and the line of a session that nobody had booked.
            for lines in (chunks, others):
                await anext(lines)
                await anext(lines)
            await ends_key(db, keys["ours desk"].split("_")[1])
            with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
                async for _ in chunks:
                    pass
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(others), 0.3)
        app.state.stopping.set()


OF_LINKS = {
    "/v1/choices/{token}",
    "/v1/client-pages/{token}",
    "/v1/mail-preferences/{token}",
}
BACK_CHANNEL = "/v1/hooks/logout"


def test_every_operation_that_needs_a_key_documents_when_it_is_refused():
    document = create_app(Settings()).openapi()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            limited = operation["responses"].get("429")
            # A client's own link is limited as a key is, and so is what claims to be the issuer's.
            has_caller = bool(operation["security"]) or path in OF_LINKS | {BACK_CHANNEL}
            assert bool(limited) == has_caller, (method, path)
            if limited:
                assert {"Retry-After", "RateLimit", "RateLimit-Policy"} == limited["headers"].keys()
    streams = {
        operation["operationId"]
        for operations in document["paths"].values()
        for operation in operations.values()
        if "too-many-streams" in json.dumps(operation["responses"])
    }
    assert len(streams) == 8
