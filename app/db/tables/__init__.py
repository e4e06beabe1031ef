"""The whole schema on a page; what is beside jobs and the schedule is on pages of its own.

What a row may be is said by CHECKs and unique indexes, not by the code that writes it. Three things
hold the promise here: one live claim of a session over all jobs (`one_live_acceptance`), one refund
per leg of a payment line over all jobs (`one_refund_per_leg`), and no more claimed of a payment, or
of an account for one booking, than was paid (`never_more_than_was_paid`). Every key starts with the
business it belongs to.
"""

from enum import StrEnum
from typing import Any, Final

import sqlalchemy as sa

from app.db.core.dialect import Id, Instant, now
from app.domain.owed.goodwill import GoodwillPer
from app.domain.owed.terms import OverrideAction
from app.domain.statuses import (
    WITHDRAWN_LINE,
    BookingStatus,
    JobStatus,
    Method,
    RefundForm,
    RefundStatus,
    SessionOutcome,
    SessionStatus,
)

# Stripe's own ids of refunds, which its thin events name.
AT_STRIPE = "substr(upstream_reference, 1, 3) IN ('re_', 'pyr')"
NOT_WITHDRAWN = f"status <> 'skipped' OR coalesce(failure_code, '') <> '{WITHDRAWN_LINE}'"

# Value and gifts are the credits service's to make.
_UPSTREAM_OF = "CASE WHEN returned_as IN ('store_credit', 'goodwill') THEN 'credit' ELSE method END"

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


MAX_CALLER_NAME: Final = 255  # `key:` and the name of a key (200), or whoever else acts


def partial(name: str, *columns: Any, where: str, unique: bool = False) -> sa.Index:
    """An index of some of the rows, in both databases."""
    return sa.Index(
        name, *columns, unique=unique, postgresql_where=sa.text(where), sqlite_where=sa.text(where)
    )


def of_business() -> sa.Column[Any]:
    """Whose row it is, beside the parent that says it too: nothing is joined to know it.

    NULL: an older build wrote the row, before `bulk-cancel database isolate` (ADR 0033).
    """
    return sa.Column("business_id", sa.String(128))


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
    # Where its payments by Stripe are: at a connected account, or at one of its own; neither: at
    # the platform's.
    sa.Column("stripe_account", sa.String(255)),
    sa.Column("stripe_key_sealed", sa.Text),
    # What comes back with the refund of a destination charge at the platform's own account.
    sa.Column("stripe_reverse_transfer", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("stripe_refund_fee", sa.Boolean, nullable=False, server_default=sa.false()),
    # Its own tokens at the upstreams of our own contracts; none: the platform's speaks for it.
    sa.Column("payments_token_sealed", sa.Text),
    sa.Column("credits_token_sealed", sa.Text),
    # The most that a line of a booking may have: a slip of the platform's is not given back by
    # millions.
    sa.Column("credits_per_line", sa.Integer, nullable=False, server_default="1000"),
    # While it is, its callers are refused; what was accepted goes on. The reason is told to them.
    sa.Column("suspended_at", Instant),
    sa.Column("suspended_because", sa.String(500)),
    # What addresses of erased clients are hashed with; none: there is no such hash.
    sa.Column("address_key_sealed", sa.Text),
    sa.CheckConstraint("length(currency) = 3", name="currency_is_iso_4217"),
    sa.CheckConstraint(
        "stripe_account IS NULL OR stripe_key_sealed IS NULL", name="at_one_stripe_account"
    ),
    sa.CheckConstraint("credits_per_line BETWEEN 1 AND 1000000000", name="credits_per_line_from_1"),
)

# Keys of operators: they belong to no business, and open nothing that is in one.
platform_keys = sa.Table(
    "platform_keys",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("prefix", sa.String(16), nullable=False, unique=True),
    sa.Column("secret_hash", sa.String(64), nullable=False),
    sa.Column("name", sa.String(200), nullable=False),
    created_at(),
    sa.Column("expires_at", Instant),  # NULL: never
    sa.Column("revoked_at", Instant),
)

# Kept under its first name: older builds run beside this one while it is upgraded.
rate_limits = sa.Table(
    "call_budgets",
    metadata,
    # Whose calls the upstream counts together.
    sa.Column("account", sa.String(255), primary_key=True),
    # Calls that may be made at once; below nought: made beyond the rate.
    sa.Column("calls", sa.Double, nullable=False),
    sa.Column("granted", sa.Integer, nullable=False),  # to who asked last
    sa.Column("counted_at", Instant, nullable=False),
)

