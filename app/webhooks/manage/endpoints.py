"""Endpoints: get, list, create, change, delete, rotate the secret.

A secret is told once, when it is made; in the database it is encrypted.
"""

import hashlib
from collections.abc import Collection, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection
from uuid_utils import uuid7

from app.db.access import administration
from app.db.access.encrypted import webhook_secret
from app.db.core.engine import Database
from app.db.webhooks import deliveries, endpoints, signing_secrets
from app.domain.nouns.administration import Action, Actor, Deed, Facts, change_of
from app.domain.nouns.webhooks import EndpointRow
from app.domain.statuses import DisabledBecause, EndpointStatus
from app.encryption import SecretBox
from app.errors import NotFound, Problem
from app.webhooks.manage.agreement import demand
from app.webhooks.signing import new_secret

log = structlog.get_logger()

MAX_ENDPOINTS: Final = 50
# In force at a time; each is a signature of 47 characters in every request's headers.
MAX_SECRETS: Final = 10
MAX_OVERLAP_SECONDS: Final = 86_400
_AT_ONCE: Final = 2_000

Filter = Collection[str] | None  # None: every type


async def get(db: Database, business_id: str, endpoint_id: str) -> EndpointRow:
    """One endpoint.

    Raises:
        NotFound: no such endpoint.
    """
    async with db.read() as conn:
        return await existing(conn, business_id, endpoint_id)


async def oldest(
    db: Database, business_id: str, *, after: str | None, limit: int
) -> list[EndpointRow]:
    """A business's, enabled or not, the oldest first, from the one after `after` (an id)."""
    async with db.read() as conn:
        return await endpoints.oldest(conn, business_id, after=after, limit=limit)


async def create(
    db: Database,
    secret_box: SecretBox,
    business_id: str,
    *,
    url: str,
    description: str | None,
    event_types: Filter,
    agreed: bool,
    by: Actor,
) -> tuple[EndpointRow, str]:
    """A new endpoint, enabled, and its secret.

    Args:
        db: where it is kept.
        secret_box: what its secret is encrypted with.
        business_id: whose events it is told.
        url: as `urls.check_url` has it.
        description: the business's own words.
        event_types: what it is told.
        agreed: whether the URL's host has been asked, and has agreed.
        by: who makes it.

    Raises:
        HostMustAgree: the host has to be asked.
        Problem: 409 `too-many-endpoints`.
    """
    secret, endpoint_id = new_secret(), str(uuid7())
    async with db.write() as conn:
        urls = await endpoints.urls(conn, business_id)
        if len(urls) >= MAX_ENDPOINTS:
            detail = (
                f"A business may have {MAX_ENDPOINTS}. Delete one that is not needed, "
                "or have one hear more types."
            )
            raise Problem(409, "too-many-endpoints", "There are too many endpoints", detail)
        demand(urls, url, agreed=agreed)
        await endpoints.add(
            conn,
            id=endpoint_id,
            business_id=business_id,
            url=url,
            description=description,
            event_types=_kept(event_types),
        )
        await _keep(conn, secret_box, business_id, endpoint_id, secret)
        endpoint = await existing(conn, business_id, endpoint_id)
        deed = Deed(Action.ENDPOINT_CREATED, business_id, endpoint_id, after=_facts(endpoint))
        await administration.record(conn, by, deed)
    log.info("webhook_endpoint.created", endpoint_id=endpoint_id, business_id=business_id)
    return endpoint, secret


async def change(
    db: Database,
    business_id: str,
    endpoint_id: str,
    changes: Mapping[str, Any],
    *,
    status: EndpointStatus | None,
    agreed: bool,
    by: Actor,
) -> EndpointRow:
    """Change an endpoint's `url`, `description` or `event_types`, or enable or disable it.

    Enabling one that was disabled sends it what happens from then on; what it has missed can be
    replayed. `agreed` is as in `create`, of a new `url`.

    Raises:
        HostMustAgree: the new URL's host has to be asked.
        NotFound: no such endpoint.
    """
    values = dict(changes)
    if "event_types" in values:
        values["event_types"] = _kept(values["event_types"])
    if "url" in values:
        values["failing_since"] = None  # what failed was another place
    async with db.write() as conn:
        urls = await endpoints.urls(conn, business_id) if "url" in values else []
        endpoint = await existing(conn, business_id, endpoint_id, lock=True)
        if "url" in values:
            demand(urls, values["url"], agreed=agreed, instead_of=endpoint.url)
        if values:
            await endpoints.update(conn, endpoint_id, **values)
        if status is EndpointStatus.ENABLED and endpoint.status != status:
            await endpoints.enable(conn, endpoint_id)
        if status is EndpointStatus.DISABLED and endpoint.status != status:
            await endpoints.disable(conn, endpoint_id, DisabledBecause.BY_HAND)
        changed = await existing(conn, business_id, endpoint_id)
        facts = _facts(endpoint), _facts(changed)
        deed = change_of(Action.ENDPOINT_CHANGED, business_id, endpoint_id, *facts)
        await administration.record(conn, by, deed)
        return changed


