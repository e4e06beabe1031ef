"""Keys that end, that are rotated, that have a role, and whose use is written aside."""

import asyncio
import datetime as dt

import pytest
import sqlalchemy as sa
from worlds.queue import Unheard

from app.auth import keys, last_use, rotation
from app.auth.belief import BELIEVED_SECONDS
from app.auth.keys import authenticate, create_key, list_keys
from app.auth.roles import SCOPES_OF_ROLES, Role, Scope
from app.config.settings import Settings
from app.db.access.businesses import create as create_business
from app.db.core.dialect import later, now
from app.db.core.engine import Database
from app.db.tables import api_keys, old_key_secrets
from app.errors import NotFound, Problem, Unauthenticated
from app.main import create_app

DAY = dt.timedelta(days=1)


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
async def studio(db):
    async with db.write() as conn:
        await create_business(conn, "studio", name="Studio", timezone="UTC", currency="CAD")
    return "studio"


async def put(db, table, **values):
    async with db.write() as conn:
        await conn.execute(table.update().values(**values))


def prefix_of(key):
    return key.split("_")[1]


async def refused(db, key, **given):
    with pytest.raises(Unauthenticated) as refusal:
        await authenticate(db, f"Bearer {key}", **given)
    return refusal.value.detail


async def in_force(db, key, **given):
    return await authenticate(db, f"Bearer {key}", **given)


async def test_an_expired_key_is_refused_in_the_words_of_an_unknown_one(db, studio):
    key = await create_key(db, studio, "desk", Scope, expires_at=dt.datetime.now(dt.UTC) - DAY)
    assert await refused(db, key) == await refused(db, f"bck_{'x' * 12}_{'y' * 43}")
    assert [one.is_expired for one in await list_keys(db)] == [True]


async def test_a_key_is_never_believed_beyond_its_end(db, studio):
    clock = Clock()
    key = await create_key(db, studio, "desk", Scope)
    await put(db, api_keys, expires_at=later(sa.literal(BELIEVED_SECONDS / 2, sa.Float)))
    assert (await in_force(db, key, clock=clock)).business_id == studio
    await put(db, api_keys, expires_at=now())  # so much time has passed for the database
    clock.now += BELIEVED_SECONDS / 2 + 0.1
    await refused(db, key, clock=clock)


async def test_a_key_with_an_end_far_away_is_believed_as_long_as_any(db, studio):
    clock = Clock()
    key = await create_key(db, studio, "desk", Scope, expires_at=dt.datetime.now(dt.UTC) + DAY)
    await in_force(db, key, clock=clock)
    await put(db, api_keys, expires_at=now())
    clock.now += BELIEVED_SECONDS - 0.1
    await in_force(db, key, clock=clock)
    clock.now += 0.2
    await refused(db, key, clock=clock)


async def test_a_key_of_a_role_may_do_what_the_role_may(db, studio):
    for role in Role:
        key = await create_key(db, studio, role, role=role)
        assert (await in_force(db, key)).scopes == SCOPES_OF_ROLES[role]


async def test_words_that_this_build_does_not_know_give_nothing(db, studio):
    key = await create_key(db, studio, "desk", [Scope.SCHEDULE_READ])
    await put(db, api_keys, scopes="schedule:read dogs:walk")
    assert (await in_force(db, key)).scopes == {Scope.SCHEDULE_READ}
    keys.disbelieve(db, prefix_of(key))
    await put(db, api_keys, scopes="", role="dog_walker")
    assert (await in_force(db, key)).scopes == set()


async def test_after_a_rotation_both_secrets_are_taken_until_the_overlap_ends(db, studio):
    before = await create_key(db, studio, "desk", [Scope.SCHEDULE_READ])
    renewed = await rotation.rotate(db, prefix_of(before), overlap_seconds=3600)
    assert prefix_of(renewed) == prefix_of(before)
    assert renewed != before
    assert await in_force(db, before) == await in_force(db, renewed)
    keys.disbelieve(db, prefix_of(before))
    await put(db, old_key_secrets, ends_at=now())
    await refused(db, before)
    await in_force(db, renewed)


async def test_an_old_secret_is_never_believed_beyond_its_overlap(db, studio):
    clock = Clock()
    before = await create_key(db, studio, "desk", Scope)
    await rotation.rotate(db, prefix_of(before), overlap_seconds=BELIEVED_SECONDS / 2)
    await in_force(db, before, clock=clock)
    await put(db, old_key_secrets, ends_at=now())
    clock.now += BELIEVED_SECONDS / 2 + 0.1
    await refused(db, before, clock=clock)


async def test_a_rotation_without_an_overlap_ends_every_secret_at_once(db, studio):
    first = await create_key(db, studio, "desk", Scope)
    second = await rotation.rotate(db, prefix_of(first), overlap_seconds=3600)
    await in_force(db, first)
    await in_force(db, second)
    third = await rotation.rotate(db, prefix_of(first), overlap_seconds=0)
    await refused(db, first)
    await refused(db, second)
    await in_force(db, third)


