"""Which columns hold something of a person: of clients, of staff, or of nobody.

Each column that can hold a text is in one of the three, so that a new one is thought of: a test
holds this page against the tables, and `docs/privacy.md` against this page.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class OnErasure(StrEnum):
    """What becomes of a column when its client is erased."""

    REMOVED = "removed"
    HASHED = "hashed"  # with a key: what is the same can be told, and nobody read
    KEPT = "kept"  # ids and codes, without which the books would not add up


_REMOVED, _HASHED, _KEPT = OnErasure.REMOVED, OnErasure.HASHED, OnErasure.KEPT

# `table.column`.
OF_CLIENTS: Final[Mapping[str, OnErasure]] = MappingProxyType(
    {
        "clients.id": _KEPT,
        "clients.name": _REMOVED,
        "clients.email": _REMOVED,
        "clients.language": _REMOVED,
        "client_erasures.client_id": _KEPT,
        "hashed_addresses.hash": _KEPT,
        "retention_walks.after_client": _KEPT,
        "former_contacts.client_id": _REMOVED,
        "former_contacts.name": _REMOVED,
        "former_contacts.email": _REMOVED,
        "bookings.client_id": _KEPT,
        "payment_lines.payment_id": _KEPT,
        "payment_lines.account_id": _KEPT,
        "ceilings.subject_id": _KEPT,
        "job_goodwill.client_id": _KEPT,
        "job_overrides.note": _REMOVED,
        "choices.client_id": _KEPT,
        "choices.form": _KEPT,
        "refunds.client_id": _KEPT,
        "refunds.payment_id": _KEPT,
        "refunds.account_id": _KEPT,
        "refunds.upstream_reference": _KEPT,
        "refunds.failure_code": _KEPT,
        "refunds.failure_detail": _REMOVED,
        "refund_history.upstream_reference": _KEPT,
        "refund_history.failure_code": _KEPT,
        "refund_history.failure_detail": _REMOVED,
        "messages.addressee": _KEPT,
        "messages.facts": _REMOVED,
        "messages.recipient": _REMOVED,
        "messages.detail": _REMOVED,
        "messages.early_words": _REMOVED,
        "suppressed_addresses.address": _HASHED,
        "webhook_events.payload": _REMOVED,
        "webhook_attempts.response": _REMOVED,
    }
)

# Who works for a business, teaches, or administers: who did what stays, as evidence.
OF_STAFF: Final = frozenset(
    {
        "platform_keys.name",
        "api_keys.name",
        "client_erasures.requested_by",
        "retention_settings.set_by",
        "jobs.requested_by",
        "jobs.messages",
        "jobs.reason",
        "job_actions.actor",
        "job_actions.actor_id",
        "job_actions.note",
        "evidence_links.facts",
        "job_approvals.asked_by",
        "refund_history.actor",
        "sessions.instructor",
        "job_sessions.instructor",
        "messages.addressee",
        "message_settings.document",
        "message_settings.set_by",
        "message_templates.set_by",
        "terms_history.set_by",
        "approval_limits.set_by",
        "public_pages.set_by",
        "administration.actor",
        "administration.actor_id",
        "administration.address",
        "administration.subject",
        "administration.before",
        "administration.after",
        "ended_sign_ins.subject",
        "ended_sign_ins.sid",
        "businesses.suspended_because",
    }
)

_OF_NOBODY: Final[Mapping[str, str]] = {
    "businesses": "id name timezone currency stripe_account stripe_key_sealed"
    " payments_token_sealed credits_token_sealed address_key_sealed",
    "platform_keys": "prefix secret_hash",
    "call_budgets": "account",
    "call_rates": "account phase state awake",
    "api_keys": (
        "business_id prefix secret_hash scopes role locations idempotency_key request_fingerprint"
    ),
    "old_key_secrets": "business_id secret_hash",
    "clients": "business_id",
    "client_erasures": "business_id counts",
    "retention_settings": "business_id document",
    "retention_counts": "business_id",
    "retention_walks": "business_id",
    "hashed_addresses": "business_id because",
    "former_contacts": "business_id",
    "jobs": "business_id idempotency_key request_fingerprint status terms totals traceparent",
    "terms_history": "business_id document",
    "job_overrides": "business_id booking_id action return_as",
    "sessions": "business_id id name timezone location search_text status",
    "deleted_sessions": "business_id id",
    "bookings": "business_id id session_id status",
    "payment_lines": "business_id booking_id method currency",
    "job_sessions": "session_id business_id outcome session_name session_timezone"
    " session_starts_local location",
    "choices": "business_id",
    "job_goodwill": "business_id session_id booking_id per",
    "refunds": "business_id session_id booking_id returned_as method currency kept_by status"
    " upstream",
    "ceilings": "business_id method booking_id currency",
    "job_claims": "business_id method",
    "refund_history": "business_id status",
    "hook_events": "source event_id",
    "checks": "name violations progress",
    "plan_checks": "business_id",
    "schema_needs": "name revision",
    "administration": "business_id actor_kind request_id action",
    "ended_sign_ins": "business_id",
    "approval_limits": "business_id document",
    "job_approvals": "business_id plan_digest totals exceeded",
    "job_actions": "action business_id plan_digest",
    "evidence_heads": "business_id head",
    "evidence_links": "business_id history hash",
    "messages": "business_id kind status because",
    "message_settings": "business_id",
    "message_templates": "business_id language subject body",
    "suppressed_addresses": "business_id because",
    "public_pages": "business_id document logo_type logo logo_tag",
    "webhook_endpoints": "business_id url description event_types status disabled_because",
    "webhook_secrets": "business_id secret",
    "webhook_events": "business_id type",
    "webhook_deliveries": "business_id status",
    "webhook_attempts": "business_id error",
}
OF_NOBODY: Final = frozenset(
    f"{table}.{column}" for table, columns in _OF_NOBODY.items() for column in columns.split()
)