async def delete(db: Database, business_id: str, endpoint_id: str, *, by: Actor) -> None:
    """Delete an endpoint and all that is on its way there.

    It is sent nothing from the start.

    Raises:
        NotFound: no such endpoint.
    """
    async with db.write() as conn:
        endpoint = await existing(conn, business_id, endpoint_id, lock=True)
        if endpoint.status == EndpointStatus.ENABLED:
            because = {
                "status": EndpointStatus.DISABLED,
                "disabled_because": DisabledBecause.BY_HAND,
            }
            await endpoints.update(conn, endpoint_id, **because)
        deed = Deed(Action.ENDPOINT_DELETED, business_id, endpoint_id, _facts(endpoint))
        await administration.record(conn, by, deed)
    # In parts, for there may be a million, and whoever tells the business something waits for a row
    # that is deleted.
    forgotten = _AT_ONCE
    while forgotten == _AT_ONCE:
        async with db.write() as conn:
            forgotten = await deliveries.forget(conn, endpoint_id, limit=_AT_ONCE)
    async with db.write() as conn:
        await endpoints.delete(conn, business_id, endpoint_id)
    log.info("webhook_endpoint.deleted", endpoint_id=endpoint_id, business_id=business_id)


async def rotate(
    db: Database,
    secret_box: SecretBox,
    business_id: str,
    endpoint_id: str,
    *,
    overlap_seconds: int,
    by: Actor,
) -> tuple[EndpointRow, str]:
    """Give an endpoint a new secret; the old one signs too for `overlap_seconds`.

    Older ones live to their own ends, so that a rotation whose answer was lost may be made again;
    an overlap of 0 ends them all, as is wanted of those that leaked.

    Raises:
        NotFound: no such endpoint.
        Problem: 409 `too-many-secrets`.
    """
    secret = new_secret()
    async with db.write() as conn:
        await existing(conn, business_id, endpoint_id, lock=True)
        if overlap_seconds > 0:
            if await signing_secrets.count(conn, endpoint_id) >= MAX_SECRETS:
                detail = (
                    f"An endpoint may have {MAX_SECRETS} in force. Wait until one ends, "
                    "or end all but the new one by an overlap of 0 seconds."
                )
                raise Problem(409, "too-many-secrets", "There are too many secrets", detail)
            await signing_secrets.end_current(
                conn, endpoint_id, after_seconds=float(overlap_seconds)
            )
        else:
            await signing_secrets.delete_all(conn, endpoint_id)
        await _keep(conn, secret_box, business_id, endpoint_id, secret)
        endpoint = await existing(conn, business_id, endpoint_id)
        after = {"overlap_seconds": overlap_seconds}
        deed = Deed(Action.ENDPOINT_ROTATED, business_id, endpoint_id, after=after)
        await administration.record(conn, by, deed)
    log.info("webhook_endpoint.rotated", endpoint_id=endpoint_id, business_id=business_id)
    return endpoint, secret


async def existing(
    conn: AsyncConnection, business_id: str, endpoint_id: str, *, lock: bool = False
) -> EndpointRow:
    """One endpoint of this business; `lock` keeps its other writers out.

    Raises:
        NotFound: no such endpoint.
    """
    endpoint = await endpoints.get(conn, business_id, endpoint_id, lock=lock)
    if endpoint is None:
        raise NotFound("webhook endpoint")
    return endpoint


def _facts(endpoint: EndpointRow) -> Facts:
    """Of the address only what is no secret: its path and query may open something."""
    place = urlsplit(endpoint.url)
    print_of = hashlib.sha256(endpoint.url.encode()).hexdigest()[:12]
    return {
        "url": f"{place.scheme}://{place.hostname} ({print_of})",
        "description": endpoint.description,
        "event_types": _kept(endpoint.event_types),
        "status": endpoint.status,
    }


def _kept(event_types: Filter) -> str | None:
    return None if event_types is None else " ".join(sorted(event_types))


async def _keep(
    conn: AsyncConnection, secret_box: SecretBox, business_id: str, endpoint_id: str, secret: str
) -> None:
    secret_id = str(uuid7())
    encrypted = secret_box.encrypt(secret, webhook_secret(secret_id))
    await signing_secrets.add(conn, business_id, endpoint_id, id=secret_id, encrypted=encrypted)
