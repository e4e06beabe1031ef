"""The schema's version: read, judged for this build, and brought to the newest.

Revisions are additive: one that a running build doesn't know doesn't stop it. One that isn't writes
its own id into `schema_needs`, and builds that don't know that revision stop. Several processes may
migrate at once: a lock in `migrations/env.py` lets one work, and the rest find it done.
"""

import asyncio
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from app.db.core.engine import Database
from app.db.tables import schema_needs

_LOCK_NOT_AVAILABLE: Final = "55P03"


class Fit(StrEnum):
    """How a database's schema and this build go together."""

    SAME = "same"
    NEWER = "newer"  # than this build, which can run on it
    TOO_NEW = "too_new"  # than this build, which can't
    OLDER = "older"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Found:
    """The schema in a database: its version, and what it needs a build to know.

    Where nothing was migrated the version is None.
    """

    version: str | None
    needs: str | None

    @property
    def fit(self) -> Fit:
        if self.version is None:
            return Fit.MISSING
        if self.version == newest_version():
            return Fit.SAME
        if self.version in _known_versions():
            return Fit.OLDER
        return Fit.NEWER if self.needs in _known_versions() else Fit.TOO_NEW

    @property
    def is_compatible(self) -> bool:
        """Whether this build may run on it."""
        return self.fit in {Fit.SAME, Fit.NEWER}

    @property
    def sentence(self) -> str:
        """One line for a person: what it is, and what to do.

        There is something to do where this build can't run on it.
        """
        match self.fit:
            case Fit.SAME:
                return f"The schema is at version {self.version}."
            case Fit.NEWER:
                return (
                    f"The schema is at version {self.version}, newer than this build's "
                    f"{newest_version()}, which can run on it."
                )
            case Fit.TOO_NEW:
                return (
                    f"The database's schema is version {self.version}, and needs a build that "
                    f"knows version {self.needs}; this build knows {newest_version()}. "
                    "Start a newer build"
                )
            case Fit.OLDER:
                return (
                    f"The database's schema is version {self.version}, this build needs "
                    f"{newest_version()}. Run: bulk-cancel migrate"
                )
            case Fit.MISSING:
                return "The database has no schema yet. Run: bulk-cancel migrate"


class TooNew(Exception):  # noqa: N818 - what the operator is told, in one line
    """The schema is newer than this build, and does not let it run."""


class OthersMigrate(Exception):  # noqa: N818 - as above
    """Another process has been migrating for as long as this one waits."""


class WrongEncoding(Exception):  # noqa: N818 - as above
    """The database can't hold every name."""


def migrate(database_url: str, *, patience_seconds: float = 300.0) -> Found:
    """Brings the schema to the newest version, unless it is newer.

    It blocks, and runs an event loop of its own. On PostgreSQL it waits so long for another process
    that migrates, for a large table may take minutes.

    Raises:
        TooNew: this build can't run on it.
        OthersMigrate: they had not ended by then; nothing is changed.
        WrongEncoding: as `require_utf8`.
        sqlalchemy.exc.DBAPIError, OSError: the database can't be reached, or refuses.
    """
    path = sa.make_url(database_url)
    if path.get_backend_name() == "sqlite" and path.database:
        Path(path.database).parent.mkdir(parents=True, exist_ok=True)
    asyncio.run(_require_utf8_at(database_url))
    config = _config()
    config.attributes |= {"database_url": database_url, "patience_seconds": patience_seconds}
    try:
        command.upgrade(config, "head")
    except sa.exc.DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
            raise
        raise OthersMigrate(
            f"Another process has been migrating this database for {patience_seconds:g} seconds. "
            "Nothing is changed; run it again when that one has ended"
        ) from error
    except CommandError:
        found = asyncio.run(_found_at(database_url))
        if found.fit is Fit.NEWER:
            return found
        if found.fit is Fit.TOO_NEW:
            raise TooNew(found.sentence) from None
        raise
    return Found(newest_version(), None)


@cache
def newest_version() -> str:
    """The newest version that this build knows."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None
    return head


@cache
def _known_versions() -> frozenset[str]:
    return frozenset(
        one.revision for one in ScriptDirectory.from_config(_config()).walk_revisions()
    )


async def found_in(db: Database) -> Found:
    """The schema in the database.

    Raises:
        sqlalchemy.exc.DBAPIError, OSError: the database can't be reached.
    """
    async with db.read() as conn:
        has = await conn.run_sync(lambda sync: set(sa.inspect(sync).get_table_names()))
        if "alembic_version" not in has:
            return Found(None, None)
        version = await conn.scalar(sa.text("SELECT version_num FROM alembic_version"))
        needs = (
            await conn.scalar(sa.select(schema_needs.c.revision))
            if schema_needs.name in has
            else None
        )
        return Found(None if version is None else str(version), needs)


async def require_utf8(db: Database) -> None:
    """Makes sure that any text can be kept: of LATIN1 a name would be refused in mid-import.

    Raises:
        WrongEncoding: it can't.
        sqlalchemy.exc.DBAPIError, OSError: the database can't be reached.
    """
    if not db.is_postgresql:
        return
    async with db.read() as conn:
        encoding = await conn.scalar(sa.text("SELECT current_setting('server_encoding')"))
    if encoding != "UTF8":
        raise WrongEncoding(
            f"The database that BULK_CANCEL_DATABASE_URL names has the encoding {encoding}, which "
            "can't keep every name. Make one with: CREATE DATABASE … ENCODING 'UTF8' TEMPLATE "
            "template0"
        )


async def _require_utf8_at(database_url: str) -> None:
    db = Database(database_url, prepared_statements=False)
    try:
        await require_utf8(db)
    finally:
        await db.close()


async def _found_at(database_url: str) -> Found:
    db = Database(database_url, prepared_statements=False)
    try:
        return await found_in(db)
    finally:
        await db.close()


def _config() -> Config:
    # The package's own folder, so that an installed copy finds its revisions too.
    (folder,) = import_module("migrations").__path__
    config = Config()
    config.set_main_option("script_location", folder.replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
