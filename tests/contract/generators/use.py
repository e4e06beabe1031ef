"""What the Python client of openapi-generator is used for, as `week.ts` has it for TypeScript."""

import datetime as dt
import json
import os

import openapi_client

configuration = openapi_client.Configuration(host=os.environ["API"], access_token=os.environ["KEY"])
date_from, date_to = (dt.date.fromisoformat(os.environ[name]) for name in ("FROM", "TO"))
with openapi_client.ApiClient(configuration) as client:
    request = openapi_client.CancellationRequest(
        date_from=date_from, date_to=date_to, session_ids=openapi_client.SessionIds("all")
    )
    plan = openapi_client.CancellationsApi(client).plan_bulk_cancellation(request)
    page = openapi_client.ScheduleApi(client).list_sessions(
        date_from=str(date_from), date_to=str(date_to), limit=200
    )
    assert openapi_client.WebhooksApi(client).list_webhook_endpoints().data == []
print(json.dumps({"refunds": plan.totals.refunds, "sessions": len(page.data)}))
