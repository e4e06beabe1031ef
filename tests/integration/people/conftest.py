"""A business, an issuer whose persons work for it, and the app that both meet in."""

from dataclasses import dataclass

import httpx
import pytest
from worlds.issuer import AUDIENCE, Issuer, issuing
from worlds.queue import Unheard

from app.config.settings import Settings
from app.db.access.businesses import create as create_business
from app.main import create_app


@dataclass
class House:
    """The app, and who asks it."""

    app: object
    http: httpx.AsyncClient
    issuer: Issuer

    async def ask(self, token, path="/v1/business"):
        return await self.http.get(path, headers={"Authorization": f"Bearer {token}"})

    async def refused(self, token):
        """How an access token is refused: its sentence."""
        answer = await self.ask(token)
        assert answer.status_code == 401, answer.text
        assert answer.json()["type"] == "/problems/unauthenticated"
        challenge = 'Bearer realm="bulk-cancel", error="invalid_token"'
        assert answer.headers["www-authenticate"] == challenge
        return answer.json()["detail"]


@pytest.fixture
async def issuer():
    async with issuing() as one:
        yield one


@pytest.fixture
def settings(issuer):
    return Settings(jwt_issuer=issuer.url, jwt_audience=AUDIENCE)


@pytest.fixture
async def house(db, issuer, settings):
    async with db.write() as conn:
        await create_business(
            conn, "studio", name="Studio", timezone="America/Toronto", currency="CAD"
        )
    app = create_app(settings, database=db, queue=Unheard())
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://test"
    ) as http:
        yield House(app, http, issuer)
    await app.state.people.aclose()
