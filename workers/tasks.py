"""Task shells: each unpacks a message and calls one function of `app`."""

import asyncio
from typing import Any

from app.refunds.slices import run


async def run_job(ctx: dict[str, Any], job_id: str, role: str = "") -> None:
    """One slice of a job, which a wake asked for; `role` may be "helper".

    A worker that is stopping leaves it to the sweep of another.
    """
    if ctx["runtime"].stopping.is_set():
        return
    slices: set[asyncio.Task[None]] = ctx["slices"]
    this = asyncio.current_task()
    assert this is not None
    slices.add(this)
    try:
        await run.run_job(ctx["runtime"], job_id, extra_slice=role == "helper")
    finally:
        slices.discard(this)