call_rates = sa.Table(
    "call_rates",
    metadata,
    # At which upstream, and whose calls it counts together.
    sa.Column("account", sa.String(320), primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False),  # how often it was written
    sa.Column("told_at", Instant, nullable=False),
    sa.Column("phase", sa.String(16), nullable=False),
    sa.Column("per_second", sa.Double, nullable=True),  # calls, as they were measured last
    sa.Column("state", sa.Text, nullable=False),  # JSON: all that is known of the rate
    # JSON: when each worker told last, of those that call.
    sa.Column("awake", sa.Text, nullable=False),
)

api_keys = sa.Table(
    "api_keys",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("business_id", sa.ForeignKey("businesses.id"), nullable=False),
    sa.Column("prefix", sa.String(16), nullable=False, unique=True),
    # SHA-256 of 256 random bits: nothing to slow down.
    sa.Column("secret_hash", sa.String(64), nullable=False),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("scopes", sa.Text, nullable=False),  # space-separated, as in RFC 6749 §3.3
    # Whose scopes it has instead; of one that a build doesn't know it has none there.
    sa.Column("role", sa.String(16)),
    sa.Column("locations", sa.Text),  # a JSON list of those that it is limited to; NULL: to none
    created_at(),
    sa.Column("expires_at", Instant),  # NULL: never
    sa.Column("last_used_at", Instant),  # within a few minutes
    sa.Column("revoked_at", Instant),
    # Of the request that made it; NULL: a command did.
    sa.Column("idempotency_key", sa.String(255)),
    sa.Column("request_fingerprint", sa.String(64)),
    sa.Index("api_keys_of_business", "business_id", "id"),
    partial(
        "one_key_per_request",
        "business_id",
        "idempotency_key",
        where="idempotency_key IS NOT NULL",
        unique=True,
    ),
)

# Secrets that a key had before its current one, each until its own end.
old_key_secrets = sa.Table(
    "old_key_secrets",
    metadata,
    sa.Column("key_id", sa.ForeignKey("api_keys.id"), primary_key=True),
    sa.Column("secret_hash", sa.String(64), primary_key=True),
    sa.Column("ends_at", Instant, nullable=False),
    of_business(),
)

clients = sa.Table(
    "clients",
    metadata,
    sa.Column("business_id", sa.ForeignKey("businesses.id"), primary_key=True),
    sa.Column("id", sa.String(128), primary_key=True),
    sa.Column("name", sa.String(200)),  # not known of all
    sa.Column("email", sa.String(320)),
    sa.Column("deleted_at", Instant),  # gone from the schedule; kept for the audits that name them
    sa.Column("language", sa.String(35)),  # BCP 47; NULL: the business's
    sa.Column("wants_no_mail", sa.Boolean, nullable=False, server_default=sa.false()),
    # When the client stopped their mail by their own link; no import and no PUT says otherwise.
    sa.Column("mail_stopped_at", Instant),
    # Nothing says who they are any more; no import and no PUT says it again.
    sa.Column("erased_at", Instant),
    # The last day on which an import or a PUT named them, to within a day; NULL: not known.
    sa.Column("seen_at", Instant),
)

