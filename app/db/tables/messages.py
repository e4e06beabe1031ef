"""Messages to clients and staff, as rows, and what businesses set of them.

A message's facts are frozen when its first try claims it, and tell the same at every try. One of a
client is told again, as the next edition, when what it said has changed.
"""

import sqlalchemy as sa

from app.db.core.dialect import Id, Instant
from app.db.tables import MAX_CALLER_NAME, created_at, metadata, one_of, partial
from app.domain.statuses import MessageKind, MessageStatus

MAX_ADDRESS = 320
MAX_DETAIL = 500

messages = sa.Table(
    "messages",
    metadata,
    sa.Column("id", Id, primary_key=True),  # UUIDv7, and the left part of its Message-ID
    sa.Column("business_id", sa.ForeignKey("businesses.id"), nullable=False),
    sa.Column("job_id", sa.ForeignKey("jobs.id"), nullable=False),
    sa.Column("kind", sa.String(8), nullable=False),
    # Who is told: a client's id, or the address of one of the staff.
    sa.Column("addressee", sa.String(MAX_ADDRESS), nullable=False),
    sa.Column("edition", sa.Integer, nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("because", sa.String(64)),  # why it was suppressed, refused or given up
    # When it is sent, or tried next; of a client whose refunds are under way: when the time is up.
    sa.Column("due_at", Instant),
    sa.Column("epoch", sa.Integer, nullable=False, default=0),  # raised by every claim: the fence
    sa.Column("tries", sa.Integer, nullable=False, default=0),
    # NULL: not begun, so that whatever becomes true meanwhile is in it.
    sa.Column("facts", sa.JSON(none_as_null=True)),
    sa.Column("composed_at", Instant),  # and the Date that it bears at each try
    sa.Column("recipient", sa.String(MAX_ADDRESS)),  # the address of its last try
    sa.Column("detail", sa.String(MAX_DETAIL)),  # what the relay answered last
    created_at(),
    sa.Column("sent_at", Instant),
    # What was said of it before it was known to be sent: `LaterSaid`s, until that is recorded.
    sa.Column("early_words", sa.JSON(none_as_null=True)),
    # Long after it was made nothing says any more what it said, and where it went.
    sa.Column("forgotten_at", Instant),
    one_of("kind", MessageKind),
    one_of("status", MessageStatus),
    sa.CheckConstraint("edition > 0", name="editions_from_1"),
    sa.CheckConstraint("(status = 'pending') = (due_at IS NOT NULL)", name="pending_ones_are_due"),
    sa.CheckConstraint("(facts IS NULL) = (composed_at IS NULL)", name="composed_when"),
    sa.CheckConstraint(
        "status NOT IN ('sent', 'bounced') OR sent_at IS NOT NULL AND facts IS NOT NULL",
        name="sent_when",
    ),
    sa.Index("one_message_per_edition", "job_id", "kind", "addressee", "edition", unique=True),
    sa.Index("messages_of_job", "job_id", "id"),
    partial("messages_due", "business_id", "due_at", "id", where="due_at IS NOT NULL"),
    partial(
        "messages_to_forget",
        "business_id",
        "created_at",
        where="kind = 'client' AND forgotten_at IS NULL",
    ),
)

# What a business says of its messages; without a row: nobody is told.
message_settings = sa.Table(
    "message_settings",
    metadata,
    sa.Column("business_id", sa.ForeignKey("businesses.id"), primary_key=True),
    sa.Column("document", sa.JSON, nullable=False),
    sa.Column("set_by", sa.String(MAX_CALLER_NAME), nullable=False),
    sa.Column("set_at", Instant, nullable=False),
)

# A business's own words, for one language.
message_templates = sa.Table(
    "message_templates",
    metadata,
    sa.Column("business_id", sa.ForeignKey("businesses.id"), primary_key=True),
    sa.Column("language", sa.String(8), primary_key=True),
    sa.Column("subject", sa.Text),  # Jinja; NULL: the service's
    sa.Column("body", sa.Text),
    sa.Column("set_by", sa.String(MAX_CALLER_NAME), nullable=False),
    sa.Column("set_at", Instant, nullable=False),
)

# Addresses that take nothing, of one business: a relay or a mailbox said so, for good.
suppressed_addresses = sa.Table(
    "suppressed_addresses",
    metadata,
    sa.Column("business_id", sa.ForeignKey("businesses.id"), primary_key=True),
    sa.Column("address", sa.String(MAX_ADDRESS), primary_key=True),  # in lower case
    sa.Column("because", sa.String(64), nullable=False),
    sa.Column("message_id", Id),  # the one that came back
    created_at("since"),
)
