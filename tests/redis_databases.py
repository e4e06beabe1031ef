"""Redis's numbered databases, lent to one test or benchmark at a time.

Who is at work is written in number 0.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import redis

_NUMBERS: Final = range(1, 16)
_LENT_FOR_SECONDS: Final = 1_800  # should the borrower die


@contextmanager
def lent(server: str) -> Iterator[str]:
    """The URL of an empty database of this server, emptied and given back as the block ends.

    Raises:
        RuntimeError: all are lent.
    """
    with redis.Redis.from_url(server, db=0) as registry:
        names = {number: f"bulk-cancel-test:{number}" for number in _NUMBERS}
        free = (
            n
            for n, name in names.items()
            if registry.set(name, os.getpid(), nx=True, ex=_LENT_FOR_SECONDS)
        )
        number = next(free, None)
        if number is None:
            raise RuntimeError(f"all {len(names)} Redis databases are lent to running tests")
        try:
            with redis.Redis.from_url(server, db=number) as mine:
                mine.flushdb()
                yield f"{server.rstrip('/')}/{number}"
                mine.flushdb()
        finally:
            registry.delete(names[number])
