"""What is administered is written down: who, from where, what, before and after, and for good."""

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from worlds.problems import problem
from worlds.studio import caller, open_business

from app.auth import keys
from app.auth.platform import businesses
from app.auth.roles import Scope
from app.db.tables import api_keys
from app.db.tables.administration import administration
from app.domain.nouns.administration import COMMAND
from app.domain.nouns.businesses import NewBusiness

DESK = {"name": "front desk", "role": "front_desk"}
HOOK = {"url": "https://hooks.example/T0/B1/only-we-know", "event_types": ["refund.failed"]}


async def entries(http, path="/v1/administration"):
    """All of them, page by page, the newest first."""
    found, query = [], "?limit=2"
    while query:
        answer = await http.get(path + query)
        assert answer.status_code == 200, answer.text
        found += answer.json()["data"]
        cursor = answer.json()["next_cursor"]
        query = cursor and f"?limit=2&cursor={cursor}"
    assert len({one["id"] for one in found}) == len(found)
    return found


async def deed(http, method, path, body=None, **headers):
    """What one request had written down, and its answer."""
    before = await entries(http)
    answer = await http.request(method, f"/v1{path}", json=body, headers=headers)
    assert answer.status_code < 300, answer.text
    (newest, *others) = await entries(http)
    assert others == before
    assert newest["actor"]["request_id"] == answer.headers["x-request-id"]
    assert newest["actor"]["address"] == "127.0.0.1"
    assert (newest["actor"]["kind"], newest["actor"]["name"]) == ("key", "key:front desk")
    return newest, answer.json() if answer.content else None


async def test_what_is_done_to_keys_is_written_down_without_a_secret(desk, db):
    made, key = await deed(desk, "POST", "/keys", DESK, **{"Idempotency-Key": "once"})
    assert (made["action"], made["subject"], made["before"]) == ("key.created", key["prefix"], None)
    assert made["after"] == DESK | {"scopes": [], "expires_at": None}
    path, end = f"/keys/{key['id']}", "2030-01-01T00:00:00.000Z"
    changed, _ = await deed(desk, "PATCH", path, {"name": "desk", "expires_at": end})
    assert changed["before"] == {"name": "front desk", "expires_at": None}
    assert changed["after"] == {"name": "desk", "expires_at": end}
    rotated, renewed = await deed(desk, "POST", f"{path}/rotate", {"overlap_seconds": 60})
    assert (rotated["action"], rotated["after"]) == ("key.rotated", {"overlap_seconds": 60})
    revoked, _ = await deed(desk, "POST", f"{path}/revoke")
    assert (revoked["action"], revoked["subject"]) == ("key.revoked", key["prefix"])
    written = str(await entries(desk))
    async with db.read() as conn:
        hashes = (await conn.scalars(sa.select(api_keys.c.secret_hash))).all()
    secrets = [one["token"].split("_")[2] for one in (key, renewed)]
    assert not any(secret in written for secret in [*hashes, *secrets])


async def test_what_is_refused_or_changes_nothing_is_not_written_down(desk):
    await deed(desk, "POST", "/keys", DESK, **{"Idempotency-Key": "once"})
    before = await entries(desk)
    replayed = await desk.post("/v1/keys", json=DESK, headers={"Idempotency-Key": "once"})
    assert replayed.status_code == 201
    own = (await desk.get("/v1/keys")).json()["data"][0]["id"]
    problem(await desk.post(f"/v1/keys/{own}/revoke"), 409, "last-managing-key")
    problem(await desk.patch(f"/v1/keys/{own}", json={"name": ""}), 422, "validation")
    assert await entries(desk) == before


async def test_a_change_that_does_not_commit_leaves_no_trace_of_it(desk, db):
    async def fails():
        async with db.write() as conn:
            new = keys.NewKey("harbour", "x", frozenset({Scope.AUDIT_READ}), None, None)
            await keys.write_key(conn, new, by=COMMAND)
            await conn.execute(sa.text("SELECT no_such_column"))

    before = await entries(desk)
    with pytest.raises(DBAPIError):
        await fails()
    assert await entries(desk) == before


