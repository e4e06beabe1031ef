"""Millions of rows made up by PostgreSQL itself: what a benchmark finds when it begins."""

from collections.abc import Sequence
from typing import Any

import asyncpg
from benchmarks import bench as places


async def seed(url: str, statements: Sequence[str], **values: Any) -> None:
    """Run statements, each with `{values}` filled in, and let the planner see what came of them.

    Foreign keys are not looked up meanwhile, which would be most of the time: the rows are ours,
    and fit.
    """
    connection = await asyncpg.connect(places.driver_url(url))
    try:
        await connection.execute("SET session_replication_role = replica")
        for statement in statements:
            await connection.execute(statement.format(**values))
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()
