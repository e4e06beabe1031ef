"""Every status that a row may have, and the groups that rules go by."""

from enum import StrEnum
from typing import Final


class SessionStatus(StrEnum):
    """What a class session is."""

    SCHEDULED = "scheduled"
    CANCELLED = "cancelled"


class BookingStatus(StrEnum):
    """What a booking is; only `booked` and `checked_in` take a place."""

    BOOKED = "booked"
    WAITLISTED = "waitlisted"
    CHECKED_IN = "checked_in"
    LATE_CANCELLED = "late_cancelled"
    NO_SHOW = "no_show"
    CANCELLED = "cancelled"


class JobStatus(StrEnum):
    """Where a bulk cancellation is; the last four are ends (a retry starts one again)."""

    AWAITING_APPROVAL = "awaiting_approval"
    HELD = "held"
    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    COMPLETED_WITH_FAILURES = "completed_with_failures"
    WITHDRAWN = "withdrawn"
    REFUSED = "refused"


class JobAction(StrEnum):
    """What a person or a key did to a job as a whole; `expired`: nobody did anything in time."""

    APPROVED = "approved"
    REFUSED = "refused"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


class SessionOutcome(StrEnum):
    """What became of a session that a request chose."""

    ACCEPTED = "accepted"
    ALREADY_IN_PROCESS = "already_in_process"
    ALREADY_CANCELLED = "already_cancelled"


class RefundStatus(StrEnum):
    """Where a refund is; `due_at` says whether a machine will still touch it.

    `replaced`: it was refused, and the line's next leg is to return it in another form or amount.
    """

    PENDING = "pending"
    SUBMITTED = "submitted"
    INDETERMINATE = "indeterminate"
    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    REJECTED = "rejected"
    SKIPPED = "skipped"
    RESOLVED = "resolved"
    REPLACED = "replaced"


# Those that a machine still goes on with, unless it has given one up; and those that only a person
# changes.
OPEN: Final = frozenset(
    {
        RefundStatus.PENDING,
        RefundStatus.SUBMITTED,
        RefundStatus.INDETERMINATE,
        RefundStatus.PROCESSING,
    }
)
FINAL: Final = frozenset(RefundStatus) - OPEN
# Those that are a person's, once no machine goes on with them.
NEEDS_A_PERSON: Final = frozenset(
    {RefundStatus.REJECTED, RefundStatus.INDETERMINATE, RefundStatus.PROCESSING}
)

# Jobs that rest until a person does something.
JOB_NEEDS_A_PERSON: Final = frozenset(
    {JobStatus.AWAITING_APPROVAL, JobStatus.COMPLETED_WITH_FAILURES}
)

# The failure code of a withdrawn job's lines.
WITHDRAWN_LINE = "withdrawn"
# The failure code of a line that a person gives up: nothing of it came back.
WAIVED = "waived"
# The failure code of what an upstream says is refunded, and not by this refund.
ALREADY_REFUNDED = "already_refunded"
# The failure code of a line where another line's refund has returned all that was paid.
ALREADY_REFUNDED_HERE = "already_refunded_here"
# The failure code of a refund of a payment that was never captured: it can be let go.
NOT_CAPTURED = "not_captured"
# The failure code of a leg whose upstream does not offer its form.
FORM_NOT_SUPPORTED = "form_not_supported"
# The failure code of a leg that was made after its refusal, when another leg had followed.
RETURNED_TWICE = "returned_twice"


class Method(StrEnum):
    """How a payment line was paid; `none` stands for a booking with nothing to return."""

    PAYMENT = "payment"
    CREDIT = "credit"
    NONE = "none"


class RefundForm(StrEnum):
    """In which form a leg comes back; `goodwill` is on top of all lines."""

    ORIGINAL = "original"
    STORE_CREDIT = "store_credit"
    VOID = "void"  # the payment was never captured: its authorisation is let go
    GOODWILL = "goodwill"


# Those that the credits service makes, whatever was paid with.
OF_CREDITS: Final = (RefundForm.STORE_CREDIT, RefundForm.GOODWILL)


def upstream_of(method: Method, form: RefundForm) -> Method:
    """The upstream that a refund in this form is asked of, by its method."""
    return Method.CREDIT if form in OF_CREDITS else method


# Who may have a refund look again after a success, as its history names them.
REOPENED_BY: Final = "hook:stripe"


class ChoiceStatus(StrEnum):
    """Where a client's choice of a form is.

    `waiting`: the cancellation may still be withdrawn, or its refunds are being written.
    """

    WAITING = "waiting"
    OPEN = "open"
    CHOSEN = "chosen"
    OVER = "over"


IN_PROCESS = (
    JobStatus.AWAITING_APPROVAL,
    JobStatus.HELD,
    JobStatus.QUEUED,
    JobStatus.RUNNING,
)
TAKES_A_PLACE = (BookingStatus.BOOKED, BookingStatus.CHECKED_IN)
# Settled by every job; and those that only a job with terms settles: before, the client is out.
COUNTED: Final = (BookingStatus.BOOKED, BookingStatus.WAITLISTED, BookingStatus.CHECKED_IN)
COUNTED_BY_TERMS: Final = (*COUNTED, BookingStatus.LATE_CANCELLED, BookingStatus.NO_SHOW)


class EndpointStatus(StrEnum):
    """Whether an endpoint is sent events."""

    ENABLED = "enabled"
    DISABLED = "disabled"


class DisabledBecause(StrEnum):
    """Why an endpoint is disabled."""

    BY_HAND = "by_hand"
    GONE = "gone"  # it answered 410
    FAILING = "failing"  # nothing has succeeded for days


class DeliveryStatus(StrEnum):
    """Where one event is on its way to one endpoint.

    `due_at` says when it is tried next.
    """

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


class KeyStatus(StrEnum):
    """Whether an API key opens anything."""

    IN_FORCE = "in_force"
    EXPIRED = "expired"
    REVOKED = "revoked"


class MessageKind(StrEnum):
    """Whom a message is for; `approval`: staff are asked for one."""

    CLIENT = "client"
    STAFF = "staff"
    APPROVAL = "approval"


class MessageStatus(StrEnum):
    """Where a message is; only a `pending` one has a `due_at`.

    `sent`: a relay has taken it. `bounced`: it came back since. `suppressed`: it was not sent, as
    its client has no address, wants none or can't be reached. `failed`: refused, or given up.
    """

    PENDING = "pending"
    SENT = "sent"
    BOUNCED = "bounced"
    SUPPRESSED = "suppressed"
    FAILED = "failed"


class SuppressedBecause(StrEnum):
    """Why a message is not sent."""

    NO_ADDRESS = "no_address"
    OPTED_OUT = "opted_out"
    UNREACHABLE = "unreachable"  # the address took nothing before
    COMPLAINED = "complained"  # its reader called one of this business's messages spam
    DELETED = "deleted"  # the client is no longer in the schedule
