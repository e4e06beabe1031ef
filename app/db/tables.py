"""The whole schema on a page: what a row may be is said by CHECKs and unique indexes, not by the code that writes it.

Two things hold the promise here: one live claim of a session over all jobs (`one_live_acceptance`) and one refund per
payment line of a booking over all jobs (`one_refund_per_line`). Every key starts with the business it belongs to.
"""

from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from app.db.dialect import Id, Instant, now


class SessionStatus(StrEnum):
    """What a class session is."""

    SCHEDULED = "scheduled"
    CANCELLED = "cancelled"


class BookingStatus(StrEnum):
    """What a booking is; only `booked` and `checked_in` take a place."""

    BOOKED = "booked"
    WAITLISTED = "waitlisted"
    CHECKED_IN = "checked_in"
    CANCELLED = "cancelled"


class JobStatus(StrEnum):
    """Where a bulk cancellation is; the last three are ends (a retry starts one again)."""

    HELD = "held"
    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    COMPLETED_WITH_FAILURES = "completed_with_failures"
    WITHDRAWN = "withdrawn"


class SessionOutcome(StrEnum):
    """What became of a session that a request chose."""

    ACCEPTED = "accepted"
    ALREADY_IN_PROCESS = "already_in_process"
    ALREADY_CANCELLED = "already_cancelled"


class RefundStatus(StrEnum):
    """Where a refund is; `due_at` says whether a machine will still touch it."""

    PENDING = "pending"
    SUBMITTED = "submitted"
    INDETERMINATE = "indeterminate"
    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    REJECTED = "rejected"
    SKIPPED = "skipped"
    RESOLVED = "resolved"


WITHDRAWN_LINE = "withdrawn"  # the failure code of a withdrawn job's lines
NOT_WITHDRAWN = f"status <> 'skipped' OR coalesce(failure_code, '') <> '{WITHDRAWN_LINE}'"


class Method(StrEnum):
    """How a payment line was paid; `none` stands for a booking with nothing to return."""

    PAYMENT = "payment"
    CREDIT = "credit"
    NONE = "none"


IN_PROCESS = (JobStatus.HELD, JobStatus.QUEUED, JobStatus.RUNNING)
TAKES_A_PLACE = (BookingStatus.BOOKED, BookingStatus.CHECKED_IN)

metadata = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)


def one_of(column: str, words: type[StrEnum]) -> sa.CheckConstraint:
    """Text in which only these words may be."""
    listed = ", ".join(f"'{word}'" for word in words)
    return sa.CheckConstraint(f"{column} IN ({listed})", name=f"{column}_known")


def partial(name: str, *columns: Any, where: str, unique: bool = False) -> sa.Index:
    """An index of some of the rows, in both databases."""
    return sa.Index(name, *columns, unique=unique, postgresql_where=sa.text(where), sqlite_where=sa.text(where))


def created_at(name: str = "created_at") -> sa.Column[Any]:
    """When the row was made, by the database's clock."""
    return sa.Column(name, Instant, nullable=False, default=now())


businesses = sa.Table(
    "businesses",
    metadata,
    sa.Column("id", sa.String(128), primary_key=True),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("timezone", sa.String(64), nullable=False),
    sa.Column("currency", sa.String(3), nullable=False),
    created_at(),
    # Where its payments by Stripe are: at a connected account, or at one of its own; neither: at the platform's.
    sa.Column("stripe_account", sa.String(255)),
    sa.Column("stripe_key_sealed", sa.Text),
    sa.CheckConstraint("length(currency) = 3", name="currency_is_iso_4217"),
    sa.CheckConstraint("stripe_account IS NULL OR stripe_key_sealed IS NULL", name="at_one_stripe_account"),
)

call_budgets = sa.Table(
    "call_budgets",
    metadata,
    sa.Column("account", sa.String(255), primary_key=True),  # whose calls the upstream counts together
    sa.Column("calls", sa.Double, nullable=False),  # that may be made at once; below nought: made beyond the rate
    sa.Column("granted", sa.Integer, nullable=False),  # to who asked last
    sa.Column("counted_at", Instant, nullable=False),
)

