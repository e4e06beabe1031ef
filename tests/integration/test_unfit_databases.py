"""Databases that can't be used are refused in one line, and lists of hosts are tried."""

import asyncio
import uuid

import pytest
import sqlalchemy as sa
from postgresql_databases import administer, in_a_thread

from app.config.settings import Settings
from app.db.core.engine import database_of


@pytest.fixture
def latin1_url(postgresql_url):
    """A database whose encoding lacks most names."""
    url, name = sa.make_url(postgresql_url), f"bulk_cancel_test_{uuid.uuid4().hex[:12]}"
    make = f"CREATE DATABASE \"{name}\" ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0"
    in_a_thread(administer(postgresql_url, make))
    yield url.set(database=name).render_as_string(hide_password=False)
    in_a_thread(administer(postgresql_url, f'DROP DATABASE "{name}" WITH (FORCE)'))


@pytest.mark.parametrize(
    "command", [["migrate"], ["verify"], ["keys", "list"], ["api"]], ids=" ".join
)
def test_a_database_that_lacks_names_stops_every_start(command_line, latin1_url, command):
    upstreams = {"payments_url": "sandbox", "credits_url": "sandbox"}
    code, (line,) = command_line(*command, database_url=latin1_url, **upstreams)
    assert code == 1
    assert line.startswith(
        "bulk-cancel: The database that BULK_CANCEL_DATABASE_URL names has the encoding LATIN1"
    )
    assert "ENCODING 'UTF8'" in line


def test_of_several_hosts_the_one_that_answers_is_taken(postgresql_url):
    url = sa.make_url(postgresql_url)
    password = f":{url.password}" if url.password else ""
    hosts = f"127.0.0.1:9,{url.host or '127.0.0.1'}:{url.port or 5432}"
    settings = Settings(
        database_url=f"postgresql://{url.username}{password}@{hosts}/{url.database}"
    )

    async def asked():
        db = database_of(settings)
        async with db.read() as conn:
            name = await conn.scalar(sa.text("SELECT current_database()"))
        assert await db.is_writable()
        await db.close()
        return name

    assert asyncio.run(asked()) == url.database
