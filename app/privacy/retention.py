"""How long a business keeps who its clients are: set, and carried out by a worker.

It is off until a business sets it. Each transaction takes a few hundred rows, and waits a little
while refunds are at work.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.access import administration, businesses
from app.db.core.dialect import clock
from app.db.core.engine import Database
from app.db.core.isolation import of_business
from app.db.messages import hashed_addresses
from app.db.privacy import erasing, held, old_clients, retentions
from app.domain.nouns.administration import Action, Actor, change_of
from app.domain.nouns.privacy import CarriedOut
from app.domain.nouns.versions import SetVersion
from app.domain.retention import Retention
from app.encryption import SecretBox
from app.errors import Problem
from app.privacy.erase import Eraser, may_go_on

EVERY_SECONDS: Final = 60.0


async def in_force(db: Database, business_id: str) -> tuple[SetVersion | None, CarriedOut]:
    """What the business has set (None: nothing), and what was removed by it so far."""
    async with db.snapshot() as conn:
        return (
            await retentions.versions.in_force(conn, business_id),
            await retentions.carried_out(conn, business_id),
        )


async def put(db: Database, business_id: str, new: Retention, *, by: Actor) -> SetVersion:
    """Set it from now on; what is older than it says is removed within minutes.

    The same again makes no new version.
    """
    async with db.write() as conn:
        await businesses.hold(conn, business_id)
        own = await retentions.versions.in_force(conn, business_id)
        before = Retention.of(None if own is None else own.document)
        if own is not None and before == new:
            return own
        version = 1 if own is None else own.version + 1
        made = SetVersion(version, new.document(), by.name, await clock(conn))
        await retentions.versions.add(conn, business_id, made)
        facts = before.document(), new.document()
        deed = change_of(Action.RETENTION_SET, business_id, business_id, *facts)
        await administration.record(conn, by, deed)
        await old_clients.begin_anew(conn, business_id)
        return made


async def history(
    db: Database, business_id: str, *, before: int | None, limit: int
) -> list[SetVersion]:
    """The versions of the business's, the newest first."""
    async with db.read() as conn:
        return await retentions.versions.page(conn, business_id, before=before, limit=limit)


async def run_due(eraser: Eraser) -> None:
    """Remove whatever is older than its business says."""
    async with eraser.db.read(across=True) as conn:
        of_all = await retentions.of_all(conn)
    for business_id, own in of_all:
        with of_business(business_id):
            if own.message_days is not None:
                await _messages(eraser, business_id, own.message_days)
            if own.job_days is not None:
                await _jobs(eraser, business_id, own.job_days)
            if own.client_days is not None:
                await _clients(eraser, business_id, own.client_days)


async def _messages(eraser: Eraser, business_id: str, days: int) -> None:
    forgotten = 1
    while forgotten and await may_go_on(eraser):
        async with eraser.db.write() as conn:
            forgotten = await retentions.forget_messages(conn, business_id, days)
            if forgotten:
                await retentions.count(conn, business_id, messages=forgotten)


async def _jobs(eraser: Eraser, business_id: str, days: int) -> None:
    while await may_go_on(eraser):
        async with eraser.db.read() as conn:
            job_id = await retentions.due_job(conn, business_id, days)
        if job_id is None or not await _forgotten(eraser, business_id, job_id):
            return


async def _forgotten(eraser: Eraser, business_id: str, job_id: str) -> bool:
    """Whether the job names nobody any more; False: the process stops, and another goes on."""
    forgotten = 1
    while forgotten:
        if not await may_go_on(eraser):
            return False
        async with eraser.db.write() as conn:
            forgotten = await retentions.forget_messages_of(conn, job_id)
            if forgotten:
                await retentions.count(conn, business_id, messages=forgotten)
    last: str | None = None
    while True:
        if not await may_go_on(eraser):
            return False
        async with eraser.db.write() as conn:
            last = (await erasing.erase_texts(conn, job_id, None, after=last)).last
        if last is None:
            break
    async with eraser.db.write() as conn:
        if await retentions.forget_names(conn, business_id, job_id):
            await retentions.count(conn, business_id, jobs=1)
    return True


async def _clients(eraser: Eraser, business_id: str, days: int) -> None:
    """Walk through the clients once a day, a page in a transaction; a walk that stopped goes on."""
    while await may_go_on(eraser):
        async with eraser.db.write() as conn:
            is_due, after = await old_clients.begin(conn, business_id)
            if not is_due:
                return
            page = await old_clients.page(conn, business_id, days, after)
            if page.old:
                await _forget(conn, business_id, page.old, eraser.secret_box())
            await old_clients.go_on(conn, business_id, page.last)


async def _forget(
    conn: AsyncConnection, business_id: str, ids: Sequence[str], secret_box: SecretBox | None
) -> None:
    """Forget these locked clients; an address of theirs that takes nothing stays as a hash."""
    addresses = await old_clients.addresses_of(conn, business_id, ids)
    await old_clients.forget(conn, business_id, ids)
    await retentions.count(conn, business_id, clients=len(ids))
    if secret_box is None:
        return
    left_alone = {row["address"] for row in await held.suppressions(conn, business_id, addresses)}
    left_alone -= await erasing.others_have(conn, business_id, None, left_alone)
    with suppress(Problem):  # no key here opens the business's: it was logged, and they stay
        await hashed_addresses.hide(conn, business_id, left_alone, secret_box)