jobs = sa.Table(
    "jobs",
    metadata,
    # UUIDv7: its milliseconds are those of every refund id of the job.
    sa.Column("id", Id, primary_key=True),
    sa.Column("business_id", sa.ForeignKey("businesses.id"), nullable=False),
    sa.Column("idempotency_key", sa.String(255), nullable=False),
    sa.Column("request_fingerprint", sa.String(64), nullable=False),
    sa.Column("status", sa.String(32), nullable=False),
    sa.Column("date_from", sa.Date, nullable=False),
    sa.Column("date_to", sa.Date, nullable=False),
    sa.Column("reason", sa.String(500)),
    sa.Column("include_attended", sa.Boolean, nullable=False),
    # Which of the policies says what it returns: that of its acceptance. A process of before names
    # none: the first.
    sa.Column("policy", sa.SmallInteger, nullable=False, server_default="1"),
    # The terms that say it instead: the business's and the request's own, as they were at
    # acceptance. NULL: the policy alone. And which of the business's those were.
    sa.Column("terms", sa.JSON(none_as_null=True)),
    sa.Column("terms_version", sa.Integer),
    sa.Column("hold_until", Instant),
    sa.Column("requested_by", sa.String(MAX_CALLER_NAME), nullable=False),
    sa.Column("requested_at", Instant, nullable=False),
    sa.Column("started_at", Instant),
    sa.Column("finished_at", Instant),
    # When a sweep must look at the job, whoever was woken: the hold's end, a slice's heartbeat, the
    # next refund due.
    sa.Column("due_at", Instant),
    sa.Column("accepted_sessions", sa.Integer, nullable=False),
    # The sessions at positions below this have their refund rows.
    sa.Column("expanded_sessions", sa.Integer, nullable=False, default=0),
    sa.Column("totals", sa.JSON, nullable=False),  # what was promised, as the plan counts it
    # The last number given to a final outcome.
    sa.Column("outcome_seq", sa.BigInteger, nullable=False, default=0),
    # Raised by every change of what is shown of the job, but for claims of its refunds: those are
    # in `job_claims`.
    sa.Column("version", sa.BigInteger, nullable=False, server_default="0"),
    # Who is told, when and what, frozen at acceptance; NULL: nobody.
    sa.Column("messages", sa.JSON(none_as_null=True)),
    # When somebody else approved it; NULL: nobody has, or nobody need (`job_approvals`).
    sa.Column("approved_at", Instant),
    # Long after its end it names nobody any more.
    sa.Column("forgotten_at", Instant),
    # The acceptance's span (w3.org/TR/trace-context), which its slices' belong to; NULL: none.
    sa.Column("traceparent", sa.String(55)),
    one_of("status", JobStatus),
    sa.CheckConstraint("date_from <= date_to", name="range_runs_forward"),
    sa.CheckConstraint("expanded_sessions <= accepted_sessions", name="expansion_within"),
    sa.CheckConstraint("status <> 'held' OR hold_until IS NOT NULL", name="held_until_when"),
    sa.CheckConstraint(
        "(due_at IS NULL) = (status IN ('completed', 'completed_with_failures', 'withdrawn', "
        "'refused'))",
        name="open_jobs_are_due",
    ),
    # Not a refund's row before an approval: each chunk of them is counted here in its commit.
    sa.CheckConstraint(
        "status NOT IN ('awaiting_approval', 'refused') "
        "OR expanded_sessions = 0 AND approved_at IS NULL",
        name="nothing_before_approval",
    ),
    sa.Index("one_job_per_key", "business_id", "idempotency_key", unique=True),
    sa.Index("jobs_newest_first", "business_id", "id"),
    partial("jobs_due", "due_at", where="due_at IS NOT NULL"),
    partial("jobs_awaiting_approval", "business_id", where="status = 'awaiting_approval'"),
    # A check of the books reads those that have ended since the last one.
    sa.Index("jobs_by_end", "finished_at"),
    partial(
        "jobs_to_forget",
        "business_id",
        "finished_at",
        where="finished_at IS NOT NULL AND forgotten_at IS NULL",
    ),
)