api_keys = sa.Table(
    "api_keys",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("business_id", sa.ForeignKey("businesses.id"), nullable=False),
    sa.Column("prefix", sa.String(16), nullable=False, unique=True),
    sa.Column("secret_hash", sa.String(64), nullable=False),  # SHA-256 of 256 random bits: nothing to slow down
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("scopes", sa.Text, nullable=False),  # space-separated, as in RFC 6749 §3.3
    created_at(),
    sa.Column("revoked_at", Instant),
    sa.Index("api_keys_of_business", "business_id", "id"),
)

clients = sa.Table(
    "clients",
    metadata,
    sa.Column("business_id", sa.ForeignKey("businesses.id"), primary_key=True),
    sa.Column("id", sa.String(128), primary_key=True),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("email", sa.String(320)),
)

jobs = sa.Table(
    "jobs",
    metadata,
    sa.Column("id", Id, primary_key=True),  # UUIDv7: its milliseconds are those of every refund id of the job
    sa.Column("business_id", sa.ForeignKey("businesses.id"), nullable=False),
    sa.Column("idempotency_key", sa.String(255), nullable=False),
    sa.Column("request_fingerprint", sa.String(64), nullable=False),
    sa.Column("status", sa.String(32), nullable=False),
    sa.Column("date_from", sa.Date, nullable=False),
    sa.Column("date_to", sa.Date, nullable=False),
    sa.Column("reason", sa.String(500)),
    sa.Column("include_attended", sa.Boolean, nullable=False),
    sa.Column("hold_until", Instant),
    sa.Column("requested_by", sa.String(200), nullable=False),
    sa.Column("requested_at", Instant, nullable=False),
    sa.Column("started_at", Instant),
    sa.Column("finished_at", Instant),
    # When a sweep must look at the job, whoever was woken: the hold's end, a slice's heartbeat, the next refund due.
    sa.Column("due_at", Instant),
    sa.Column("accepted_sessions", sa.Integer, nullable=False),
    sa.Column("expanded_sessions", sa.Integer, nullable=False, default=0),  # positions below have their refund rows
    sa.Column("totals", sa.JSON, nullable=False),  # what was promised, as the plan counts it
    sa.Column("outcome_seq", sa.BigInteger, nullable=False, default=0),  # the last number given to a final outcome
    one_of("status", JobStatus),
    sa.CheckConstraint("date_from <= date_to", name="range_runs_forward"),
    sa.CheckConstraint("expanded_sessions <= accepted_sessions", name="expansion_within"),
    sa.CheckConstraint("status <> 'held' OR hold_until IS NOT NULL", name="held_until_when"),
    sa.CheckConstraint(
        "(due_at IS NULL) = (status IN ('completed', 'completed_with_failures', 'withdrawn'))",
        name="open_jobs_are_due",
    ),
    sa.Index("one_job_per_key", "business_id", "idempotency_key", unique=True),
    sa.Index("jobs_newest_first", "business_id", "id"),
    partial("jobs_due", "due_at", where="due_at IS NOT NULL"),
    sa.Index("jobs_by_end", "finished_at"),  # a check of the books reads those that have ended since the last one
)

sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("business_id", sa.ForeignKey("businesses.id"), primary_key=True),
    sa.Column("id", sa.String(128), primary_key=True),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("starts_at", Instant, nullable=False),
    sa.Column("ends_at", Instant, nullable=False),
    sa.Column("timezone", sa.String(64), nullable=False),
    sa.Column("location", sa.String(200)),
    sa.Column("instructor", sa.String(200)),
    sa.Column("capacity", sa.Integer),
    sa.Column("status", sa.String(16), nullable=False, default=SessionStatus.SCHEDULED),
    sa.Column("job_id", sa.ForeignKey("jobs.id")),
    sa.Column("cancelled_at", Instant),
    one_of("status", SessionStatus),
    sa.CheckConstraint("starts_at < ends_at", name="ends_after_start"),
    sa.CheckConstraint("capacity >= 0", name="capacity_counts"),
    sa.CheckConstraint("(status = 'cancelled') = (cancelled_at IS NOT NULL)", name="cancelled_when"),
    sa.CheckConstraint("(status = 'cancelled') = (job_id IS NOT NULL)", name="cancelled_by_whom"),
    sa.Index("sessions_in_start_order", "business_id", "starts_at", "id"),
    partial("sessions_of_job", "job_id", where="job_id IS NOT NULL"),
)

