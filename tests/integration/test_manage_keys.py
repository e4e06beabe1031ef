"""Keys over HTTP: what a business may do with its own, and what nobody may."""

import asyncio
import datetime as dt

import httpx
import pytest
import sqlalchemy as sa
from worlds.queue import Unheard

from app.auth import last_use, manage
from app.auth.keys import create_key, disbelieve
from app.auth.roles import SCOPES_OF_ROLES, Role, Scope
from app.config.settings import Settings
from app.db.access.businesses import create as create_business
from app.db.core.dialect import now
from app.db.tables import api_keys
from app.main import create_app

HOUR = dt.timedelta(hours=1)
DESK = {"name": "front desk", "role": "front_desk"}
SOMEBODY = "019aab00-0000-7000-8000-0000000000f6"


class Keys:
    """What one key can do with those of its business."""

    def __init__(self, http, key):
        self.http, self.key = http, key
        self.made = 0

    async def ask(self, method, path="", *, json=None, **headers):
        headers = {"Authorization": f"Bearer {self.key}"} | headers
        return await self.http.request(method, f"/v1/keys{path}", json=json, headers=headers)

    async def make(self, body=DESK, *, under=None):
        self.made += 1
        under = under or f"request {self.made}"
        return await self.ask("POST", json=body, **{"Idempotency-Key": under})

    async def list(self):
        answer = await self.ask("GET")
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    async def mine(self):
        [own] = [one for one in await self.list() if one["prefix"] == self.key.split("_")[1]]
        return own["id"]


@pytest.fixture
async def http(db):
    for business in ("studio", "other"):
        async with db.write() as conn:
            await create_business(conn, business, name=business, timezone="UTC", currency="CAD")
    transport = httpx.ASGITransport(create_app(Settings(), database=db, queue=Unheard()))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


@pytest.fixture
async def owner(http, db):
    return Keys(http, await create_key(db, "studio", "owner", role=Role.OWNER))


async def may(http, key):
    answer = await http.get("/v1/business", headers={"Authorization": f"Bearer {key}"})
    return set(answer.json()["key"]["scopes"]) if answer.status_code == 200 else answer.status_code


def detail(answer, status, slug):
    assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{slug}"), answer.text
    return answer.json()


async def test_a_key_is_made_and_its_secret_shown_once(http, owner):
    answer = await owner.make()
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert answer.headers["location"] == f"/v1/keys/{made['id']}"
    assert answer.headers["cache-control"] == "no-store"
    assert made["token"].startswith(f"bck_{made['prefix']}_")
    assert await may(http, made["token"]) == SCOPES_OF_ROLES[Role.FRONT_DESK]
    shown = (await owner.ask("GET", f"/{made['id']}")).json()
    assert shown == {name: value for name, value in made.items() if name != "token"}
    assert (shown["status"], shown["role"], shown["expires_at"]) == ("in_force", "front_desk", None)
    assert made["token"].split("_")[2] not in str(await owner.list())


async def test_the_same_request_again_makes_no_other_key_and_shows_no_secret(owner):
    first = await owner.make(under="once")
    again = await owner.make(under="once")
    assert (again.status_code, again.headers["idempotent-replayed"]) == (201, "true")
    assert again.json() == first.json() | {"token": None}
    other = detail(
        await owner.make({"name": "another", "role": "front_desk"}, under="once"),
        422,
        "idempotency-key-reused",
    )
    assert other["key_id"] == first.json()["id"]
    assert len(await owner.list()) == 2
    assert detail(await owner.ask("POST", json=DESK), 400, "idempotency-key-missing")


async def test_of_many_at_once_one_makes_the_key(owner):
    answers = await asyncio.gather(*(owner.make(under="once") for _ in range(8)))
    assert {one.status_code for one in answers} == {201}
    assert len({one.json()["id"] for one in answers}) == 1
    assert [one.json()["token"] for one in answers].count(None) == 7


