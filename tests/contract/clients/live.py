"""A live server for programs of any language: the embedded API, and all that it stands between.

That is a sample week, its upstreams' books, and a receiver. What the books and the receiver say is
the tests' oracle; nothing of it is asked of the API.
"""

import contextlib
import dataclasses
import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.auth.keys import Scope, create_key
from app.config.settings import Settings
from app.db.access import businesses
from app.db.core.engine import Database
from app.main import create_app
from app.sandbox.app import create_sandbox
from app.schedule.load import import_file
from app.schedule.sample import CURRENCY, ZONE, sample_lines
from app.serving import served

BUSINESS = "studio"
# A Monday to come, so that no session has started and what is paid back does not depend on when
# this runs.
MONDAY = dt.date.today() + dt.timedelta(days=14 - dt.date.today().weekday())  # noqa: DTZ011 - any zone's will do
WEEK = {
    "date_from": str(MONDAY),
    "date_to": str(MONDAY + dt.timedelta(days=6)),
    "session_ids": "all",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Receiver:
    """An endpoint that takes everything, but answers at `/gone` that it is.

    `heard` is what came, in order.
    """

    address: str
    # Each is a path, headers and a body.
    heard: list[tuple[str, dict[str, str], bytes]] = dataclasses.field(default_factory=list)

    def at(self, path: str) -> list[tuple[dict[str, str], bytes]]:
        return [(headers, body) for heard_at, headers, body in self.heard if heard_at == path]


@dataclasses.dataclass(frozen=True, slots=True)
class Live:
    """Where everything is, and a key with every scope."""

    api: str
    key: str
    sandbox: str
    receiver: Receiver

    def environment(self) -> dict[str, str]:
        """What the programs are told."""
        return {
            "API": self.api,
            "KEY": self.key,
            "FROM": WEEK["date_from"],
            "TO": WEEK["date_to"],
            "HOOK": f"{self.receiver.address}/hooks",
            "NO_PROXY": "127.0.0.1",
        }

    def caller(self) -> httpx.AsyncClient:
        """A client of the API with the key."""
        headers = {"Authorization": f"Bearer {self.key}"}
        return httpx.AsyncClient(
            base_url=self.api, headers=headers, trust_env=False, verify=False, timeout=30
        )

    async def books(self) -> dict:
        """What the upstreams have done."""
        async with httpx.AsyncClient(
            base_url=self.sandbox, trust_env=False, verify=False
        ) as upstream:
            return (await upstream.get("/books")).json()

    async def refuse(self, codes: dict[str, str]) -> None:
        """Let the payment service refuse these payments."""
        async with httpx.AsyncClient(
            base_url=self.sandbox, trust_env=False, verify=False
        ) as upstream:
            answer = await upstream.put("/faults", json={"payments": {"refuse_ids": codes}})
            assert answer.status_code == 200, answer.text


@contextlib.asynccontextmanager
async def received() -> AsyncIterator[Receiver]:
    """A receiver, while the block runs."""
    heard: list[tuple[str, dict[str, str], bytes]] = []

    async def take(request: Request) -> Response:
        heard.append((request.url.path, dict(request.headers), await request.body()))
        return Response(status_code=410 if request.url.path == "/gone" else 204)

    async with served(Starlette(routes=[Route("/{path:path}", take, methods=["POST"])])) as address:
        yield Receiver(address, heard)


@contextlib.asynccontextmanager
async def live(
    database_url: str, folder: Path, *, business: str = BUSINESS, lines: list[bytes] | None = None
) -> AsyncIterator[Live]:
    """A business with a sample week, or with these lines of an import, on a real socket.

    `folder` is for its files.
    """
    db = Database(database_url)
    async with db.write() as conn:
        await businesses.create(conn, business, "Studio", ZONE, CURRENCY)
    key = await create_key(db, business, "front desk", Scope)
    report = await import_file(db, business, sample_lines(MONDAY) if lines is None else lines)
    await db.close()
    assert not report.errors, report.first_errors
    async with served(create_sandbox()) as sandbox, received() as receiver:
        settings = Settings(
            database_url=database_url,
            redis_url=None,
            webhook_loopback=True,
            payments_url=f"{sandbox}/payments",
            credits_url=f"{sandbox}/credits",
            secrets_file=folder / "secrets.key",
            evidence_file=folder / "evidence.key",
        )
        async with served(create_app(settings)) as api:
            yield Live(api, key, sandbox, receiver)