async def test_a_rotation_that_is_made_again_ends_nothing_before_its_time(db, studio):
    shown = [await create_key(db, studio, "desk", Scope)]
    for _ in range(rotation.MAX_OLD_SECRETS):
        shown.append(await rotation.rotate(db, prefix_of(shown[0]), overlap_seconds=3600))
    for key in shown:
        await in_force(db, key)
    with pytest.raises(Problem) as too_many:
        await rotation.rotate(db, prefix_of(shown[0]), overlap_seconds=3600)
    assert too_many.value.slug == "too-many-secrets"
    await put(db, old_key_secrets, ends_at=now())
    await rotation.rotate(db, prefix_of(shown[0]), overlap_seconds=3600)
    async with db.read() as conn:
        kept = (await conn.execute(sa.select(old_key_secrets))).all()
    assert len(kept) == 1  # those that had ended are gone


async def test_an_old_secret_of_one_key_opens_no_other(db, studio):
    mine = await create_key(db, studio, "mine", Scope)
    others = await create_key(db, studio, "others", Scope)
    await rotation.rotate(db, prefix_of(mine), overlap_seconds=3600)
    await refused(db, f"bck_{prefix_of(others)}_{mine.split('_')[2]}")


async def test_neither_a_revoked_key_nor_one_that_is_not_there_is_rotated(db, studio):
    key = await create_key(db, studio, "desk", Scope)
    await keys.revoke_key(db, prefix_of(key))
    for prefix in (prefix_of(key), "x" * 12):
        with pytest.raises(NotFound):
            await rotation.rotate(db, prefix, overlap_seconds=0)


async def test_a_revoked_key_is_refused_with_all_its_secrets(db, studio):
    before = await create_key(db, studio, "desk", Scope)
    renewed = await rotation.rotate(db, prefix_of(before), overlap_seconds=3600)
    await in_force(db, before)
    await keys.revoke_key(db, prefix_of(before))
    await refused(db, before)
    await refused(db, renewed)


async def last_used(db):
    return [one.last_used_at for one in await list_keys(db)]


async def test_a_use_is_written_aside_and_not_again_for_minutes(db, studio):
    key = await create_key(db, studio, "desk", Scope)
    unused = await create_key(db, studio, "unused", Scope)
    await in_force(db, key)
    assert await last_used(db) == [None, None]  # no request wrote it
    await last_use.write_noted(db)
    [first, never] = await last_used(db)
    assert first is not None
    assert never is None

    keys.disbelieve(db, prefix_of(key))
    written = []
    sa.event.listen(db.engine.sync_engine, "begin", lambda *_: written.append(1))
    await in_force(db, key)
    written.clear()
    await last_use.write_noted(db)
    assert written == []  # it is not even asked

    await put(
        db, api_keys, last_used_at=later(sa.literal(-last_use.APART.total_seconds(), sa.Float))
    )
    for one in (key, unused):
        keys.disbelieve(db, prefix_of(one))
    await in_force(db, key)
    await last_use.write_noted(db)
    [again, never] = await last_used(db)
    assert again > never


async def test_uses_of_many_keys_are_written_together_and_by_several_processes_at_once(db, studio):
    made = [await create_key(db, studio, f"desk {n}", Scope) for n in range(20)]
    others = [Database(db.url) for _ in range(3)]
    for each in (db, *others):
        for key in made:
            await in_force(each, key)
    await asyncio.gather(*(last_use.write_noted(each) for each in (db, *others)))
    for each in others:
        await each.close()
    assert None not in await last_used(db)


async def test_uses_that_could_not_be_written_are_the_next_time(db, studio):
    key = await create_key(db, studio, "desk", Scope)
    await in_force(db, key)

    def fails(*_):
        raise ConnectionError("the database is away")

    sa.event.listen(db.engine.sync_engine, "before_cursor_execute", fails)
    with pytest.raises(ConnectionError):
        await last_use.write_noted(db)
    sa.event.remove(db.engine.sync_engine, "before_cursor_execute", fails)
    await last_use.write_noted(db)
    assert None not in await last_used(db)


async def test_a_process_of_the_api_writes_uses_at_the_latest_when_it_stops(db, studio):
    app = create_app(Settings(), database=db, queue=Unheard())
    async with app.router.lifespan_context(app):
        await in_force(db, await create_key(db, studio, "desk", Scope))
    assert None not in await last_used(db)


async def test_a_refused_key_is_not_in_use(db, studio):
    key = await create_key(db, studio, "desk", Scope, expires_at=dt.datetime.now(dt.UTC) - DAY)
    await refused(db, key)
    await last_use.write_noted(db)
    assert await last_used(db) == [None]
