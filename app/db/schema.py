"""The schema's version: reads it, and brings it to the newest, from any working directory.

Several processes may migrate at once: a lock in `migrations/env.py` lets one work, and the rest find it done.
"""

from functools import cache
from importlib import import_module
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from app.db.engine import Database


def migrate(database_url: str) -> str:
    """Brings the schema to the newest version, and answers that version; blocks, and runs an event loop of its own.

    Raises:
        sqlalchemy.exc.DBAPIError, OSError: the database can't be reached, or refuses.
    """
    path = sa.make_url(database_url)
    if path.get_backend_name() == "sqlite" and path.database:
        Path(path.database).parent.mkdir(parents=True, exist_ok=True)
    config = _config()
    config.attributes["database_url"] = database_url
    command.upgrade(config, "head")
    return newest_version()


@cache
def newest_version() -> str:
    """The newest version that this build knows."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None
    return head


async def version_of(db: Database) -> str | None:
    """The version of the schema in the database; None when nothing has been migrated there.

    Raises:
        sqlalchemy.exc.DBAPIError, OSError: the database can't be reached.
    """
    async with db.read() as conn:
        if not await conn.run_sync(lambda sync: sa.inspect(sync).has_table("alembic_version")):
            return None
        version = await conn.scalar(sa.text("SELECT version_num FROM alembic_version"))
        return None if version is None else str(version)


def _config() -> Config:
    # The package's own folder, so that an installed copy finds its revisions too.
    (folder,) = import_module("migrations").__path__
    config = Config()
    config.set_main_option("script_location", folder.replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
