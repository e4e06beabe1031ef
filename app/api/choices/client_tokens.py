"""Clients' links: whose one is, and the one that leads a client to a page of theirs."""

from collections.abc import Callable
from typing import Annotated, Literal

from fastapi import Path, Request

from app.api.dependencies import State
from app.api.layers.client_links import admitted
from app.cancellation.choices import links
from app.cancellation.choices.links import WhoseChoice
from app.config.settings import Settings

Token = Annotated[str, Path(description="Of the client's link.")]


async def whose(token: str, service: State, request: Request, *, what: str) -> WhoseChoice:
    """Whom a link is of.

    Raises:
        NotFound, Problem: as `admitted`, which says what `what` is; or the client was erased.
    """
    secret_box = service.settings.secret_box()
    found = None if secret_box is None else links.read(secret_box, token)
    client = await admitted(request, service.settings, token, found, what=what)
    await links.require_in_force(service.db, client, what=what)
    return client


def links_to(
    page: Literal["choose", "yours"], settings: Settings, job_id: str
) -> Callable[[str], str | None]:
    """Gives each client of the job, by their id, their link to that page.

    None: this process has no key to sign one.
    """
    secret_box = settings.secret_box()

    def link(client_id: str) -> str | None:
        if secret_box is None:
            return None
        return f"{settings.links_begin}/{page}/{links.token_of(secret_box, job_id, client_id)}"

    return link
