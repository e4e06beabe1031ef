"""Statements are compiled once for all databases of a test process.

SQLAlchemy keeps what it has compiled with the engine, and each test has an engine of its own: they
would compile the same few hundred statements anew, which is a sixth of a test's CPU.
"""

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.util import LRUCache

_STATEMENTS: Final = 5_000
_COMPILED: Final[LRUCache[Any, Any]] = LRUCache(_STATEMENTS)


class _Shared:
    """What an engine takes for a cache of its own: its dialect is known by what it writes."""

    def __init__(self, dialect: Any) -> None:
        self._kind = (
            type(dialect),
            dialect.server_version_info,
            dialect._json_serializer,
            dialect._json_deserializer,
        )

    def get(self, key: tuple[Any, ...]) -> Any:
        return _COMPILED.get((self._kind, *key[1:]))

    def __setitem__(self, key: tuple[Any, ...], compiled: Any) -> None:
        _COMPILED[self._kind, *key[1:]] = compiled


def share() -> None:
    """From now on, for every engine of this process."""

    @sa.event.listens_for(sa.Engine, "engine_connect")
    def _on_connect(connection: sa.Connection) -> None:
        engine: Any = connection.engine
        if not isinstance(engine._compiled_cache, _Shared):
            engine._compiled_cache = _Shared(engine.dialect)
