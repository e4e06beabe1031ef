"""Working for a job by its id alone: a wake tells workers no more, nor a link its holder."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.db.core.engine import Database
from app.db.core.isolation import of_business
from app.db.jobs import jobs


@asynccontextmanager
async def of_job(db: Database, job_id: str) -> AsyncIterator[None]:
    """What the block does is for the job's business; of a job that is not there it sees nothing."""
    async with db.single(across=True) as conn:
        business_id = await jobs.business_of(conn, job_id)
    if business_id is None:
        yield
        return
    with of_business(business_id):
        yield
