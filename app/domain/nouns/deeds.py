"""What is done to a job, as its chain has it: by whom, from where, by which request."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Self

from app.domain.nouns.administration import Actor
from app.domain.plan_totals import PlanTotals
from app.domain.statuses import JobStatus


class DeedKind(StrEnum):
    """What was done."""

    ACCEPTED = "accepted"
    APPROVED = "approved"
    REFUSED = "refused"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    RETRIED = "retried"  # by a person, or an upstream's word: what is tried or looked up again
    RESOLVED = "resolved"
    CHOSEN = "chosen"  # by a client
    OUTCOMES = "outcomes"  # of a group of refunds, recorded together
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class JobDeed:
    """Something that was done to a job.

    Attributes:
        kind: what.
        actor: who, as the history prints it.
        actor_id: that caller's alone; None: no caller did it.
        address: where the request came from; of a client it is kept nowhere.
        request_id: under which the request is logged.
        facts: what else there is to say.
    """

    kind: DeedKind
    actor: str
    actor_id: str | None = None
    address: str | None = None
    request_id: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def by(cls, kind: DeedKind, actor: Actor, **facts: Any) -> Self:
        """What a caller did."""
        return cls(kind, actor.name, actor.whole_id, actor.address, actor.request_id, facts)

    def text(self) -> str:
        """As it is kept and hashed, in JSON: the same deed gives the same text."""
        said = {
            "kind": self.kind.value,
            "actor": self.actor,
            "actor_id": self.actor_id,
            "address": self.address,
            "request_id": self.request_id,
            **self.facts,
        }
        return json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def accepted_facts(totals: PlanTotals, status: JobStatus) -> dict[str, Any]:
    """What an acceptance, or an approval, says of the job: what it will return, and its status."""
    return {"totals": asdict(totals), "status": status.value}