# Each version of a business's terms; the last is in force.
terms_history = sa.Table(
    "terms_history",
    metadata,
    sa.Column("business_id", sa.ForeignKey("businesses.id"), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("document", sa.JSON, nullable=False),
    sa.Column("set_by", sa.String(MAX_CALLER_NAME), nullable=False),
    sa.Column("set_at", Instant, nullable=False),
    sa.CheckConstraint("version > 0", name="versions_from_1"),
)

# What a request said of single bookings or lines, whatever the terms say.
job_overrides = sa.Table(
    "job_overrides",
    metadata,
    sa.Column("job_id", sa.ForeignKey("jobs.id"), primary_key=True),
    sa.Column("booking_id", sa.String(128), primary_key=True),
    # 0: the whole booking.
    sa.Column("line_no", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("action", sa.String(8), nullable=False),
    sa.Column("amount_minor", sa.BigInteger),  # NULL: the whole line
    sa.Column("note", sa.String(500), nullable=False),
    sa.Column("return_as", sa.String(16)),  # NULL: as the terms have it
    of_business(),
    one_of("action", OverrideAction),
    sa.CheckConstraint(
        "return_as IS NULL OR return_as IN ('original', 'store_credit') AND action = 'return'",
        name="returns_in_a_form",
    ),
    sa.CheckConstraint(
        "amount_minor IS NULL OR amount_minor > 0 AND line_no > 0 AND action = 'return'",
        name="returns_a_part_of_a_line",
    ),
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
    # The name without case and accents.
    sa.Column("search_text", sa.Text, nullable=False, server_default=""),
    sa.Column("status", sa.String(16), nullable=False, default=SessionStatus.SCHEDULED),
    sa.Column("job_id", sa.ForeignKey("jobs.id")),
    sa.Column("cancelled_at", Instant),
    # Raised by every change that calendars must take up (RFC 5545 §3.8.7.4), in the statement that
    # makes the change.
    sa.Column("revision", sa.Integer, nullable=False, server_default="0"),
    sa.Column("changed_at", Instant, default=now()),
    one_of("status", SessionStatus),
    sa.CheckConstraint("starts_at < ends_at", name="ends_after_start"),
    sa.CheckConstraint("capacity >= 0", name="capacity_counts"),
    sa.CheckConstraint(
        "(status = 'cancelled') = (cancelled_at IS NOT NULL)", name="cancelled_when"
    ),
    # By a job of ours, or without one by the platform itself.
    sa.CheckConstraint("status = 'cancelled' OR job_id IS NULL", name="cancelled_by_whom"),
    sa.Index("sessions_in_start_order", "business_id", "starts_at", "id"),
    partial("sessions_of_job", "job_id", where="job_id IS NOT NULL"),
)

# What calendars were last told of sessions that are gone: one that is made anew under the same id
# goes on from there.
deleted_sessions = sa.Table(
    "deleted_sessions",
    metadata,
    sa.Column("business_id", sa.ForeignKey("businesses.id"), primary_key=True),
    sa.Column("id", sa.String(128), primary_key=True),
    sa.Column("revision", sa.Integer, nullable=False),
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
(method = 'payment' AND payment_id IS NOT NULL AND amount_minor IS NOT NULL AND amount_minor >= 0
 AND currency IS NOT NULL AND length(currency) = 3 AND account_id IS NULL AND credits IS NULL)
OR (method = 'credit' AND account_id IS NOT NULL AND credits IS NOT NULL AND credits >= 0
 AND payment_id IS NULL AND amount_minor IS NULL AND currency IS NULL)
"""

payment_lines = sa.Table(
    "payment_lines",
    metadata,
    sa.Column("business_id", sa.String(128), primary_key=True),
    sa.Column("booking_id", sa.String(128), primary_key=True),
    # From 1, in the platform's order.
    sa.Column("line_no", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("method", sa.String(8), nullable=False),
    sa.Column("payment_id", sa.String(128)),
    # It may be 0, and so may `credits`: the platform names a line that cost nothing.
    sa.Column("amount_minor", sa.BigInteger),
    sa.Column("currency", sa.String(3)),
    sa.Column("account_id", sa.String(128)),
    sa.Column("credits", sa.BigInteger),
    sa.ForeignKeyConstraint(["business_id", "booking_id"], ["bookings.business_id", "bookings.id"]),
    sa.CheckConstraint("line_no > 0", name="counted_from_one"),
    sa.CheckConstraint(_PAID_BY_ONE_MEANS, name="paid_by_one_means"),
    partial("lines_of_payment", "business_id", "payment_id", where="payment_id IS NOT NULL"),
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
    # Those settled here; counted when the session's refund rows are written.
    sa.Column("bookings", sa.Integer),
    # Withdrawn, or gone from the schedule: the session's id may be chosen again.
    sa.Column("released_at", Instant),
    # As it was at acceptance: the audit tells what was cancelled, whatever the schedule says later.
    sa.Column("session_name", sa.String(200), nullable=False),
    sa.Column("session_starts_at", Instant, nullable=False),
    sa.Column("session_ends_at", Instant),
    sa.Column("session_timezone", sa.String(64), nullable=False),
    # What the clocks of that zone show, by the rules of then.
    sa.Column("session_starts_local", sa.String(19)),
    sa.Column("location", sa.String(200)),
    sa.Column("instructor", sa.String(200)),
    one_of("outcome", SessionOutcome),
    sa.CheckConstraint(
        "(outcome = 'accepted') = (position IS NOT NULL)", name="accepted_have_a_place"
    ),
    sa.CheckConstraint("position < 1048575", name="position_fits_refund_id"),
    sa.Index("job_sessions_in_order", "job_id", "seq", unique=True),
    partial(
        "job_sessions_by_position", "job_id", "position", where="position IS NOT NULL", unique=True
    ),
    partial(
        "one_live_acceptance",
        "business_id",
        "session_id",
        where="outcome = 'accepted' AND released_at IS NULL",
        unique=True,
    ),
)

# For which bookings a job gives credits on top, as its acceptance chose them.
job_goodwill = sa.Table(
    "job_goodwill",
    metadata,
    sa.Column("job_id", Id, primary_key=True),
    sa.Column("session_id", sa.String(128), primary_key=True),
    sa.Column("booking_id", sa.String(128), primary_key=True),
    sa.Column("client_id", sa.String(128), nullable=False),
    sa.Column("per", sa.String(8), nullable=False),
    of_business(),
    sa.ForeignKeyConstraint(
        ["job_id", "session_id"], ["job_sessions.job_id", "job_sessions.session_id"]
    ),
    one_of("per", GoodwillPer),
    partial("one_goodwill_per_client", "job_id", "client_id", where="per = 'client'", unique=True),
)

# On top of all lines: credits for a client, of no payment and no account.
_GOODWILL: Final = """returned_as = 'goodwill' AND line_no = -1 AND leg = 1 AND method = 'credit'
 AND credits IS NOT NULL AND credits > 0 AND kept_credits = 0 AND account_id IS NULL
 AND payment_id IS NULL AND amount_minor IS NULL AND currency IS NULL"""

refunds = sa.Table(
    "refunds",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("business_id", sa.String(128), nullable=False),
    sa.Column("job_id", Id, nullable=False),
    sa.Column("session_id", sa.String(128), nullable=False),
    sa.Column("booking_id", sa.String(128), nullable=False),
    sa.Column("client_id", sa.String(128), nullable=False),
    # 0: the booking has nothing to return; -1: goodwill, on top of all its lines.
    sa.Column("line_no", sa.Integer, nullable=False),
    # Of a line, from 1: the next one follows a recorded refusal, in another form or amount.
    sa.Column("leg", sa.Integer, nullable=False, server_default="1"),
    sa.Column(
        "returned_as", sa.String(16), nullable=False, server_default=RefundForm.ORIGINAL.value
    ),
    sa.Column("method", sa.String(8), nullable=False),
    sa.Column("payment_id", sa.String(128)),
    sa.Column("amount_minor", sa.BigInteger),
    sa.Column("currency", sa.String(3)),
    sa.Column("account_id", sa.String(128)),
    sa.Column("credits", sa.BigInteger),
    # What of the line's sum is not returned, and the rule that keeps it: what was paid is both
    # together.
    sa.Column("kept_amount_minor", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("kept_credits", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("kept_by", sa.String(64)),
    sa.Column("status", sa.String(16), nullable=False),
    # The upstream that it is asked of, by its method.
    sa.Column("upstream", sa.String(8), nullable=False, server_default=Method.PAYMENT.value),
    # Another leg has followed: whatever is heard of this one later, the line goes on there.
    sa.Column("followed", sa.Boolean, nullable=False, server_default=sa.false()),
    # When a machine must next touch the row: pending: send it; submitted: the lease's end;
    # indeterminate and processing: look it up. NULL: no machine will, the outcome is final or a
    # person's to decide.
    sa.Column("due_at", Instant),
    sa.Column("epoch", sa.Integer, nullable=False, default=0),  # raised by every claim: the fence
    # Calls that may have had an effect.
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    # Raised by a recorded refusal only.
    sa.Column("key_generation", sa.Integer, nullable=False, default=0),
    sa.Column("upstream_reference", sa.String(255)),
    sa.Column("failure_code", sa.String(64)),
    sa.Column("failure_detail", sa.String(500)),
    sa.Column("outcome_seq", sa.BigInteger),
    sa.Column("first_due_at", Instant),  # from when its retry deadline counts
    sa.Column("settled_at", Instant),
    # When a look-up was requested by an upstream's hook, until one begins. The name is kept: older
    # builds run beside this one while it is upgraded.
    sa.Column("hinted_at", Instant),
    # What a person says came back elsewhere; NULL: all of it.
    sa.Column("resolved_amount_minor", sa.BigInteger),
    # Until when the credits were to be used, before and after: where their service says so.
    sa.Column("expires_before", Instant),
    sa.Column("expires_after", Instant),
    # Until when its client may choose the form; NULL: nobody was asked. And what is given on top to
    # who has chosen store credit: nobody has paid it, so no ceiling counts it.
    sa.Column("choose_until", Instant),
    sa.Column("bonus_minor", sa.BigInteger, nullable=False, server_default="0"),
    sa.ForeignKeyConstraint(
        ["job_id", "session_id"], ["job_sessions.job_id", "job_sessions.session_id"]
    ),
    one_of("status", RefundStatus),
    one_of("returned_as", RefundForm),
    sa.CheckConstraint(
        "leg BETWEEN 1 AND 8 AND (leg = 1 OR method = 'payment')", name="legs_of_a_payment"
    ),
    sa.CheckConstraint(
        "returned_as IN ('original', 'goodwill') OR method = 'payment'",
        name="value_instead_of_money",
    ),
    sa.CheckConstraint(
        f"({_PAID_BY_ONE_MEANS}) AND line_no > 0 AND returned_as <> 'goodwill' "
        f"OR method = 'none' AND line_no = 0 AND status = 'skipped' OR {_GOODWILL}",
        name="returns_one_line",
    ),
    sa.CheckConstraint(
        "method = 'none' OR coalesce(amount_minor, credits) > 0 "
        "OR status = 'skipped' AND kept_by IS NOT NULL",
        name="returns_something_or_keeps_all",
    ),
    sa.CheckConstraint(
        "kept_amount_minor >= 0 AND kept_credits >= 0 "
        "AND (method = 'payment' OR kept_amount_minor = 0) "
        "AND (method = 'credit' OR kept_credits = 0)",
        name="keeps_of_its_line",
    ),
    sa.CheckConstraint(
        "(kept_by IS NULL) = (kept_amount_minor = 0 AND kept_credits = 0)", name="kept_by_a_rule"
    ),
    sa.CheckConstraint(f"upstream = {_UPSTREAM_OF}", name="asked_of_its_upstream"),
    sa.CheckConstraint("status <> 'replaced' OR followed", name="replaced_by_a_leg"),
    sa.CheckConstraint(
        "choose_until IS NULL OR method = 'payment' AND leg = 1", name="chosen_of_a_payment"
    ),
    sa.CheckConstraint(
        "bonus_minor = 0 OR bonus_minor > 0 AND returned_as = 'store_credit' "
        "AND choose_until IS NOT NULL",
        name="bonus_of_a_choice",
    ),
    sa.CheckConstraint(
        "(due_at IS NULL) = (outcome_seq IS NOT NULL)", name="final_ones_are_numbered"
    ),
    sa.CheckConstraint(
        "status NOT IN ('pending', 'submitted') OR due_at IS NOT NULL", name="open_ones_are_due"
    ),
    sa.CheckConstraint(
        "status NOT IN ('succeeded', 'rejected', 'skipped', 'resolved', 'replaced') "
        "OR due_at IS NULL",
        name="final_ones_rest",
    ),
    sa.CheckConstraint("(settled_at IS NULL) = (outcome_seq IS NULL)", name="settled_when"),
    # Lines of a withdrawn job are kept for its audit only, and don't stand in the way of another
    # job's.
    partial(
        "one_refund_per_leg",
        "business_id",
        "booking_id",
        "line_no",
        "leg",
        where=NOT_WITHDRAWN,
        unique=True,
    ),
    sa.Index("refunds_of_job", "job_id", "status", "id"),
    sa.Index("refunds_of_client", "job_id", "client_id", "id"),
    partial(
        "refunds_due",
        "job_id",
        "upstream",
        "due_at",
        "id",
        where="due_at IS NOT NULL",
    ),
    partial(
        "refunds_in_outcome_order",
        "job_id",
        "outcome_seq",
        where="outcome_seq IS NOT NULL",
        unique=True,
    ),
    partial("goodwill_of_job", "job_id", where="line_no < 0"),
    partial("asked_of_job", "job_id", "client_id", where="choose_until IS NOT NULL"),
    partial("refunds_of_payment", "business_id", "payment_id", where="payment_id IS NOT NULL"),
    partial("refunds_at_stripe", "upstream_reference", where=AT_STRIPE),
)

# In which form a client chose to have back what a job returns to them: once, and for all of it.
choices = sa.Table(
    "choices",
    metadata,
    sa.Column("job_id", sa.ForeignKey("jobs.id"), primary_key=True),
    sa.Column("client_id", sa.String(128), primary_key=True),
    sa.Column("form", sa.String(16), nullable=False),
    sa.Column("chosen_at", Instant, nullable=False),
    of_business(),
    sa.CheckConstraint("form IN ('original', 'store_credit')", name="form_is_offered"),
)

# What may be given back, and what refund rows have claimed of it: of one payment over all its
# bookings (`booking_id` is empty), or to one account for one booking (`currency` is empty). What
# was claimed stays so, whatever came of it.
ceilings = sa.Table(
    "ceilings",
    metadata,
    sa.Column("business_id", sa.String(128), primary_key=True),
    sa.Column("method", sa.String(8), primary_key=True),
    sa.Column("subject_id", sa.String(128), primary_key=True),  # the payment or the account
    sa.Column("booking_id", sa.String(128), primary_key=True),
    sa.Column("currency", sa.String(3), primary_key=True),
    # The most that the schedule has named at one time.
    sa.Column("paid", sa.BigInteger, nullable=False),
    sa.Column("claimed", sa.BigInteger, nullable=False),
    sa.CheckConstraint("claimed BETWEEN 0 AND paid", name="never_more_than_was_paid"),
    sa.CheckConstraint(
        "method = 'payment' AND booking_id = '' AND currency <> '' "
        "OR method = 'credit' AND booking_id <> '' AND currency = ''",
        name="of_one_means",
    ),
)

# How often refunds of a job were claimed: the part of its version that a claim raises. Not on the
# job's row, which an expansion locks for as long as it writes a chunk: the calls that are under way
# would have nothing to go on with.
job_claims = sa.Table(
    "job_claims",
    metadata,
    sa.Column("job_id", Id, primary_key=True),
    sa.Column("method", sa.String(8), primary_key=True),
    sa.Column("claims", sa.BigInteger, nullable=False),
    of_business(),
    sa.CheckConstraint("claims > 0", name="claimed_so_far"),
)

refund_history = sa.Table(
    "refund_history",
    metadata,
    sa.Column(
        "id",
        sa.BigInteger().with_variant(sa.Integer, "sqlite"),
        primary_key=True,
        autoincrement=True,
    ),
    sa.Column("refund_id", Id, nullable=False),
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("upstream_reference", sa.String(255)),
    sa.Column("failure_code", sa.String(64)),
    sa.Column("failure_detail", sa.String(500)),
    # `worker`, or the caller who resolved or retried the refund.
    sa.Column("actor", sa.String(MAX_CALLER_NAME), nullable=False),
    sa.Column("recorded_at", Instant, nullable=False),
    sa.Column("resolved_amount_minor", sa.BigInteger),
    of_business(),
    one_of("status", RefundStatus),
    sa.Index("history_of_refund", "refund_id", "id"),
)

hook_events = sa.Table(
    "hook_events",
    metadata,
    sa.Column("source", sa.String(16), primary_key=True),  # the route that it came by
    # The sender's, the same over all attempts.
    sa.Column("event_id", sa.String(255), primary_key=True),
    sa.Column("received_at", Instant, nullable=False),
    sa.Index("hook_events_by_age", "received_at"),
)

checks = sa.Table(
    "checks",
    metadata,
    sa.Column("name", sa.String(16), primary_key=True),  # `books` or `chains`
    sa.Column("due_at", Instant, nullable=False),
    sa.Column("checked_at", Instant),
    sa.Column("violations", sa.JSON, nullable=False),  # rows that break a rule, by its code
    sa.Column("progress", sa.JSON),  # how far the walk through all chains has come; NULL: it ended
)

# Who checks a plan of a business, and until when nobody else may.
plan_checks = sa.Table(
    "plan_checks",
    metadata,
    sa.Column("business_id", sa.ForeignKey("businesses.id"), primary_key=True),
    sa.Column("checker", Id, nullable=False),
    sa.Column("leased_until", Instant, nullable=False),
)

# The revision that a build must know to run on this schema: the last that was not additive
# (docs/upgrading.md).
schema_needs = sa.Table(
    "schema_needs",
    metadata,
    sa.Column("name", sa.String(16), primary_key=True),
    sa.Column("revision", sa.String(32), nullable=False),
)
