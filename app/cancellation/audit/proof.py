"""What is proven of a job's audit: how many lines it has, and the hash of the last.

That hash is over all lines. Whoever holds the proof finds any change of them, ours too.
"""

from app.cancellation.audit import audit_csv
from app.db.core.dialect import clock
from app.db.core.engine import Database
from app.db.jobs import jobs
from app.domain.nouns.evidence import AuditProof


async def of_job(db: Database, business_id: str, job_id: str) -> AuditProof:
    """The job's whole audit as it stands, proven.

    Raises:
        NotFound: no such job.
    """
    async with db.export() as conn:
        job = await jobs.existing(conn, business_id, job_id)
        at = await clock(conn)
        chain = await audit_csv.chained(conn, job)
    return AuditProof(
        business_id=business_id,
        job_id=job_id,
        status=job.status,
        final=job.due_at is None,
        lines=chain.count,
        line_hash=chain.head,
        proven_at=at,
    )