async def test_an_endpoint_s_address_is_told_by_its_host_alone(desk):
    made, endpoint = await deed(desk, "POST", "/webhook-endpoints", HOOK)
    path = f"/webhook-endpoints/{endpoint['id']}"
    moved, _ = await deed(desk, "PATCH", path, {"url": f"{HOOK['url']}-either"})
    assert moved["before"]["url"] != moved["after"]["url"]
    assert moved["after"]["url"].startswith("https://hooks.example (")
    rotated, renewed = await deed(desk, "POST", f"{path}/rotate-secret", {"overlap_seconds": 0})
    deleted, _ = await deed(desk, "DELETE", path)
    actions = [one["action"].split(".")[1] for one in (made, moved, rotated, deleted)]
    assert actions == ["created", "changed", "rotated", "deleted"]
    written = str(await entries(desk))
    assert "only-we-know" not in written
    assert not any(one["secret"][6:] in written for one in (endpoint, renewed))


async def test_whom_messages_tell_is_written_down_and_no_address(desk):
    settings = {"clients": "email", "staff": ["owner@harbour.example"]}
    set_, _ = await deed(desk, "PUT", "/message-settings", settings)
    assert set_["after"] == {"clients": "email", "when": "settled", "staff": 1}
    words, _ = await deed(desk, "PUT", "/message-templates/fr", {"subject": "{name}", "body": None})
    assert (words["action"], words["subject"]) == ("message_words.set", "fr")
    await deed(desk, "DELETE", "/message-templates/fr")
    assert "owner@" not in str(await entries(desk))


async def test_a_business_reads_what_was_done_to_it_and_no_other(operator, desk, app, db):
    async with caller(app, await open_business(db, "other", "UTC", "EUR")) as other:
        await operator.set("harbour", name="Harbour Yoga", suspension={"reason": "unpaid"})
        await operator.set("harbour", suspension=None)
        theirs = await entries(desk)
        assert [one["action"] for one in theirs[:3]] == [
            *("business.unsuspended", "business.suspended", "business.changed"),
        ]
        assert (theirs[1]["before"], theirs[1]["after"]) == (None, {"reason": "unpaid"})
        assert theirs[0]["actor"]["kind"] == "platform_key"
        assert {one["business_id"] for one in theirs} == {"harbour"}
        assert {one["business_id"] for one in await entries(other)} == {"other"}
    everything = await entries(operator.http, "/v1/platform/administration")
    assert {one["business_id"] for one in everything} == {None, "harbour", "other"}
    assert "platform_key.created" in {one["action"] for one in everything}


async def test_a_change_that_changes_nothing_of_a_business_is_no_deed(operator, desk):
    await operator.set("harbour", name="Harbour")
    before = await entries(desk)
    await operator.set("harbour", name="Harbour", suspension=None)
    assert await entries(desk) == before


async def test_the_operator_s_commands_are_written_down_as_such(db, desk):
    await businesses.create(db, NewBusiness("new", "New", "UTC", "EUR"))
    key = await keys.create_key(db, "new", "desk", Scope)
    await keys.revoke_key(db, key.split("_")[1])
    async with db.read() as conn:
        query = sa.select(administration).where(administration.c.business_id == "new")
        rows = (await conn.execute(query.order_by(administration.c.id))).all()
    assert [row.action for row in rows] == ["business.created", "key.created", "key.revoked"]
    assert {(row.actor_kind, row.actor, row.address) for row in rows} == {
        ("command", "command", None)
    }
    assert rows[0].after == {"name": "New", "timezone": "UTC", "currency": "EUR"}


@pytest.mark.parametrize(
    "statement", [sa.update(administration).values(actor="nobody"), sa.delete(administration)]
)
async def test_nobody_changes_or_deletes_what_was_written_down(db, desk, statement):
    async def changes():
        async with db.write() as conn:
            await conn.execute(statement)

    before = await entries(desk)
    assert before
    with pytest.raises(DBAPIError, match="append-only"):
        await changes()
    assert await entries(desk) == before