bookings = sa.Table(
    "bookings",
    metadata,
    sa.Column("business_id", sa.String(128), primary_key=True),
    sa.Column("id", sa.String(128), primary_key=True),
    sa.Column("session_id", sa.String(128), nullable=False),
    sa.Column("client_id", sa.String(128), nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.ForeignKeyConstraint(["business_id", "session_id"], ["sessions.business_id", "sessions.id"]),
    sa.ForeignKeyConstraint(["business_id", "client_id"], ["clients.business_id", "clients.id"]),
    one_of("status", BookingStatus),
    sa.Index("bookings_of_session", "business_id", "session_id", "id"),
    sa.Index("bookings_of_client", "business_id", "client_id", "id"),
)

_PAID_BY_ONE_MEANS = """
(method = 'payment' AND payment_id IS NOT NULL AND amount_minor IS NOT NULL AND amount_minor > 0
 AND currency IS NOT NULL AND length(currency) = 3 AND account_id IS NULL AND credits IS NULL)
OR (method = 'credit' AND account_id IS NOT NULL AND credits IS NOT NULL AND credits > 0
 AND payment_id IS NULL AND amount_minor IS NULL AND currency IS NULL)
"""

payment_lines = sa.Table(
    "payment_lines",
    metadata,
    sa.Column("business_id", sa.String(128), primary_key=True),
    sa.Column("booking_id", sa.String(128), primary_key=True),
    sa.Column("line_no", sa.Integer, primary_key=True, autoincrement=False),  # from 1, in the platform's order
    sa.Column("method", sa.String(8), nullable=False),
    sa.Column("payment_id", sa.String(128)),
    sa.Column("amount_minor", sa.BigInteger),
    sa.Column("currency", sa.String(3)),
    sa.Column("account_id", sa.String(128)),
    sa.Column("credits", sa.BigInteger),
    sa.ForeignKeyConstraint(["business_id", "booking_id"], ["bookings.business_id", "bookings.id"]),
    sa.CheckConstraint("line_no > 0", name="counted_from_one"),
    sa.CheckConstraint(_PAID_BY_ONE_MEANS, name="paid_by_one_means"),
)

job_sessions = sa.Table(
    "job_sessions",
    metadata,
    sa.Column("job_id", sa.ForeignKey("jobs.id"), primary_key=True),
    sa.Column("session_id", sa.String(128), primary_key=True),
    sa.Column("business_id", sa.String(128), nullable=False),
    sa.Column("seq", sa.Integer, nullable=False),  # place among all chosen sessions, in start order
    sa.Column("position", sa.Integer),  # place among the accepted ones; part of every refund id
    sa.Column("outcome", sa.String(32), nullable=False),
    sa.Column("held_by_job_id", Id),  # the job that has it, where this one could not
    sa.Column("bookings", sa.Integer),  # settled here; counted when the session's refund rows are written
    sa.Column("released_at", Instant),  # withdrawn: the session may be chosen again
    # As it was at acceptance: the audit tells what was cancelled, whatever the schedule says later.
    sa.Column("session_name", sa.String(200), nullable=False),
    sa.Column("session_starts_at", Instant, nullable=False),
    sa.Column("session_timezone", sa.String(64), nullable=False),
    sa.Column("location", sa.String(200)),
    sa.Column("instructor", sa.String(200)),
    sa.ForeignKeyConstraint(["business_id", "session_id"], ["sessions.business_id", "sessions.id"]),
    one_of("outcome", SessionOutcome),
    sa.CheckConstraint("(outcome = 'accepted') = (position IS NOT NULL)", name="accepted_have_a_place"),
    sa.CheckConstraint("position < 1048575", name="position_fits_refund_id"),
    sa.Index("job_sessions_in_order", "job_id", "seq", unique=True),
    partial("job_sessions_by_position", "job_id", "position", where="position IS NOT NULL", unique=True),
    partial(
        "one_live_acceptance",
        "business_id",
        "session_id",
        where="outcome = 'accepted' AND released_at IS NULL",
        unique=True,
    ),
)

refunds = sa.Table(
    "refunds",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("business_id", sa.String(128), nullable=False),
    sa.Column("job_id", Id, nullable=False),
    sa.Column("session_id", sa.String(128), nullable=False),
    sa.Column("booking_id", sa.String(128), nullable=False),
    sa.Column("client_id", sa.String(128), nullable=False),
    sa.Column("line_no", sa.Integer, nullable=False),  # 0: the booking has nothing to return
    sa.Column("method", sa.String(8), nullable=False),
    sa.Column("payment_id", sa.String(128)),
    sa.Column("amount_minor", sa.BigInteger),
    sa.Column("currency", sa.String(3)),
    sa.Column("account_id", sa.String(128)),
    sa.Column("credits", sa.BigInteger),
    sa.Column("status", sa.String(16), nullable=False),
    # When a machine must next touch the row: pending: send it; submitted: the lease's end; indeterminate and
    # processing: look it up. NULL: no machine will, the outcome is final or a person's to decide.
    sa.Column("due_at", Instant),
    sa.Column("epoch", sa.Integer, nullable=False, default=0),  # raised by every claim: the fence
    sa.Column("attempts", sa.Integer, nullable=False, default=0),  # calls that may have had an effect
    sa.Column("key_generation", sa.Integer, nullable=False, default=0),  # raised by a recorded refusal only
    sa.Column("upstream_reference", sa.String(255)),
    sa.Column("failure_code", sa.String(64)),
    sa.Column("failure_detail", sa.String(500)),
    sa.Column("outcome_seq", sa.BigInteger),
    sa.Column("first_due_at", Instant),  # from when its patience counts
    sa.Column("settled_at", Instant),
    sa.Column("hinted_at", Instant),  # an upstream's hook came, and nobody has looked since
    sa.ForeignKeyConstraint(["job_id", "session_id"], ["job_sessions.job_id", "job_sessions.session_id"]),
    one_of("status", RefundStatus),
    sa.CheckConstraint(
        f"({_PAID_BY_ONE_MEANS}) AND line_no > 0 OR method = 'none' AND line_no = 0 AND status = 'skipped'",
        name="returns_one_line",
    ),
    sa.CheckConstraint("(due_at IS NULL) = (outcome_seq IS NOT NULL)", name="final_ones_are_numbered"),
    sa.CheckConstraint("status NOT IN ('pending', 'submitted') OR due_at IS NOT NULL", name="open_ones_are_due"),
    sa.CheckConstraint(
        "status NOT IN ('succeeded', 'rejected', 'skipped', 'resolved') OR due_at IS NULL",
        name="final_ones_rest",
    ),
    sa.CheckConstraint("(settled_at IS NULL) = (outcome_seq IS NULL)", name="settled_when"),
    # Lines of a withdrawn job are kept for its audit only, and don't stand in the way of another job's.
    partial(
        "one_refund_per_line",
        "business_id",
        "booking_id",
        "line_no",
        where=NOT_WITHDRAWN,
        unique=True,
    ),
    sa.Index("refunds_of_job", "job_id", "status", "id"),
    partial("refunds_due", "job_id", "method", "due_at", "id", where="due_at IS NOT NULL"),
    partial("refunds_in_outcome_order", "job_id", "outcome_seq", where="outcome_seq IS NOT NULL", unique=True),
)

refund_history = sa.Table(
    "refund_history",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("refund_id", Id, nullable=False),
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("upstream_reference", sa.String(255)),
    sa.Column("failure_code", sa.String(64)),
    sa.Column("failure_detail", sa.String(500)),
    sa.Column("actor", sa.String(200), nullable=False),  # `worker`, or the caller who resolved or retried it
    sa.Column("recorded_at", Instant, nullable=False),
    one_of("status", RefundStatus),
    sa.Index("history_of_refund", "refund_id", "id"),
)

hook_events = sa.Table(
    "hook_events",
    metadata,
    sa.Column("source", sa.String(16), primary_key=True),  # the route that it came by
    sa.Column("event_id", sa.String(255), primary_key=True),  # the sender's, the same over all attempts
    sa.Column("received_at", Instant, nullable=False),
    sa.Index("hook_events_by_age", "received_at"),
)

checks = sa.Table(
    "checks",
    metadata,
    sa.Column("name", sa.String(16), primary_key=True),  # `books`: the only one
    sa.Column("due_at", Instant, nullable=False),
    sa.Column("checked_at", Instant),
    sa.Column("violations", sa.JSON, nullable=False),  # rows that break a rule, by its code
)
