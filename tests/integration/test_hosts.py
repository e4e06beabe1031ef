"""By which names the API is asked: those that its operator gave it, and this machine's own."""

import pytest
from worlds.queue import Unheard
from worlds.studio import calling

from app.config.settings import Settings
from app.main import create_app

NAMED = {"allowed_hosts": "book.example *.studios.example 10.1.2.3"}
PUBLIC = {"public_url": "https://classes.example/at"}
HERE = ["localhost", "localhost:8000", "127.0.0.1:8000", "[::1]:8000"]


@pytest.fixture
def database_url(sqlite_url):
    """Whoever is refused asks no database."""
    return sqlite_url


@pytest.fixture
def asked_by(db):
    """What the API answers when it is asked by a name."""

    async def asked(host, path="/problems/not-found", **settings):
        async with calling(create_app(Settings(**settings), database=db, queue=Unheard())) as http:
            return await http.get(path, headers={"Host": host})

    return asked


@pytest.mark.parametrize(
    "host", [*HERE, "book.example", "BOOK.Example:443", "book.example.", "a.studios.example"]
)
async def test_the_names_that_are_given_and_this_machine_s_are_taken(asked_by, host):
    assert (await asked_by(host, **NAMED)).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "elsewhere.example",
        "studios.example",
        "astudios.example",
        "book.example.elsewhere.example",
        "10.1.2.4",
        "[::2]",
        "[",
        "",
    ],
)
@pytest.mark.parametrize("path", ["/", "/v1/business", "/v1/public/studio/schedule"])
async def test_any_other_is_told_that_there_is_no_such_name(asked_by, host, path):
    answer = await asked_by(host, path, **NAMED)
    assert answer.status_code == 421
    assert answer.json()["type"] == "/problems/unknown-host"
    assert answer.headers["content-type"] == "application/problem+json"


async def test_the_public_address_is_one_more(asked_by):
    assert (await asked_by("classes.example", **NAMED)).status_code == 421
    assert (await asked_by("classes.example", **PUBLIC, **NAMED)).status_code == 200
    assert (await asked_by("book.example", **PUBLIC, **NAMED)).status_code == 200


async def test_where_none_is_named_or_any_is_taken_nobody_is_refused(asked_by):
    assert (await asked_by("elsewhere.example")).status_code == 200
    assert (await asked_by("elsewhere.example", **PUBLIC)).status_code == 200
    assert (await asked_by("elsewhere.example", allowed_hosts="*", **PUBLIC)).status_code == 200


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
async def test_probes_ask_by_any_address(asked_by, path):
    assert (await asked_by("10.9.9.9:8000", path, **NAMED)).status_code != 421
