import re

import pytest
import sqlalchemy as sa

from app.auth.belief import BELIEVED_SECONDS
from app.auth.keys import Scope, authenticate, create_key, list_keys, revoke_key
from app.db.access.businesses import create as create_business
from app.db.core.engine import Database
from app.db.tables import api_keys
from app.errors import Unauthenticated


@pytest.fixture
async def studio(db):
    async with db.write() as conn:
        await create_business(
            conn, "studio", name="Studio", timezone="America/Toronto", currency="CAD"
        )
    return "studio"


async def refusal(db, header):
    with pytest.raises(Unauthenticated) as refused:
        await authenticate(db, header)
    return refused.value.detail


async def test_a_key_names_its_business_scopes_zone_and_currency(db, studio):
    key = await create_key(
        db, studio, "front desk", [Scope.SCHEDULE_READ, Scope.CANCELLATIONS_WRITE]
    )
    caller = await authenticate(db, f"Bearer {key}")
    assert caller.business_id == "studio"
    assert caller.name == "key:front desk"
    assert caller.scopes == {Scope.SCHEDULE_READ, Scope.CANCELLATIONS_WRITE}
    assert (caller.timezone, caller.currency) == ("America/Toronto", "CAD")


async def test_a_key_has_a_public_prefix_and_a_secret_that_is_nowhere_in_the_database(db, studio):
    key = await create_key(db, studio, "front desk", Scope)
    assert re.fullmatch(r"bck_[A-Za-z0-9]{12}_[A-Za-z0-9]{43}", key)
    _, prefix, secret = key.split("_")
    async with db.read() as conn:
        row = (await conn.execute(sa.select(api_keys))).mappings().one()
    assert row["prefix"] == prefix
    assert secret not in repr(dict(row))
    assert len(row["secret_hash"]) == 64


async def test_the_scheme_is_read_in_any_case(db, studio):
    key = await create_key(db, studio, "front desk", Scope)
    assert (await authenticate(db, f"bearer {key}")).business_id == studio


async def test_unknown_wrong_garbled_and_revoked_keys_are_refused_in_the_same_words(db, studio):
    key = await create_key(db, studio, "front desk", Scope)
    prefix = key.split("_")[1]
    wrong_secret = key[:-1] + ("a" if key[-1] != "a" else "b")
    words = {
        await refusal(db, f"Bearer {attempt}")
        for attempt in (
            wrong_secret,
            f"bck_{'x' * 12}_{'y' * 43}",
            f"bck_{prefix}_",
            key + "\n" + key,
            "nonsense",
            "",
            "bck_é\x00'--",
        )
    }
    await authenticate(db, f"Bearer {key}")
    assert await revoke_key(db, prefix)
    words.add(await refusal(db, f"Bearer {key}"))
    assert words == {"This API key is unknown, has been revoked or has expired."}


@pytest.mark.parametrize("header", [None, "", "Basic dXNlcjpwYXNz", "bck_abc_def"])
async def test_without_a_bearer_token_the_answer_says_what_to_send(db, header):
    assert "Authorization: Bearer" in await refusal(db, header)


async def test_a_key_is_revoked_once(db, studio):
    key = await create_key(db, studio, "front desk", Scope)
    prefix = key.split("_")[1]
    assert await revoke_key(db, prefix)
    assert not await revoke_key(db, prefix)
    assert not await revoke_key(db, "unknown")


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


async def test_a_key_that_another_process_revokes_is_out_soon_however_often_it_is_used(db, studio):
    key = await create_key(db, studio, "front desk", Scope)
    clock = Clock()
    assert (await authenticate(db, f"Bearer {key}", clock=clock)).business_id == studio
    elsewhere = Database(db.url)
    assert await revoke_key(elsewhere, key.split("_")[1])
    await elsewhere.close()

    assert 0 < BELIEVED_SECONDS <= 15
    for _ in range(10):  # a use does not prolong the belief
        clock.now += (BELIEVED_SECONDS - 0.1) / 10
        assert (await authenticate(db, f"Bearer {key}", clock=clock)).business_id == studio
    clock.now += 0.2
    with pytest.raises(Unauthenticated):
        await authenticate(db, f"Bearer {key}", clock=clock)


async def test_a_key_in_force_is_looked_up_once_in_a_while_and_one_that_is_none_each_time(
    db, studio
):
    key = await create_key(db, studio, "front desk", Scope)
    asked = []
    sa.event.listen(db.engine.sync_engine, "checkout", lambda *_: asked.append(1))
    for _ in range(5):
        await authenticate(db, f"Bearer {key}")
    assert len(asked) == 1
    for n in range(5):
        assert (
            await refusal(db, f"Bearer bck_{'x' * 12}_{str(n) * 43}")
            == "This API key is unknown, has been revoked or has expired."
        )
    assert len(asked) == 6


async def test_a_key_made_just_after_it_was_refused_is_taken_at_once(db, studio):
    key = await create_key(db, studio, "front desk", Scope)
    async with db.write() as conn:
        await conn.execute(api_keys.update().values(revoked_at=sa.func.current_timestamp()))
    await refusal(db, f"Bearer {key}")
    async with db.write() as conn:
        await conn.execute(api_keys.update().values(revoked_at=None))
    assert (await authenticate(db, f"Bearer {key}")).business_id == studio


async def test_keys_are_listed_oldest_first_with_the_revoked_ones(db, studio):
    first = await create_key(db, studio, "first", [Scope.SCHEDULE_READ])
    await create_key(db, studio, "second", Scope)
    await revoke_key(db, first.split("_")[1])
    listed = await list_keys(db, studio)
    assert [(key.name, key.revoked_at is not None) for key in listed] == [
        ("first", True),
        ("second", False),
    ]
    assert await list_keys(db, "another") == []


async def test_a_key_for_an_unknown_business_is_refused(db):
    with pytest.raises(sa.exc.IntegrityError):
        await create_key(db, "nobody", "front desk", Scope)
