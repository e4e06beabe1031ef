"""Every type of problem that a caller can be told.

Each has its words, its members beyond RFC 9457's, and what to do about it. The document's examples
and the pages at `/problems/<slug>` come from here; a test holds what the code raises to it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class ProblemType:
    """One type, with an example of it.

    `detail` and `members` are the example's, `why` and `todo` are sentences for a person.
    """

    slug: str
    status: int
    title: str
    why: str
    todo: str
    detail: str
    members: Mapping[str, Any] = field(default_factory=dict)

    def example(self) -> dict[str, Any]:
        """A whole problem document of this type."""
        head = {
            "type": f"/problems/{self.slug}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        }
        return {**head, **self.members}


_JOB: Final = "019aab00-0000-7000-8000-000000000001"
_TOTALS: Final = {
    "sessions": 2,
    "bookings": 3,
    "clients": 3,
    "refunds": 3,
    "amounts": [{"currency": "CAD", "amount_minor": 6000}],
    "credits": 0,
    "nothing_to_return": 0,
    "kept_amounts": [],
    "kept_credits": 0,
    "kept": [],
    "store_credits": [],
    "goodwill": {"grants": 0, "credits": 0},
}
_TOTALS_REF: Final = {"$ref": "#/components/schemas/Totals"}
_NULL: Final = {"type": "null"}
_STRING_OR_NULL: Final = {"anyOf": [{"type": "string"}, _NULL]}
# The members that problems have beside those of RFC 9457 and `errors`, as JSON Schema.
MEMBERS: Final[Mapping[str, Mapping[str, Any]]] = {
    "scope": {"type": "string", "description": "The scope that is missing."},
    "limit_bytes": {"type": "integer", "description": "The largest body that is taken here."},
    "limit_values": {"type": "integer", "description": "The most values that a body may hold."},
    "request_id": {"type": "string", "description": "Under which the fault was logged."},
    "session_id": {"type": "string", "description": "The session that stands in the way."},
    "job_id": _STRING_OR_NULL
    | {
        "description": (
            "The bulk cancellation that stands in the way; null where the platform itself "
            "cancelled."
        )
    },
    "key_id": {"type": "string", "description": "The key that the first request made."},
    "job_status": {"type": "string", "description": "What the bulk cancellation is."},
    "refund_status": {"type": "string", "description": "What the refund is."},
    "smtp_code": {
        "anyOf": [{"type": "integer"}, _NULL],
        "description": "What the mail server answered (RFC 5321); null: nothing.",
    },
    "form": {
        "type": "string",
        "enum": ["original", "store_credit"],
        "description": "In which form it comes back.",
    },
    "sessions": {
        "type": "array",
        "description": "Each chosen session and the bulk cancellation that has it.",
        "items": {
            "type": "object",
            "properties": {
                "session_id": {"type": "string"},
                "outcome": {"type": "string"},
                "job_id": _STRING_OR_NULL,
            },
        },
    },
    "planned": {
        "anyOf": [_TOTALS_REF, _NULL],
        "description": "The plan's totals; null where its digest doesn't tell them.",
    },
    "now": _TOTALS_REF | {"description": "The totals as they are now."},
    "plan_digest": {"type": "string", "description": "The digest of the plan as it would be now."},
    "changes": {
        "type": "array",
        "description": "What has come, gone, moved or changed since the plan, the first of it.",
        "items": {
            "type": "object",
            "properties": {
                "change": {"type": "string", "enum": ["moved", "changed", "came", "went"]},
                "session_id": _STRING_OR_NULL
                | {"description": "Null where days are told, of many sessions."},
                "day": _STRING_OR_NULL,
                "members": {
                    "type": "array",
                    "items": {
                        "type": "string",
                        "enum": ["times", "name", "place", "outcome", "bookings"],
                    },
                },
                "name": _STRING_OR_NULL
                | {"description": "The session's name, where it is still there."},
            },
        },
    },
    "change_count": {"type": "integer", "description": "How many such changes there are."},
}
_TYPES: Final = (
    ProblemType(
        "malformed-body",
        400,
        "The body could not be read",
        "The body is not JSON, is not UTF-8, is nested too deep or holds a number too long.",
        "Send JSON. The detail says at which character reading ended.",
        "The body is not JSON: Expecting value (at character 0).",
    ),
    ProblemType(
        "broken-gzip",
        400,
        "The gzip file is broken",
        "The file is truncated or damaged. Nothing of it was read in.",
        "Make the file again and send it whole.",
        "The file is truncated or damaged, and nothing of it was read in.",
    ),
    ProblemType(
        "idempotency-key-missing",
        400,
        "The Idempotency-Key header is missing",
        "Without a key a request that is sent twice could not be told from two requests.",
        (
            "Send a header Idempotency-Key of 1 to 255 characters: new for each thing that is "
            "asked for, the same for each try."
        ),
        (
            "Send a header Idempotency-Key of 1 to 255 characters, new for each thing that is "
            "asked for, the same for each try."
        ),
    ),
    ProblemType(
        "logout-token-invalid",
        400,
        "The logout token is not valid",
        (
            "It is not signed by the identity provider, not for this service's client, not of this "
            "time, or no logout (OpenID Connect Back-Channel Logout 1.0)."
        ),
        "Check the client's id and the address of its back channel at the identity provider.",
        "Its claim events names no back-channel logout.",
    ),
    ProblemType(
        "unauthenticated",
        401,
        "A valid API key or access token is needed",
        (
            "There is no Authorization header, its key is unknown, revoked or expired, or its "
            "access token is not one that is taken now."
        ),
        (
            "Send Authorization: Bearer bck_… with a key of your business (`bulk-cancel keys "
            "create` prints one), or with an access token of the identity provider that is "
            "configured here."
        ),
        "This API key is unknown, has been revoked or has expired.",
    ),
    ProblemType(
        "hook-signature-invalid",
        401,
        "The signature is not valid",
        "A hook must be signed with the secret that both sides know, and be of this time.",
        "Check the secret and the sender's clock. The event may be sent again.",
        (
            "Sign as Standard Webhooks 1.0.0 says, with the secret that both sides know and the "
            "time of sending."
        ),
    ),
    ProblemType(
        "missing-scope",
        403,
        "The key lacks a scope",
        "The key is known, but was made without the scope that this call needs.",
        "Use a key with the scope that is named; `bulk-cancel keys create --scope` makes one.",
        "This call needs the scope schedule:write.",
        {"scope": "schedule:write"},
    ),
    ProblemType(
        "no-access",
        403,
        "This account has no access here",
        "The access token is good, but names no business that is known here, or no role in it.",
        "Who manages accounts at the identity provider gives it a business and a role.",
        "Your account has no role here. Who manages it can give it one.",
    ),
    ProblemType(
        "business-suspended",
        403,
        "The business is suspended",
        (
            "Its operator has put the business out of service: nothing of it is shown, and nothing "
            "new is taken. What was accepted before goes on, and is given back."
        ),
        "Ask the operator of this service, who can let the business in again.",
        "Its operator has suspended this business: unpaid since May",
    ),
    ProblemType(
        "no-business",
        403,
        "The caller belongs to no business",
        "Who has `platform:admin` stands above businesses, and sees nothing that is in one.",
        "Use a key of the business for what is in it.",
        "This caller looks after businesses. What is in one is for callers of that business.",
    ),
    ProblemType(
        "not-found",
        404,
        "Not found",
        "There is no such thing, or it is another business's: the two answers are the same.",
        "Check the id, and whose key it is (`GET /v1/business`).",
        "There is no such session.",
    ),
    ProblemType(
        "sign-in-not-configured",
        404,
        "Nobody signs in here",
        "No identity provider is configured, so none can say that somebody has signed out.",
        "Set BULK_CANCEL_JWT_ISSUER, or take this address out at the identity provider.",
        "No identity provider is configured: BULK_CANCEL_JWT_ISSUER is not set.",
    ),
    ProblemType(
        "hooks-not-configured",
        404,
        "Hooks are not configured",
        "The secret by which hooks of this kind are checked is not set.",
        (
            "The operator sets BULK_CANCEL_HOOKS_SECRET, or BULK_CANCEL_STRIPE_HOOKS_SECRET for "
            "Stripe's."
        ),
        "No hooks are taken here: BULK_CANCEL_HOOKS_SECRET is not set.",
    ),
    ProblemType(
        "method-not-allowed",
        405,
        "Method not allowed",
        "There is something at this address, but it does not take this method.",
        "Use a method of those that the Allow header names.",
        "This address does not take that method.",
    ),
    ProblemType(
        "request-timeout",
        408,
        "The request took too long",
        (
            "The body, or the next part of it, did not come in time; or an import took longer than "
            "is allowed."
        ),
        (
            "Send it again, over a better connection or in parts. An import keeps the lines that "
            "were read in."
        ),
        "The body did not come in time. Nothing was done; send it again.",
    ),
    ProblemType(
        "sessions-already-in-process",
        409,
        "The sessions are already in process",
        (
            "Every chosen session is in another bulk cancellation or was cancelled before, so none "
            "is left to cancel."
        ),
        "Look at the bulk cancellations that are named: what was to be done is being done there.",
        "Every chosen session is already in process or cancelled.",
        {"sessions": [{"session_id": "s1", "outcome": "already_in_process", "job_id": _JOB}]},
    ),
    ProblemType(
        "own-request",
        403,
        "Nobody approves their own request",
        (
            "Above a limit of the business two are needed: one who asks, and another who approves. "
            "Who makes or rotates a key may act as it, so a key and its maker are one here."
        ),
        "Have it approved by somebody else, or withdraw it.",
        "You have asked for it: somebody else approves it. You can withdraw it.",
    ),
    ProblemType(
        "not-awaiting-approval",
        409,
        "The bulk cancellation does not await an approval",
        "It needed none, somebody has decided already, or its time to be approved is over.",
        "Read it again. What was refused or has expired can be asked for anew.",
        "It is refused.",
        {"job_status": "refused"},
    ),
    ProblemType(
        "plan-changed",
        409,
        "The plan has changed",
        (
            "Sessions, bookings or amounts differ from what the plan with this digest saw, so "
            "nothing was cancelled."
        ),
        "Plan again, look at what it says now, and send its digest.",
        "The bookings are not the plan's any more. Plan again.",
        {
            "planned": _TOTALS,
            "now": _TOTALS | {"clients": 4},
            "plan_digest": "digest of the plan as it is now",
            "changes": [
                {
                    "change": "moved",
                    "session_id": "s1",
                    "day": None,
                    "members": ["times"],
                    "name": "Yoga",
                }
            ],
            "change_count": 1,
        },
    ),
    ProblemType(
        "check-under-way",
        409,
        "Another plan is being checked",
        "A business asks its payment service about one plan at a time, so that refunds go on.",
        "Let the other check end, or end it, and ask again.",
        "The payment service is being asked about another plan of studio. Let that end.",
    ),
    ProblemType(
        "business-time-zone-unknown",
        409,
        "The business has no known time zone",
        (
            "Days are counted in the business's time zone, and its name is none that this service "
            "knows."
        ),
        "The operator gives the business a time zone of the IANA database.",
        (
            "The time zone of this business is not one that this service knows. Its operator must "
            "mend it."
        ),
    ),
    ProblemType(
        "not-on-hold",
        409,
        "The bulk cancellation is not on hold",
        "It had no hold, or its hold has ended, and refunds may have been sent.",
        "It can't be undone any more. Sessions may be scheduled anew under other ids.",
        "Only a job on hold can be withdrawn; this one is running.",
        {"job_status": "running"},
    ),
    ProblemType(
        "not-resolvable",
        409,
        "The refund can't be resolved by hand",
        "The refund is settled, has nothing to return, or a machine is still at work on it.",
        "Wait until it is rejected or without an end. One that has succeeded needs nothing.",
        "It is succeeded; only what no machine is at work on any more, and is not settled, can.",
        {"refund_status": "succeeded"},
    ),
    ProblemType(
        "session-cancelled",
        409,
        "The session is cancelled",
        (
            "A cancelled session takes no booking, and the bookings in it are frozen as they were "
            "when it was cancelled."
        ),
        (
            "Book another session. What became of this one's bookings is in the bulk cancellation "
            "that is named."
        ),
        "Session s1 is cancelled: it takes no booking, and those in it are frozen.",
        {"session_id": "s1", "job_id": _JOB},
    ),
    ProblemType(
        "session-in-process",
        409,
        "The session is in process",
        "A bulk cancellation has the session in hand, and needs its bookings until it has ended.",
        "Delete it when the bulk cancellation that is named has ended.",
        "A bulk cancellation has session s1 in hand. Delete it when that has ended.",
        {"session_id": "s1", "job_id": _JOB},
    ),
    ProblemType(
        "booking-settled",
        409,
        "The booking was settled",
        (
            "The booking was deleted after a bulk cancellation had settled it: under its id it "
            "could be returned twice."
        ),
        "Give a new booking an id of its own.",
        (
            "It was deleted after a bulk cancellation had settled it. Give a new booking an id of "
            "its own."
        ),
        {"job_id": _JOB},
    ),
    ProblemType(
        "client-has-bookings",
        409,
        "The client has bookings",
        "A client whose bookings stand in the schedule can't be deleted.",
        "Delete the bookings first.",
        "Client c1 has bookings in the schedule. Delete those first.",
    ),
    ProblemType(
        "client-erased",
        409,
        "The client was erased",
        "Whoever asked for this client to be erased is not to be brought back by old data.",
        "Give whoever comes back a new id.",
        "Nothing may be known of this client any more. Give whoever comes back a new id.",
    ),
    ProblemType(
        "client-in-process",
        409,
        "Something of the client is in process",
        (
            "Of the client a refund is not at its end, or waits for a person, or a message is "
            "still to be sent: without their name and address it could not be brought to an end."
        ),
        "Wait, and resolve what waits for a person.",
        "Of this client 1 refund waits for a person. Resolve it first.",
    ),
    ProblemType(
        "erasing-not-configured",
        409,
        "Erasing is not configured",
        (
            "The client's address takes no mail, and without a key it can't be kept as a hash: it "
            "would be written to again."
        ),
        "The operator sets BULK_CANCEL_SECRETS_KEY.",
        "The client's address can't be hashed here: BULK_CANCEL_SECRETS_KEY is not set.",
    ),
    ProblemType(
        "hashed-addresses-unreadable",
        409,
        "Hashed addresses can't be read",
        (
            "Addresses of erased clients are kept as hashes, by a key that is encrypted with one "
            "of BULK_CANCEL_SECRETS_KEY, which this process doesn't have."
        ),
        "The operator puts the older key behind the new one in BULK_CANCEL_SECRETS_KEY.",
        (
            "What addresses of erased clients are hashed with can't be opened by any key in "
            "BULK_CANCEL_SECRETS_KEY."
        ),
    ),
    ProblemType(
        "message-pending",
        409,
        "The message is on its way",
        "Only a message that was sent, or rests unsent, can be sent again.",
        "Nothing: it will be sent, or tried again, by itself.",
        "It will be sent, or tried again, by itself.",
    ),
    ProblemType(
        "mail-not-configured",
        409,
        "Mail is not configured",
        "No mail server is named, and nothing keeps mails in its place.",
        "The operator sets BULK_CANCEL_SMTP_URL and BULK_CANCEL_MAIL_FROM.",
        "No mail leaves here: BULK_CANCEL_SMTP_URL is not set.",
    ),
    ProblemType(
        "already-chosen",
        409,
        "The choice was made before",
        "A client chooses once, and has chosen another form.",
        "Show what was chosen. Nobody can change it here; the studio may be asked.",
        "It was chosen that this comes back as store_credit.",
        {"form": "store_credit"},
    ),
    ProblemType(
        "choice-over",
        409,
        "The time to choose is over",
        "Nobody chose in time, and what comes back by itself is under way or due.",
        "Show what stands, which the problem names.",
        "The time to choose is over: it comes back as original.",
        {"form": "original"},
    ),
    ProblemType(
        "choice-not-open",
        409,
        "The choice is not open yet",
        "The cancellation may still be undone, or its refunds are being written.",
        "Ask again later.",
        "The cancellation is being prepared. Ask again a little later.",
    ),
    ProblemType(
        "webhooks-not-configured",
        409,
        "Webhooks are not configured",
        "Endpoints have secrets, and without a key to encrypt them none can be kept.",
        "The operator sets BULK_CANCEL_SECRETS_KEY.",
        "No endpoints can be kept here: BULK_CANCEL_SECRETS_KEY is not set.",
    ),
    ProblemType(
        "evidence-not-configured",
        409,
        "Proofs are not configured",
        "Proofs of audits are signed, and there is no key to sign them with.",
        "The operator sets BULK_CANCEL_EVIDENCE_KEY.",
        "No proof can be signed here: BULK_CANCEL_EVIDENCE_KEY is not set.",
    ),
    ProblemType(
        "too-many-endpoints",
        409,
        "There are too many endpoints",
        "A business may have so many webhook endpoints and no more.",
        "Delete one that is not needed, or have one hear more types.",
        "A business may have 50. Delete one that is not needed, or have one hear more types.",
    ),
    ProblemType(
        "limited-to-locations",
        403,
        "The key is limited to locations",
        (
            "It has sessions of some locations alone, and bulk cancellations of nothing else. What "
            "it asks for is of the whole business, or can't be told apart by location."
        ),
        "Ask with a key that is not limited.",
        "What it asks for is of the whole business.",
    ),
    ProblemType(
        "host-has-not-agreed",
        409,
        "The host has not agreed",
        (
            "Each event goes to each endpoint, so that many at one host are much for it. More than "
            "5 of a business need its word, and it was asked at the URL of the new one."
        ),
        (
            "Have that URL answer OPTIONS by a 2xx whose WebHook-Allowed-Origin is the request's "
            "WebHook-Request-Origin, or *. Or have one of the others hear more types."
        ),
        (
            "A business may have 5 endpoints at a host. For another one the URL must answer "
            "OPTIONS by a 2xx with WebHook-Allowed-Origin."
        ),
    ),
    ProblemType(
        "too-many-secrets",
        409,
        "There are too many secrets",
        (
            "Each secret that was rotated stays in force to its own end, and there are as many as "
            "may be."
        ),
        "Wait until one ends, or end all but the new one by an overlap of 0 seconds.",
        (
            "An endpoint may have 10 in force. Wait until one ends, or end all but the new one by "
            "an overlap of 0 seconds."
        ),
    ),
    ProblemType(
        "too-many-keys",
        409,
        "There are too many keys",
        "A business may have so many keys in force and no more.",
        "Revoke one that is not needed; `last_used_at` tells which.",
        "A business may have 100 in force. Revoke one that is not needed.",
    ),
    ProblemType(
        "key-revoked",
        409,
        "The key is revoked",
        "A key that was revoked is never in force again.",
        "Make another.",
        "It was revoked, for good. Make another.",
    ),
    ProblemType(
        "last-managing-key",
        409,
        "It is the last key that manages keys",
        "Without a key in force that has business:manage, no key could make another.",
        "Make another with business:manage first. The operator's commands can revoke any.",
        "Without it no key could make another. Make one with business:manage first.",
    ),
    ProblemType(
        "endpoint-disabled",
        409,
        "The endpoint is disabled",
        "Nothing is sent to an endpoint that is disabled, by hand or after days of failures.",
        "Enable it first.",
        "Enable it first: nothing is sent to it now.",
    ),
    ProblemType(
        "business-exists",
        409,
        "The business exists",
        "There is a business of this id already.",
        "Choose another id.",
        "There is a business studio already.",
    ),
    ProblemType(
        "body-too-large",
        413,
        "The body is too large",
        "The body is over the limit of this call: of bytes, or of values in its JSON.",
        "Send less at once; an import may be sent in several files.",
        "A body of at most 2097152 bytes is taken here.",
        {"limit_bytes": 2097152},
    ),
    ProblemType(
        "unsupported-media-type",
        415,
        "This type of body is not taken",
        "The Content-Type, or the Content-Encoding, is none that this call takes.",
        "Send what the detail says, and name it in Content-Type.",
        "Send the body as application/json.",
    ),
    ProblemType(
        "unknown-host",
        421,
        "This service has no such name",
        "The request was sent to a name that the operator did not give this service.",
        "Use the address that the operator told you; operators name it in ALLOWED_HOSTS.",
        "The request's Host is none of the names that the operator gave this service.",
    ),
    ProblemType(
        "validation",
        422,
        "The request is not valid",
        "The request was read, but some of its fields, parameters or headers can't be.",
        "Mend each field that `errors` points to. Nothing was changed.",
        "There is no such field here.",
        {
            "errors": [
                {
                    "pointer": "/colour",
                    "code": "extra-forbidden",
                    "detail": "There is no such field here.",
                }
            ]
        },
    ),
    ProblemType(
        "idempotency-key-reused",
        422,
        "This Idempotency-Key was used for another request",
        "A key stands for one request, and it came before with another body.",
        "Use a new key for a new request. What the first request made is named.",
        "The key came before with another body. Use a new key for a new request.",
        {"job_id": _JOB},
    ),
    ProblemType(
        "too-many-requests",
        429,
        "Too many requests",
        (
            "The key, its business, a client's link, or for wrong keys and links the address, has "
            "asked too often: "
            "RateLimit-Policy says which."
        ),
        (
            "Wait as long as Retry-After says. Many records are better sent as one import than one "
            "by one."
        ),
        "At most 2000 requests in 10 seconds are taken here. Try again in 1 s.",
    ),
    ProblemType(
        "too-many-streams",
        429,
        "Too many streams",
        "So many streams, CSVs or imports of this key or business are open that no other begins.",
        "Close those that nobody reads, and try again when Retry-After is over.",
        "At most 100 streams and imports of one key run at once. Let one end, or try again.",
    ),
    ProblemType(
        "internal",
        500,
        "Something went wrong here",
        "The fault is ours. It has been logged under the request_id.",
        (
            "Send the same request again, under the same Idempotency-Key; if that fails, tell the "
            "operator the request_id."
        ),
        "The fault is ours and has been logged under the request_id.",
        {"request_id": "019aab00-0000-7000-8000-000000000009"},
    ),
    ProblemType(
        "issuer-unavailable",
        503,
        "The identity provider can't be reached",
        "An access token can't be checked without the keys of its issuer, which does not answer.",
        "Send the same request again after the seconds that Retry-After says, or use an API key.",
        "Its keys are needed to check this access token. Try again shortly.",
    ),
    ProblemType(
        "mail-refused",
        502,
        "The mail server refused the mail",
        "The mail server was reached, and will not take this mail, whoever sends it again.",
        "See what it says: the address, or the sender, is one that it does not take mail for.",
        "It will not take it: 5.1.1 no such user",
        {"smtp_code": 550},
    ),
    ProblemType(
        "mail-unavailable",
        503,
        "The mail server does not take mail now",
        "The mail server can't be reached, puts mail off, or did not answer in time.",
        "Try again after the seconds that Retry-After says. A test may then come twice.",
        "It is not known to have been sent: time was up before there was a connection",
        {"smtp_code": None},
    ),
    ProblemType(
        "database-unavailable",
        503,
        "The database can't be reached",
        "The database does not answer, so it is not known whether the request was done.",
        (
            "Send the same request again after the seconds that Retry-After says, under the same "
            "Idempotency-Key."
        ),
        "Whether it was done is not known; send the same request again shortly.",
    ),
)
PROBLEM_TYPES: Final[Mapping[str, ProblemType]] = {one.slug: one for one in _TYPES}
