"""An operator, and the businesses that they look after."""

import pytest
from worlds.queue import Unheard
from worlds.studio import caller, open_business

from app.auth.platform import keys as platform_keys
from app.config.settings import Settings
from app.main import create_app


class Operator:
    """Who stands above businesses, and what they ask."""

    def __init__(self, http, db):
        self.http, self.db = http, db

    async def ask(self, method, path="", **body):
        return await self.http.request(method, f"/v1/platform/businesses{path}", json=body or None)

    async def set(self, business_id, **changes):
        answer = await self.ask("PATCH", f"/{business_id}", **changes)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
def settings():
    return Settings()


@pytest.fixture
async def app(db, settings):
    return create_app(settings, database=db, queue=Unheard())


@pytest.fixture
async def operator(app, db):
    async with caller(app, await platform_keys.create(db, "ops")) as http:
        yield Operator(http, db)


@pytest.fixture
async def desk(app, db):
    """A caller of the business `harbour`, who may do everything there."""
    async with caller(app, await open_business(db, "harbour", "America/Toronto", "CAD")) as http:
        yield http
