"""The model's workers and their clock; what they hear they may record late, twice or never.

They promise what `execute` promises: a call only for a claim of their own, none so late that it
could outlive the lease, and a look-up instead of a call unless the row was committed as `submitted`
for it.
"""

from dataclasses import dataclass
from typing import Final

from integration.model.books import Books, Deed, Look
from integration.model.desk import Desk

from app.cancellation.expand import expand_chunk
from app.db.core.dialect import clock, now
from app.db.core.engine import Database
from app.db.jobs import jobs
from app.db.refunds import claims, outcomes
from app.db.refunds.claims import ClaimedRefund
from app.db.refunds.outcomes import Recorded
from app.domain.refund_update import RefundUpdate
from app.gateways import credits as credits_contract
from app.gateways import payments as payments_contract
from app.gateways.facts import PaymentAnswer, PaymentAsked
from app.gateways.outcomes import Indeterminate, Order, Outcome, UpstreamMethod
from app.refunds import decide, policy
from app.refunds.execute import LaneContext, order_of
from app.refunds.legs.ladder import NO_LADDER, Ladder
from app.refunds.legs.next_leg import with_next_leg
from app.refunds.pacing.pace import Pace
from app.refunds.policy import AttemptContext

LEASE_SECONDS: Final = 30.0
TIMEOUT_SECONDS: Final = 10.0
QUIESCENCE_SECONDS: Final = 5.0
GIVE_UP_AFTER_SECONDS: Final = 72 * 3600.0
# The database's clock goes on while a run is computed: what the model calls still in time is so by
# this much.
_SLACK_SECONDS: Final = 3.0
_LAGS_AT_MOST_SECONDS: Final = 3600.0  # look-ups, after what the upstream did
_LANDS_WITHIN: Final = TIMEOUT_SECONDS + QUIESCENCE_SECONDS - _SLACK_SECONDS


@dataclass(slots=True, eq=False)
class Held:
    """A claimed refund in the hands of one worker."""

    job_id: str
    claimed: ClaimedRefund
    order: Order
    claimed_at: float
    sent_at: float | None = None
    waits: bool = False  # for an answer
    flies: bool = False  # its call may still land
    verdict: RefundUpdate | None = None


