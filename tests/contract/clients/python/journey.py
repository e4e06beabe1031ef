"""The journey by the Python client: plan, cancel, poll, refunds, webhooks.

It prints what it saw; the test judges.
"""

import datetime as dt
import json
import os
import time
from http import HTTPStatus
from typing import TypeVar

from bulk_cancel_client import AuthenticatedClient
from bulk_cancel_client.api.cancellations import (
    create_bulk_cancellation,
    get_bulk_cancellation,
    list_bulk_cancellation_refunds,
    plan_bulk_cancellation,
)
from bulk_cancel_client.api.webhooks import (
    create_webhook_endpoint,
    delete_webhook_endpoint,
    get_webhook_delivery,
    get_webhook_endpoint,
    send_test_event,
)
from bulk_cancel_client.models import (
    AcceptedJob,
    CancellationRequest,
    CancellationRequestSessionIdsType1,
    DeliveryDetail,
    DeliveryStatus,
    EndpointRequest,
    EndpointWithSecret,
    JobDetail,
    JobStatus,
    PageRefund,
    Plan,
    Refund,
    WebhookEndpointTest,
)
from bulk_cancel_client.types import UNSET

T = TypeVar("T")
ALL = CancellationRequestSessionIdsType1.ALL
_PAUSE_SECONDS = 0.1
_ENDS = {JobStatus.COMPLETED, JobStatus.COMPLETED_WITH_FAILURES, JobStatus.WITHDRAWN}

client = AuthenticatedClient(os.environ["API"], os.environ["KEY"], raise_on_unexpected_status=True)


def the(kind: type[T], answer: object) -> T:
    """The answer, which must be of this kind and no problem."""
    assert isinstance(answer, kind), answer
    return answer


def followed(job_id: str) -> tuple[JobDetail, int]:
    """The job once it has ended, and how many polls were answered that nothing had changed."""
    etag, unchanged = "", 0
    while True:
        answer = get_bulk_cancellation.sync_detailed(
            job_id, client=client, if_none_match=etag or UNSET
        )
        if answer.status_code == HTTPStatus.NOT_MODIFIED:
            unchanged += 1
        else:
            job = the(JobDetail, answer.parsed)
            assert etag != answer.headers["etag"], "the same state was sent twice"
            etag = answer.headers["etag"]
        if job.status in _ENDS and unchanged:
            return job, unchanged
        time.sleep(_PAUSE_SECONDS)


def refunds_of(job_id: str) -> list[Refund]:
    """All of them, a page at a time."""
    found: list[Refund] = []
    cursor: str | None = None
    while True:
        after = UNSET if cursor is None else cursor
        answer = list_bulk_cancellation_refunds.sync(job_id, client=client, limit=200, cursor=after)
        page = the(PageRefund, answer)
        found += page.data
        cursor = page.next_cursor
        if cursor is None:
            return found


def delivered(endpoint_id: str, event_id: str) -> DeliveryDetail:
    """The delivery once the endpoint has taken it."""
    while True:
        answer = get_webhook_delivery.sync(endpoint_id, event_id, client=client)
        delivery = the(DeliveryDetail, answer)
        if delivery.status is DeliveryStatus.DELIVERED:
            return delivery
        time.sleep(_PAUSE_SECONDS)


def week(plan_digest: str | None = None) -> CancellationRequest:
    """All sessions of the week, as they were planned."""
    date_from, date_to = (dt.date.fromisoformat(os.environ[name]) for name in ("FROM", "TO"))
    return CancellationRequest(date_from, date_to, ALL, plan_digest=plan_digest, reason="Snow day")


plan = the(Plan, plan_bulk_cancellation.sync(client=client, body=week()))
first = create_bulk_cancellation.sync_detailed(
    client=client, body=week(plan.digest), idempotency_key="python"
)
job_id = the(AcceptedJob, first.parsed).id
again = create_bulk_cancellation.sync_detailed(
    client=client, body=week(plan.digest), idempotency_key="python"
)
job, unchanged = followed(job_id)
refunds = refunds_of(job_id)

new = EndpointRequest(os.environ["HOOK"], description="The journey")
endpoint = the(EndpointWithSecret, create_webhook_endpoint.sync(client=client, body=new))
sent = the(DeliveryDetail, send_test_event.sync(endpoint.id, client=client))
delivery = delivered(endpoint.id, sent.event_id)
event = the(WebhookEndpointTest, delivery.payload)
delete_webhook_endpoint.sync_detailed(endpoint.id, client=client)
gone = get_webhook_endpoint.sync_detailed(endpoint.id, client=client)

facts = {
    "planned": {"refunds": plan.totals.refunds, "credits": plan.totals.credits_},
    "cancelled": [first.status_code, first.headers.get("idempotent-replayed")],
    "replayed": [
        again.status_code,
        again.headers.get("idempotent-replayed"),
        the(AcceptedJob, again.parsed).id == job_id,
    ],
    "status": job.status,
    "was_unchanged": unchanged > 0,
    "refunds": {refund.id: refund.status for refund in refunds},
    "credits": sum(refund.credits_ or 0 for refund in refunds),
    "event": [delivery.event_id, event.type_, event.data.endpoint_id == endpoint.id],
    "answered": [attempt.status_code for attempt in delivery.attempts],
    "secret": endpoint.secret,
    "after_deletion": gone.status_code,
}
print(json.dumps(facts))