async def test_another_business_may_use_the_same_idempotency_key(http, db, owner):
    other = Keys(http, await create_key(db, "other", "owner", role=Role.OWNER))
    first, second = await owner.make(under="once"), await other.make(under="once")
    assert first.json()["id"] != second.json()["id"]
    assert second.json()["token"] is not None


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"name": "x"}, "", "role-or-scopes"),
        ({"name": "x", "scopes": []}, "", "role-or-scopes"),
        ({"name": "x", "role": "owner", "scopes": ["audit:read"]}, "", "role-or-scopes"),
        ({"name": "x", "role": "king"}, "/role", "enum"),
        ({"name": "x", "scopes": ["dogs:walk"]}, "/scopes/0", "enum"),
        ({"name": "", "role": "owner"}, "/name", "string-too-short"),
        ({"name": "a\nb", "role": "owner"}, "/name", "string-pattern-mismatch"),
        ({"name": "x" * 201, "role": "owner"}, "/name", "string-too-long"),
        (DESK | {"expires_at": "2026-01-01T00:00:00Z"}, "/expires_at", "in-the-past"),
        (DESK | {"expires_at": "tomorrow"}, "/expires_at", "instant"),
        (DESK | {"networks": ["x"]}, "/networks", "extra-forbidden"),
    ],
)
async def test_a_key_that_makes_no_sense_is_refused_by_its_field(owner, body, pointer, code):
    refused = detail(await owner.make(body), 422, "validation")
    assert [(one["pointer"], one["code"]) for one in refused["errors"]] == [(pointer, code)]
    assert len(await owner.list()) == 1


@pytest.mark.parametrize("scope", sorted(set(Scope) - {Scope.BUSINESS_MANAGE}))
async def test_nobody_gives_a_key_what_they_may_not_do_themselves(http, db, scope):
    lacks = Keys(http, await create_key(db, "studio", "lacks", set(Scope) - {scope}))
    for body in ({"name": "x", "scopes": [scope]}, {"name": "x", "role": "owner"}):
        assert detail(await lacks.make(body), 403, "missing-scope")["scope"] == scope
    made = await lacks.make({"name": "x", "scopes": sorted(set(Scope) - {scope})})
    assert made.status_code == 201
    assert len(await lacks.list()) == 2


async def test_nobody_gets_hold_of_a_key_that_may_do_what_they_may_not(http, db, owner):
    lacks = Keys(http, await create_key(db, "studio", "x", set(Scope) - {Scope.AUDIT_READ}))
    of_owner = await owner.mine()
    before = await owner.list()
    for path, method, body in (
        (f"/{of_owner}", "PATCH", {"expires_at": None}),
        (f"/{of_owner}/rotate", "POST", {}),
    ):
        refused = detail(await lacks.ask(method, path, json=body), 403, "missing-scope")
        assert refused["scope"] == Scope.AUDIT_READ
    assert await owner.list() == before
    # Whoever manages the business may still put any key out of force.
    assert (await lacks.ask("POST", f"/{of_owner}/revoke")).json()["status"] == "revoked"
    assert await may(http, owner.key) == 401


async def test_a_name_and_an_end_are_changed_and_the_rest_stays(http, db, owner):
    made = (await owner.make()).json()
    end = (dt.datetime.now(dt.UTC) + HOUR).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    changed = (await owner.ask("PATCH", f"/{made['id']}", json={"expires_at": end})).json()
    assert changed == {k: v for k, v in made.items() if k != "token"} | {"expires_at": end}
    renamed = (await owner.ask("PATCH", f"/{made['id']}", json={"name": "desk 2"})).json()
    assert renamed == changed | {"name": "desk 2"}
    for body in ({"expires_at": "2026-01-01T00:00:00Z"}, {}, {"name": None}, {"scopes": []}):
        detail(await owner.ask("PATCH", f"/{made['id']}", json=body), 422, "validation")
    forever = (await owner.ask("PATCH", f"/{made['id']}", json={"expires_at": None})).json()
    assert forever == renamed | {"expires_at": None}


async def test_an_expired_key_is_in_force_again_with_a_later_end(http, db, owner):
    made = (await owner.make()).json()
    async with db.write() as conn:
        of_key = api_keys.c.prefix == made["prefix"]
        await conn.execute(sa.update(api_keys).where(of_key).values(expires_at=now()))
    disbelieve(db, made["prefix"])
    assert await may(http, made["token"]) == 401
    assert (await owner.ask("GET", f"/{made['id']}")).json()["status"] == "expired"
    await owner.ask("PATCH", f"/{made['id']}", json={"expires_at": None})
    assert await may(http, made["token"]) == SCOPES_OF_ROLES[Role.FRONT_DESK]


