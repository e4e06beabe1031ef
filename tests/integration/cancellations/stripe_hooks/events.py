"""Hooks as Stripe sends them, signed by Stripe's own library, and the payment they are about."""

import datetime as dt
import itertools
import json
import time

from standardwebhooks import Webhook as StandardWebhook
from stripe import WebhookSignature

from app.refunds.slices.run import run_slice

OLD, NEW, WRONG = (f"whsec_{letter * 32}" for letter in "abc")
STANDARD = "whsec_AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="
TYPES = ["refund.created", "refund.updated", "refund.failed", "charge.refund.updated"]
ids = (f"evt_{n}" for n in itertools.count())


async def run(studio, job):
    return await run_slice(studio.runtime, job["id"], seconds=5)


async def payment_of(studio, job):
    [one] = [one for one in await studio.refunds(job["id"]) if one["method"] == "payment"]
    return one


def evt(object_, *, type_="refund.updated", event_id=None):
    """An event as Stripe sends it."""
    head = {
        "id": event_id or next(ids),
        "object": "event",
        "api_version": "2025-04-30.basil",
        "created": 1795413600,
    }
    return json.dumps(
        head | {"type": type_, "livemode": False, "data": {"object": object_}}, indent=2
    )


def signed(body, *, secret=NEW, late_seconds=0):
    """The headers of a hook sent so many seconds ago, signed as Stripe's own library signs."""
    at = int(time.time()) - late_seconds
    signature = WebhookSignature.generate_signature_header(body, secret, timestamp=at)
    return {"content-type": "application/json; charset=utf-8", "stripe-signature": signature}


async def post(studio, body, headers):
    """As Stripe does: without a key of ours."""
    return await studio.http.post(
        "/v1/hooks/stripe", content=body, headers=headers | {"authorization": ""}
    )


async def post_standard(studio, event_id, body):
    """As the other services do: by Standard Webhooks."""
    at = dt.datetime.now(dt.UTC)
    headers = {
        "content-type": "application/json",
        "authorization": "",
        "webhook-id": event_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": StandardWebhook(STANDARD).sign(event_id, at, body),
    }
    return await studio.http.post("/v1/hooks/payments", content=body, headers=headers)


async def hook(studio, object_, **event_):
    body = evt(object_, **event_)
    answer = await post(studio, body, signed(body))
    assert (answer.status_code, answer.content) == (204, b""), answer.text
