"""While the sandbox answers, all that people or machines look at says that no money moves."""

import httpx
import pytest

from app.auth import keys
from app.config.settings import Settings, WrongSettings
from app.db.access import businesses
from app.main import create_app
from app.queue import LocalQueue

SANDBOX = {"payments_url": "sandbox", "credits_url": "sandbox"}
REAL = {"payments_url": "https://payments.example", "credits_url": "https://credits.example"}


@pytest.fixture
async def key(db):
    async with db.write() as conn:
        await businesses.create(conn, "studio", "Studio", "UTC", "EUR")
    return await keys.create_key(db, "studio", "tests", list(keys.Scope))


@pytest.mark.parametrize(
    ("upstreams", "on"), [(SANDBOX, True), (REAL, False)], ids=["sandbox", "real"]
)
async def test_everybody_is_told_whether_money_moves(db, key, upstreams, on):
    app = create_app(Settings(**upstreams), database=db, queue=LocalQueue())
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://api") as http:
        assert (await http.get("/readyz")).json()["test_mode"] is on
        asked = await http.get("/v1/business", headers={"Authorization": f"Bearer {key}"})
        assert asked.json()["test_mode"] is on
        assert f"bulk_cancel_test_mode {float(on)}" in (await http.get("/metrics")).text
        for page in ("/", "/jobs", "/c/studio", "/docs"):
            assert (
                '<meta name="bulk-cancel-test-mode" content="true" />'
                in (await http.get(page)).text
            ) is on


async def test_nothing_answers_for_an_upstream_that_nobody_named(sqlite_url):
    app = create_app(Settings(database_url=sqlite_url))
    with pytest.raises(
        WrongSettings, match="BULK_CANCEL_PAYMENTS_URL and BULK_CANCEL_CREDITS_URL must be set"
    ):
        async with app.router.lifespan_context(app):
            pytest.fail("it started")
