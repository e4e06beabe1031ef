"""Commands by which an operator looks after businesses, and keys that do so over HTTP."""

import asyncio

import pytest

from app.auth.callers import PlatformCaller
from app.auth.keys import authenticate
from app.db.core.engine import Database
from app.errors import Suspended, Unauthenticated


@pytest.fixture
def callers(database_url):
    """Who is known by a key, in a process of its own: `callers(key)`."""

    async def found(key):
        db = Database(database_url)
        try:
            return await authenticate(db, f"Bearer {key}")
        finally:
            await db.close()

    return lambda key: asyncio.run(found(key))


def shown(printed):
    return dict(line.split("\t", 1) for line in printed.splitlines())


def test_a_business_is_shown_listed_and_changed_in_part(studio):
    before = shown(studio.ok("business", "show", "studio"))
    assert (before["id"], before["timezone"], before["status"]) == (
        *("studio", "Europe/Lisbon"),
        "in service",
    )
    changed = shown(studio.ok("business", "set", "studio", "--name=Yoga Hall", "--currency=USD"))
    assert changed == before | {"name": "Yoga Hall", "currency": "USD"}
    listed = studio.ok("business", "list").rstrip("\n").split("\t")
    names = ("id", "name", "timezone", "currency", "created", "status")
    assert listed == [changed[name] for name in names]
    for command in ("show", "set"):
        options = ["--name=x"] if command == "set" else []
        told = studio.told("business", command, "nobody", *options)
        assert told == "bulk-cancel: There is no business nobody."


def test_a_business_is_suspended_with_a_reason_and_let_in_again(studio, callers):
    key = studio.ok("keys", "create", "studio").strip()
    assert callers(key).business_id == "studio"
    status = shown(studio.ok("business", "set", "studio", "--suspend=unpaid since May"))["status"]
    assert status.startswith("suspended 20")
    assert status.endswith(": unpaid since May")
    with pytest.raises(Suspended, match="unpaid since May"):
        callers(key)
    assert shown(studio.ok("business", "set", "studio", "--unsuspend"))["status"] == "in service"
    assert callers(key).business_id == "studio"


def test_a_key_of_the_platform_is_made_listed_and_revoked_apart(studio, callers):
    key = studio.ok("keys", "create", "--platform", "--name=ops", "--expires-in-days=30").strip()
    who = callers(key)
    assert isinstance(who, PlatformCaller)
    assert (who.name, who.scopes) == ("platform_key:ops", {"platform:admin"})
    prefix, name, created, state, ends = (
        studio.ok("keys", "list", "--platform").rstrip("\n").split("\t")
    )
    assert (prefix, name, state) == (key.split("_")[1], "ops", "in force")
    assert created < ends
    assert studio.ok("keys", "list") == ""
    assert "no key in force" in studio.told("keys", "rotate", key)
    studio.ok("keys", "revoke", key)
    assert "revoked 20" in studio.ok("keys", "list", "--platform")
    assert "no key in force" in studio.told("keys", "revoke", key)
    with pytest.raises(Unauthenticated):
        callers(key)
