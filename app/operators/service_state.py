"""What the database says of the service's books, jobs, endpoints, and of what is due.

So every process tells the same of all workers. It names no business.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from app.db.core.due_keys import Backlog
from app.db.core.engine import Database
from app.db.invariants import CheckScope, invariants, last_check
from app.db.invariants.last_check import Checked
from app.db.jobs import jobs
from app.db.messages import claims as messages
from app.db.refunds import refunds
from app.db.webhooks import deliveries, endpoints
from app.gateways.outcomes import UpstreamMethod
from app.refunds import verify_chains

_OF_BOOKS: Final = tuple(
    invariant.code for invariant in invariants(CheckScope(), overdue_seconds=0)
)
# Not that of what was handed out: only who has kept it can look.
_OF_CHAINS: Final = tuple(code for code in verify_chains.RULES if code != verify_chains.HANDED_OUT)
# The codes of the rules that the books and the chains are checked by.
RULES: Final = (*_OF_BOOKS, *_OF_CHAINS)


@dataclass(frozen=True, slots=True)
class ServiceState:
    """How the service stands at one instant."""

    checked_at: dt.datetime | None  # when the books were last checked
    chains_checked_at: dt.datetime | None  # when the last walk through all chains began
    violations: Mapping[str, int]  # rows that broke a rule then, by its code
    open_jobs: Mapping[str, int]  # that have not ended, by status
    next_due_in: float | None  # seconds until some job is due; 0 or less: one is; None: none
    endpoints: Mapping[str, int]  # by state: `enabled`, or why they are disabled
    refunds: Mapping[UpstreamMethod, Backlog]
    deliveries: Backlog
    messages: Backlog


async def service_state(db: Database) -> ServiceState:
    """As it stands now."""
    async with db.read(across=True) as conn:
        check = await last_check.last(conn)
        chains = await last_check.last(conn, Checked.CHAINS)
        found = {code: check.violations.get(code, 0) for code in _OF_BOOKS}
        found |= {code: chains.violations.get(code, 0) for code in _OF_CHAINS}
        return ServiceState(
            check.checked_at,
            chains.checked_at,
            found,
            await jobs.open_by_status(conn),
            await jobs.next_due_in(conn),
            await endpoints.count_by_state(conn),
            {method: await refunds.count_due(conn, method) for method in UpstreamMethod},
            await deliveries.count_due(conn),
            await messages.count_due(conn),
        )
