"""Erasing a client: nothing says any more who they were, and the books still add up.

```
POST   [lock the client → what stands against it → their record, hashed addresses, the erasure]
worker   [claim]; [a page of texts, or of messages]... for each job; [a page of events]...; [done]
```
Brackets are transactions: from the first on no name is shown anywhere but in texts of old rows, and
no import brings it back. The rest may take minutes, and does no harm when it is done twice.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.access import administration
from app.db.core.engine import Database
from app.db.core.isolation import of_business
from app.db.messages import hashed_addresses
from app.db.privacy import erasing, erasures, held
from app.domain.nouns.administration import Action, Actor, Deed
from app.domain.nouns.privacy import Erased, Erasure, InProcess
from app.encryption import SecretBox
from app.errors import NotFound, Problem

log = structlog.get_logger()

_YIELDS_SECONDS: Final = 0.2  # between two transactions, while refunds are at work


async def erase(
    db: Database, business_id: str, client_id: str, secret_box: SecretBox | None, *, by: Actor
) -> Erasure:
    """Erase a client, deleted ones too; a worker goes through old rows afterwards.

    Asked again while it is under way it changes nothing; later it looks for what came since.

    Raises:
        NotFound: the business has never had such a client.
        Problem: 409 `client-in-process`, `erasing-not-configured` or
            `hashed-addresses-unreadable`.
    """
    async with db.write() as conn:
        if not await erasing.lock(conn, business_id, client_id):
            raise NotFound("client")
        before = await erasures.get(conn, business_id, client_id)
        if before is not None and before.due_at is not None:
            return before
        job_ids = await held.jobs_of(conn, business_id, client_id)
        _refuse(await erasing.in_process(conn, business_id, client_id, job_ids))
        addresses = await held.addresses(conn, business_id, client_id, job_ids)
        addresses -= await erasing.others_have(conn, business_id, client_id, addresses)
        counts = Counter(before.counts if before is not None else {})
        hidden = await _hide(conn, business_id, addresses, secret_box)
        counts[Erased.SUPPRESSED_ADDRESSES] += hidden
        former = await erasing.erase_record(conn, business_id, client_id)
        counts[Erased.FORMER_CONTACTS] += former
        await erasures.begin(conn, business_id, client_id, requested_by=by.name, counts=counts)
        deed = Deed(Action.CLIENT_ERASED, business_id, client_id)
        await administration.record(conn, by, deed)
        begun = await erasures.get(conn, business_id, client_id)
        assert begun is not None
    log.info("client.erased", business_id=business_id)
    return begun


async def status(db: Database, business_id: str, client_id: str) -> Erasure:
    """How far an erasure has come.

    Raises:
        NotFound: nobody has asked for it.
    """
    async with db.read() as conn:
        found = await erasures.get(conn, business_id, client_id)
    if found is None:
        raise NotFound("erasure")
    return found


@dataclass(frozen=True, slots=True)
class Eraser:
    """Goes through old rows.

    Attributes:
        yields: whether refunds are at work in this process.
        secret_box: opens the keys that addresses are hashed with; None: none is configured.
    """

    db: Database
    stopping: asyncio.Event
    yields: Callable[[], bool] = lambda: False
    secret_box: Callable[[], SecretBox | None] = lambda: None


async def run_due(eraser: Eraser) -> float | None:
    """Bring the erasure that is due the longest to its end; seconds until the next round."""
    async with eraser.db.write(across=True) as conn:
        erasure = await erasures.claim(conn)
    if erasure is None:
        return None
    with of_business(erasure.business_id):
        return await _go_on(eraser, erasure)


async def _go_on(eraser: Eraser, erasure: Erasure) -> float | None:
    counts = Counter(erasure.counts)
    if not (await _jobs(eraser, erasure, counts) and await _events(eraser, erasure, counts)):
        async with eraser.db.write() as conn:
            await erasures.give_back(conn, erasure)
        return None
    async with eraser.db.write() as conn:
        await erasures.finish(conn, erasure)
    log.info("client.erased_everywhere", business_id=erasure.business_id)
    return 0.0


async def _jobs(eraser: Eraser, erasure: Erasure, counts: Counter[str]) -> bool:
    """Whether nothing is left in any job; False: the process stops."""
    client_id, after_job = erasure.client_id, erasure.after_job
    async with eraser.db.read() as conn:
        job_ids = await held.jobs_of(conn, erasure.business_id, client_id)
    for job_id in job_ids:
        if after_job is not None and job_id <= after_job:
            continue
        last: str | None = None
        while True:
            if not await may_go_on(eraser):
                return False
            async with eraser.db.write() as conn:
                page = await erasing.erase_texts(conn, job_id, client_id, after=last)
                counts[Erased.TEXTS] += page.removed
                last = page.last
                if last is None:
                    sent = await erasing.erase_messages(conn, job_id, client_id)
                    counts[Erased.MESSAGES] += sent
                    after_job = job_id
                await erasures.record(conn, erasure, counts, after_job=after_job)
            if last is None:
                break
    return True


async def _events(eraser: Eraser, erasure: Erasure, counts: Counter[str]) -> bool:
    """Whether no event names them; False: the process stops."""
    async with eraser.db.read() as conn:
        pages = [one async for one in held.event_pages(conn, erasure.business_id)]
        last = (await held.jobs_of(conn, erasure.business_id, erasure.client_id))[-1:]
    for page in pages:
        if not await may_go_on(eraser):
            return False
        async with eraser.db.write() as conn:
            named = await erasing.erase_events(conn, page, erasure.business_id, erasure.client_id)
            counts[Erased.EVENTS] += named
            await erasures.record(conn, erasure, counts, after_job=last[0] if last else None)
    return True


async def may_go_on(eraser: Eraser) -> bool:
    """Whether to go on, after a little while where refunds are at work; False: it stops."""
    if eraser.yields():
        await asyncio.sleep(_YIELDS_SECONDS)
    return not eraser.stopping.is_set()


async def _hide(
    conn: AsyncConnection, business_id: str, addresses: set[str], secret_box: SecretBox | None
) -> int:
    if secret_box is not None:
        return await hashed_addresses.hide(conn, business_id, addresses, secret_box)
    if await held.suppressions(conn, business_id, addresses):
        raise Problem(
            409,
            "erasing-not-configured",
            "Erasing is not configured",
            "The client's address can't be hashed here: BULK_CANCEL_SECRETS_KEY is not set.",
        )
    return 0


def _refuse(found: InProcess) -> None:
    if not found.is_any:
        return
    counted = {
        "in process": found.refunds,
        "waiting for a person": found.for_a_person,
    }
    what = [f"{count} refunds {how}" for how, count in counted.items() if count]
    if found.messages:
        what.append(f"{found.messages} messages still to be sent")
    raise Problem(
        409,
        "client-in-process",
        "Something of the client is in process",
        f"Of this client there are {', '.join(what)}. Wait for their end, or resolve them.",
        extensions=found._asdict(),
    )
