"""A log says which key called from where, and nothing of a client who looks at a page."""

import json

import httpx
import pytest
from worlds.queue import Unheard

from app.auth.keys import create_key
from app.auth.roles import Role
from app.config.settings import Settings
from app.db.access.businesses import create as create_business
from app.main import create_app

ADDRESS = "203.0.113.7"


@pytest.fixture
async def http(db):
    async with db.write() as conn:
        await create_business(conn, "studio", name="Studio", timezone="UTC", currency="CAD")
    app = create_app(Settings(), database=db, queue=Unheard())
    transport = httpx.ASGITransport(app, client=(ADDRESS, 4321))
    async with httpx.AsyncClient(transport=transport, base_url="http://studio.test") as client:
        yield client


async def logged(http, capfd, method, path, key=None):
    """The line of one request, and all that was said beside it."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    answer = await http.request(method, path, headers=headers)
    said = "".join(capfd.readouterr())
    [line] = [json.loads(one) for one in said.splitlines() if '"request.answered"' in one]
    assert line["status"] == answer.status_code
    return line, said


async def test_a_line_names_the_key_by_its_prefix_and_the_address_whatever_came_of_it(
    http, db, capfd
):
    key = await create_key(db, "studio", "Ada Lovelace", role=Role.READ_ONLY)
    _, prefix, secret = key.split("_")
    for method, path, status in (
        ("GET", "/v1/sessions", 200),
        ("GET", "/v1/sessions/none", 404),
        ("DELETE", "/v1/sessions/none", 403),
    ):
        line, said = await logged(http, capfd, method, path, key)
        assert line["status"] == status
        assert (line["caller"], line["address"]) == (f"key:{prefix}", ADDRESS)
        assert line["business_id"] == "studio"
        assert secret not in said
        assert "Ada" not in said


async def test_who_is_refused_is_named_by_address_alone(http, capfd):
    line, said = await logged(http, capfd, "GET", "/v1/sessions", "bck_wrong_secret")
    assert (line["status"], line["address"]) == (401, ADDRESS)
    assert "caller" not in line
    assert "secret" not in said


@pytest.mark.parametrize("path", ["/v1/public/studio/schedule", "/c/studio", "/v1/choices/x.y"])
async def test_of_a_client_who_looks_no_address_is_kept(http, capfd, path):
    line, said = await logged(http, capfd, "GET", path)
    assert "address" not in line
    assert ADDRESS not in said
