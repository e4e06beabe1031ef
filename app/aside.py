"""Work on many things, in a thread where the event loop would wait for it.

The loop then goes on answering others; of few things the thread would cost more than the work.
"""

import asyncio
from collections.abc import Callable
from typing import Final, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_FEW: Final = 250  # some 10 µs each


async def aside(count: int, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """What `work` gives of so many things: it touches nothing that others may change meanwhile."""
    if count <= _FEW:
        return work(*args, **kwargs)
    return await asyncio.to_thread(work, *args, **kwargs)
