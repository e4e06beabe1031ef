"""Takes chunks as fast as they are made, and gives them as they are read.

So whoever makes them is soon free: a reader who pauses holds no connection to the database. What
waits for it is in memory up to a mebibyte, and on disk beyond.
"""

import asyncio
import os
import tempfile
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from typing import BinaryIO, Final

_IN_MEMORY_BYTES: Final = 1024 * 1024


async def read_ahead(chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
    """The same chunks in the same order.

    What making them raises comes after those that were made.
    """
    shelf = _Shelf()
    making = asyncio.create_task(_fill(shelf, chunks))
    try:
        while not (making.done() and shelf.is_empty):
            if shelf.is_empty:
                await shelf.changed()
            else:
                yield await shelf.take()
        await making
    finally:
        making.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await making
        shelf.close()


async def _fill(shelf: "_Shelf", chunks: AsyncIterator[bytes]) -> None:
    try:
        async for chunk in chunks:
            await shelf.put(chunk)
    finally:
        shelf.end()


class _Shelf:
    """Chunks in order: each is here, or so many bytes of the file."""

    def __init__(self) -> None:
        self._waiting: deque[bytes | int] = deque()
        self._in_memory = 0
        self._file: BinaryIO | None = None
        self._written = 0
        self._read = 0
        self._changed = asyncio.Event()

    @property
    def is_empty(self) -> bool:
        return not self._waiting

    async def changed(self) -> None:
        """Wait until something was put here, or nothing more will be."""
        await self._changed.wait()
        self._changed.clear()

    def end(self) -> None:
        self._changed.set()

    async def put(self, chunk: bytes) -> None:
        if self._in_memory + len(chunk) <= _IN_MEMORY_BYTES:
            self._in_memory += len(chunk)
            self._waiting.append(chunk)
        else:
            file = self._file
            if file is None:
                file = self._file = await asyncio.to_thread(_temporary_file)
            self._written += await asyncio.to_thread(_write, file, chunk, self._written)
            self._waiting.append(len(chunk))
        self._changed.set()

    async def take(self) -> bytes:
        chunk = self._waiting.popleft()
        if isinstance(chunk, bytes):
            self._in_memory -= len(chunk)
            return chunk
        assert self._file is not None
        kept = await asyncio.to_thread(os.pread, self._file.fileno(), chunk, self._read)
        self._read += chunk
        return kept

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def _temporary_file() -> BinaryIO:
    return tempfile.TemporaryFile(prefix="bulk-cancel-stream-")


def _write(file: BinaryIO, chunk: bytes, at: int) -> int:
    written = 0
    while written < len(chunk):
        written += os.pwrite(file.fileno(), chunk[written:], at + written)
    return written
