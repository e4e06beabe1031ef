"""What is proven of a job: how many lines its audit has and the hash of the last; so of its chain.

Each hash is over all before it. Whoever holds the proof finds any change of them, ours too.
"""

from app.cancellation.audit import audit_csv
from app.db.core.dialect import clock
from app.db.core.engine import Database
from app.db.evidence import links
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
        head = await links.head(conn, job_id)
        chain = await audit_csv.chained(conn, job)
    return AuditProof(
        business_id=business_id,
        job_id=job_id,
        status=job.status,
        final=job.due_at is None,
        lines=chain.count,
        line_hash=chain.head,
        links=0 if head is None else head.links,
        link=None if head is None else head.hash,
        proven_at=at,
    )