async def test_a_rotated_key_has_a_new_secret_beside_the_old_one(http, owner):
    made = (await owner.make()).json()
    rotated = (await owner.ask("POST", f"/{made['id']}/rotate", json={})).json()
    assert rotated["token"] != made["token"]
    assert rotated["previous_secret_until"] is not None
    assert await may(http, made["token"]) == await may(http, rotated["token"])
    last = (await owner.ask("POST", f"/{made['id']}/rotate", json={"overlap_seconds": 0})).json()
    assert last["previous_secret_until"] is None
    assert [await may(http, one["token"]) for one in (made, rotated)] == [401, 401]
    assert await may(http, last["token"]) == SCOPES_OF_ROLES[Role.FRONT_DESK]
    for seconds in (-1, 604_801, "1", None, 1.5):
        body = {"overlap_seconds": seconds}
        detail(await owner.ask("POST", f"/{made['id']}/rotate", json=body), 422, "validation")


async def test_a_revoked_key_is_refused_at_once_and_stays_so(http, owner):
    made = (await owner.make()).json()
    assert await may(http, made["token"]) == SCOPES_OF_ROLES[Role.FRONT_DESK]
    revoked = (await owner.ask("POST", f"/{made['id']}/revoke")).json()
    assert (revoked["status"], revoked["revoked_at"] is None) == ("revoked", False)
    assert await may(http, made["token"]) == 401
    assert (await owner.ask("POST", f"/{made['id']}/revoke")).json() == revoked
    for path, method, body in (
        ("", "PATCH", {"name": "x"}),
        ("", "PATCH", {"expires_at": None}),
        ("/rotate", "POST", {}),
    ):
        detail(await owner.ask(method, f"/{made['id']}{path}", json=body), 409, "key-revoked")
    assert await may(http, made["token"]) == 401


async def test_the_last_key_that_manages_keys_is_not_revoked(http, owner):
    mine = await owner.mine()
    await owner.make()
    detail(await owner.ask("POST", f"/{mine}/revoke"), 409, "last-managing-key")
    assert await may(http, owner.key) == set(Scope)
    end = (dt.datetime.now(dt.UTC) + HOUR).isoformat()
    await owner.make({"name": "two", "scopes": ["business:manage"], "expires_at": end})
    assert (await owner.ask("POST", f"/{mine}/revoke")).status_code == 200


async def test_of_two_last_managers_who_revoke_each_other_one_stays(http, db, owner):
    other = Keys(http, await create_key(db, "studio", "other", role=Role.OWNER))
    pair = [await owner.mine(), await other.mine()]
    answers = await asyncio.gather(
        owner.ask("POST", f"/{pair[1]}/revoke"), other.ask("POST", f"/{pair[0]}/revoke")
    )
    first, second = sorted(one.status_code for one in answers)
    assert first == 200
    assert second in {401, 409}
    assert [await may(http, one.key) for one in (owner, other)].count(401) == 1


async def test_a_business_has_so_many_keys_in_force(monkeypatch, owner):
    monkeypatch.setattr(manage, "MAX_KEYS", 2)
    made = (await owner.make()).json()
    detail(await owner.make(), 409, "too-many-keys")
    await owner.ask("POST", f"/{made['id']}/revoke")
    assert (await owner.make()).status_code == 201


async def test_keys_are_listed_by_pages_with_their_last_use(http, db, owner):
    for n in range(3):
        await owner.make({"name": f"desk {n}", "role": "read_only"})
    await last_use.write_noted(db)
    names, cursor = [], ""
    while cursor is not None:
        page = (await owner.ask("GET", f"?limit=2{cursor and f'&cursor={cursor}'}")).json()
        names += [one["name"] for one in page["data"]]
        cursor = page["next_cursor"]
    assert names == ["owner", "desk 0", "desk 1", "desk 2"]
    [own, never, *_] = await owner.list()
    assert own["last_used_at"] is not None
    assert never["last_used_at"] is None


async def test_another_business_s_key_answers_as_one_that_is_not_there(http, db, owner):
    other = Keys(http, await create_key(db, "other", "owner", role=Role.OWNER))
    theirs = await other.mine()
    for path, method, body in (
        ("", "GET", None),
        ("", "PATCH", {"name": "x"}),
        ("/rotate", "POST", {}),
        ("/revoke", "POST", None),
    ):
        answers = [
            await owner.ask(method, f"/{one}{path}", json=body) for one in (theirs, SOMEBODY)
        ]
        assert answers[0].status_code == 404
        assert answers[0].content == answers[1].content
    assert await may(http, other.key) == set(Scope)
