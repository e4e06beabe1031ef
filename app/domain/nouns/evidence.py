"""What is signed of a job: nouns that whoever checks it reads, too."""

import datetime as dt
from dataclasses import dataclass
from typing import Any, Final, Self

from app.domain.days import instant_text
from app.domain.statuses import JobStatus

TYP: Final = "bulk-cancel-audit-proof+jws"
_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class AuditProof:
    """A job's audit at an instant: `line_hash` is that of the last of its `lines`.

    `link` is the hash of the last of the `links` of its chain; None: it has no chain.
    """

    business_id: str
    job_id: str
    status: JobStatus
    final: bool  # no machine has anything left to do; a person or a late word may still change it
    lines: int
    line_hash: str
    links: int
    link: str | None
    proven_at: dt.datetime

    def document(self) -> dict[str, Any]:
        """As it is signed."""
        return {
            "version": _VERSION,
            "business_id": self.business_id,
            "job_id": self.job_id,
            "status": self.status.value,
            "final": self.final,
            "lines": self.lines,
            "line_hash": self.line_hash,
            "links": self.links,
            "link": self.link,
            "proven_at": instant_text(self.proven_at),
        }

    @classmethod
    def of(cls, document: dict[str, Any]) -> Self:
        """What was signed.

        Raises:
            ValueError: it is of a version that this build doesn't know.
        """
        if document.get("version") != _VERSION:
            raise ValueError("it is of a version that this build doesn't know")
        return cls(
            business_id=document["business_id"],
            job_id=document["job_id"],
            status=JobStatus(document["status"]),
            final=document["final"],
            lines=document["lines"],
            line_hash=document["line_hash"],
            links=document["links"],
            link=document["link"],
            proven_at=dt.datetime.fromisoformat(document["proven_at"]),
        )
