"""Keeps an import on disk while it streams in.

Its gzip is checked to the end, so that half a file changes nothing. Memory stays flat whatever the
file's size: it is read in blocks, and a line is never held beyond its limit.
"""

import asyncio
import gzip
import math
import os
import tempfile
import zlib
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import BinaryIO, Final

from app.errors import Problem

LINE_LIMIT: Final = 64 * 1024
_BLOCK: Final = 1024 * 1024
# Text of this kind shrinks to a tenth; a bomb to a thousandth. A small file may be all repetition.
_MAX_EXPANSION: Final = 64
_ALWAYS_EXPANDED: Final = 16 * 1024 * 1024


@asynccontextmanager
async def spooled(
    chunks: AsyncIterable[bytes], *, gzipped: bool, limit_bytes: int
) -> AsyncIterator[BinaryIO]:
    """A readable file of what `chunks` hold, decompressed as it is read.

    It is gone when the block ends.

    Raises:
        Problem: 413 body-too-large, over `limit_bytes` as sent, or 64 times what was sent once
            decompressed; 400 broken-gzip.
    """
    with tempfile.TemporaryFile(prefix="bulk-cancel-import-") as file:
        await _fill(file, chunks, limit_bytes)
        if not gzipped:
            yield file
            return
        await asyncio.to_thread(check_gzip, file, is_bounded=True)
        with gzip.GzipFile(fileobj=file) as text:
            yield text  # type: ignore[misc] # a GzipFile reads as any binary file does


async def _fill(file: BinaryIO, chunks: AsyncIterable[bytes], limit_bytes: int) -> None:
    size = 0
    waiting = bytearray()
    async for chunk in chunks:
        size += len(chunk)
        if size > limit_bytes:
            raise _too_large(limit_bytes)
        waiting += chunk
        if len(waiting) >= _BLOCK:
            await asyncio.to_thread(file.write, bytes(waiting))
            waiting.clear()
    await asyncio.to_thread(file.write, bytes(waiting))
    file.seek(0)


def check_gzip(file: BinaryIO, *, is_bounded: bool = False) -> None:
    """Read a gzip file to its end and go back to its start; blocks.

    Raises:
        Problem: 400 broken-gzip, it is truncated, damaged or no gzip (RFC 1952); 413
            body-too-large, see `spooled`.
    """
    most = (
        max(_ALWAYS_EXPANDED, _MAX_EXPANSION * file.seek(0, os.SEEK_END))
        if is_bounded
        else math.inf
    )
    file.seek(0)
    size = 0
    if not file.read(1):  # to `gzip` nothing at all is a whole file
        raise _broken_gzip()
    file.seek(0)
    try:
        with gzip.GzipFile(fileobj=file) as text:
            while (size <= most) and (block := text.read(_BLOCK)):
                size += len(block)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise _broken_gzip() from error
    if size > most:
        raise _expands_too_much(int(most))
    file.seek(0)


def lines_of(file: BinaryIO) -> Iterator[bytes]:
    """The lines of a file without their ends.

    One over `LINE_LIMIT` is cut just beyond it, and read past.
    """
    while line := file.readline(LINE_LIMIT + 2):
        if not line.endswith(b"\n") and len(line) > LINE_LIMIT:
            while (rest := file.readline(LINE_LIMIT)) and not rest.endswith(b"\n"):
                pass
        yield line.rstrip(b"\r\n")


def _broken_gzip() -> Problem:
    return Problem(
        400,
        "broken-gzip",
        "The gzip file is broken",
        "The file is truncated or damaged, and nothing of it was read in.",
    )


def _too_large(limit_bytes: int) -> Problem:
    return Problem(
        413,
        "body-too-large",
        "The body is too large",
        f"An import of at most {limit_bytes} bytes is taken here.",
        extensions={"limit_bytes": limit_bytes},
    )


def _expands_too_much(most: int) -> Problem:
    return Problem(
        413,
        "body-too-large",
        "The body is too large",
        f"A gzip of this size may hold at most {most} bytes: {_MAX_EXPANSION} times its own.",
        extensions={"limit_bytes": most},
    )