class Crew:
    """All workers of a run; `clock` moves only when the run lets time pass."""

    def __init__(self, db: Database, desk: Desk, books: Books) -> None:
        self.db = db
        self.desk = desk
        self.books = books
        self.clock = 0.0
        self.held: list[Held] = []
        self.ladders: dict[str, Ladder] = {}  # by job; of others none
        self._gateways = {
            UpstreamMethod.PAYMENT: payments_contract.open_gateway(books),
            UpstreamMethod.CREDIT: credits_contract.open_gateway(books),
        }

    def idle(self) -> list[Held]:
        """Claims that nobody has acted on."""
        return [held for held in self.held if held.verdict is None and not held.waits]

    def waiting(self) -> list[Held]:
        """Claims whose worker waits for an answer."""
        return [held for held in self.held if held.waits]

    def on_their_way(self) -> list[Held]:
        """Claims whose call may still land."""
        return [held for held in self.held if held.flies]

    def heard(self) -> list[Held]:
        """Claims whose worker knows what becomes of them, recorded or not."""
        return [held for held in self.held if held.verdict is not None]

    async def begin(self, job_id: str) -> bool:
        """Start the job, or go on with it, as a slice does; False if there is nothing to run."""
        async with self.db.write() as conn:
            job = await jobs.lock_any(conn, job_id)
            if job is None or job.due_at is None:
                return False
            if job.status == "held" and job.hold_until > await clock(conn):
                return False
            if job.status != "running":
                await jobs.update(conn, job_id, status="running", started_at=now())
        return True

    async def expand(self, job_id: str, at_most: int) -> None:
        async with self.db.write() as conn:
            job = await jobs.lock_any(conn, job_id)
            if job is not None and job.status == "running":
                await expand_chunk(conn, job, at_most=at_most)

    async def claim(self, job_id: str, method: UpstreamMethod, most: int) -> list[Held]:
        async with self.db.write() as conn:
            batch = await claims.claim(conn, job_id, method, most=most, lease_seconds=LEASE_SECONDS)
        # The ids of legs are in no order that a run has twice.
        batch.sort(key=lambda one: (one.payment_id or one.account_id or "", one.leg))
        place = LaneContext("studio", "snow", method, Pace(1, lambda: 1, lambda: 0.0))
        taken = [Held(job_id, claimed, order_of(claimed, place), self.clock) for claimed in batch]
        self.held += taken
        return taken

    def must_not_call(self, held: Held) -> bool:
        """Whether its lease might end before a call made now can no longer land."""
        return (
            self.clock - held.claimed_at
            >= LEASE_SECONDS - TIMEOUT_SECONDS - QUIESCENCE_SECONDS - _SLACK_SECONDS
        )

    async def act(self, held: Held, deed: Deed, look: Look) -> None:
        """The worker does what the claim asks for, and hears at once what comes of it."""
        if self.must_not_call(held):
            held.verdict = policy.not_started(held.claimed.status)
        elif held.claimed.status == "submitted":
            held.sent_at = self.clock
            await self._hear(held, await self._post(held, deed), look)
        else:
            self._prepare(held, Deed.DONE, look)
            finding = await self._gateways[held.order.method].look_up(held.order)
            found = decide.decide_after_lookup(held.claimed, self._trail(held), finding)
            held.verdict = await self._or_next_leg(held, found)

    def give_back(self, held: Held) -> None:
        """The worker stops, or the upstream is to be left alone: the claim was for nothing."""
        held.verdict = policy.not_started(held.claimed.status, due_in_seconds=2.0)

    def send(self, held: Held) -> None:
        """The call is on its way: it may land, and be answered, later or never."""
        held.sent_at, held.waits, held.flies = self.clock, True, True

    async def land(self, held: Held, deed: Deed, look: Look) -> None:
        """A call on its way gets there; only who still waits hears of it."""
        held.flies = False
        outcome = await self._post(held, deed)
        if held.waits:
            await self._hear(held, outcome, look)

    async def break_off(self, held: Held) -> None:
        """The worker's connection breaks, or its time is out; the call may land all the same."""
        await self._hear(held, Indeterminate("no answer"), Look.TRUE)

    async def pass_time(self, seconds: float) -> None:
        """Let time pass.

        Rows grow older, calls on their way come to their end, and who waited long enough stops.
        """
        self.clock += seconds
        self.desk.age(seconds)
        if seconds > _LAGS_AT_MOST_SECONDS:
            self.books.catch_up()
        for held in self.held:
            since = self.clock - (held.sent_at or 0.0)
            if held.waits and since >= TIMEOUT_SECONDS:
                await self.break_off(held)
            held.flies = held.flies and since < _LANDS_WITHIN

    async def record(self, group: list[Held]) -> list[str]:
        """Write what these workers heard, of one job; gives the refunds that changed."""
        said = [
            Recorded(held.claimed.id, held.claimed.epoch, held.verdict, held.claimed.leg)
            for held in group
        ]
        async with self.db.write() as conn:
            return await outcomes.record(
                conn, group[0].job_id, said, actor="worker", heartbeat_seconds=LEASE_SECONDS
            )

    async def _post(self, held: Held, deed: Deed) -> Outcome:
        self._prepare(held, deed, Look.TRUE)
        known = held.claimed.upstream_reference
        accepted = [entry for entry in self.books.effects(held.claimed.id) if entry.id == known]
        assert not accepted, f"asked for again, and the upstream had told us that it has it: {held}"
        return await self._gateways[held.order.method].refund(held.order)

    async def _hear(self, held: Held, outcome: Outcome, look: Look) -> None:
        held.waits = False
        self._prepare(held, Deed.DONE, look)
        waited = self.clock - held.sent_at
        update = await decide.decide_after_call(
            self._gateways[held.order.method],
            held.order,
            self._trail(held),
            outcome,
            quiet_in_seconds=QUIESCENCE_SECONDS + max(0.0, TIMEOUT_SECONDS - waited),
        )
        held.verdict = await self._or_next_leg(held, update)

    async def _or_next_leg(self, held: Held, update: RefundUpdate) -> RefundUpdate:
        return await with_next_leg(
            self.db,
            self.ladders.get(held.job_id, NO_LADDER),
            held.claimed,
            held.order,
            self._trail(held),
            update,
            read_payment=self._read,
        )

    async def _read(self, order: Order) -> PaymentAnswer:
        asked = PaymentAsked(order.business_id, order.payment_id or "")
        return await self._gateways[UpstreamMethod.PAYMENT].payment(asked)

    def _prepare(self, held: Held, deed: Deed, look: Look) -> None:
        accepted = held.claimed.status == "processing" and not held.claimed.followed
        self.books.deed = deed
        self.books.look = Look.TRUE if look is Look.FORGETFUL and not accepted else look

    def _trail(self, held: Held) -> AttemptContext:
        return AttemptContext(
            held.claimed.attempts, held.claimed.age_seconds, GIVE_UP_AFTER_SECONDS, jitter=1.0
        )
