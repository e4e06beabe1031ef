"""A database whose processes have a role of their own, held to one business at a time."""

import contextlib
import os
import uuid
from collections.abc import Iterator

import sqlalchemy as sa
from postgresql_databases import administer, in_a_thread

from app.db.core.engine import Database
from app.db.isolate import isolate

_ADMINISTRATORS = sa.make_url(
    os.environ.get("TEST_DATABASE_URL", "postgresql+asyncpg://postgres@127.0.0.1:5432/postgres")
)


@contextlib.contextmanager
def role_of(url, *more, **attributes) -> Iterator[str]:
    """A role that may sign in; gives the address that it comes by. It is gone afterwards."""
    here = _ADMINISTRATORS.set(database=sa.make_url(url).database)
    administrators = here.render_as_string(hide_password=False)
    name = f"bulk_cancel_test_{uuid.uuid4().hex[:12]}"
    in_a_thread(
        administer(administrators, f"CREATE ROLE {name} LOGIN PASSWORD 'its-own' {' '.join(more)}")
    )
    its = here.set(username=name, password="its-own", **attributes)
    try:
        yield its.render_as_string(hide_password=False)
    finally:
        in_a_thread(
            administer(administrators, f"DROP OWNED BY {name} CASCADE", f"DROP ROLE {name}")
        )


async def isolated_for(url, role):
    """Isolate the database at `url`, which is its owner's."""
    db = Database(url)
    try:
        return await isolate(db, role)
    finally:
        await db.close()


@contextlib.contextmanager
def isolated(url) -> Iterator[str]:
    """Isolates the database of the owner at `url`; gives the address of the processes."""
    with role_of(url) as its:
        in_a_thread(isolated_for(url, sa.make_url(its).username))
        yield its
