"""What people or strangers write fits its column on both databases, or is refused at the door.

SQLite takes any length, and PostgreSQL none beyond the column's: what only SQLite takes would be a
500 in production.
"""

from enum import StrEnum

import httpx
import pytest
from pydantic import TypeAdapter

from app.api.cancellations import cancellation_bodies, refund_bodies
from app.api.webhooks import webhook_bodies
from app.auth import keys
from app.cli.businesses import _MAX_NAME
from app.config.settings import Settings
from app.db import tables
from app.db.access import businesses
from app.db.tables import MAX_CALLER_NAME, refund_history
from app.db.tables import webhooks as webhook_tables
from app.domain.fields import PlatformId
from app.domain.texts.display_text import MAX_CHARACTERS
from app.main import create_app
from app.queue import LocalQueue
from app.schedule.load import import_file

MAX_ZONE = 64
WEEK = {"date_from": "2027-01-04", "date_to": "2027-01-10", "session_ids": "all"}
SESSION = (
    b'{"type":"session","id":"s","name":"Yoga",'
    b'"starts_at":"2027-01-04T09:00:00Z","ends_at":"2027-01-04T10:00:00Z"}\n'
)


def longest(model, field):
    """What the door of a body's member lets in."""
    said = model.model_json_schema()["properties"][field]
    return max(one["maxLength"] for one in (said, *said.get("anyOf", ())) if "maxLength" in one)


def longest_id():
    (length,) = {one for one in range(1, 300) if _is_id("x" * one) and not _is_id("x" * (one + 1))}
    return length


def _is_id(text):
    try:
        TypeAdapter(PlatformId).validate_python(text)
    except ValueError:
        return False
    return True


def of(words: type[StrEnum]):
    return max(map(len, words))


DOORS = {
    "api_keys.name": _MAX_NAME,
    "businesses.name": _MAX_NAME,
    "jobs.requested_by": len("key:") + _MAX_NAME,
    "refund_history.actor": len("key:") + _MAX_NAME,
    "jobs.reason": longest(cancellation_bodies.CancellationRequest, "reason"),
    "sessions.name": MAX_CHARACTERS,
    "sessions.location": MAX_CHARACTERS,
    "sessions.instructor": MAX_CHARACTERS,
    "clients.name": MAX_CHARACTERS,
    "job_sessions.session_name": MAX_CHARACTERS,
    "job_sessions.location": MAX_CHARACTERS,
    "job_sessions.instructor": MAX_CHARACTERS,
    "webhook_endpoints.description": longest(webhook_bodies.EndpointRequest, "description"),
    "webhook_endpoints.url": longest(webhook_bodies.EndpointRequest, "url"),
    "refunds.upstream_reference": longest(refund_bodies.ResolveRequest, "reference"),
    "refund_history.upstream_reference": longest(refund_bodies.ResolveRequest, "reference"),
    "refunds.failure_detail": longest(refund_bodies.ResolveRequest, "note"),
    "refund_history.failure_detail": longest(refund_bodies.ResolveRequest, "note"),
}


@pytest.mark.parametrize("column", DOORS)
def test_no_door_is_wider_than_the_column_behind_it(column):
    table, name = column.split(".")
    assert (
        DOORS[column] <= webhook_tables.webhook_endpoints.metadata.tables[table].c[name].type.length
    )


def test_every_column_of_a_platform_s_id_is_as_wide_as_an_id():
    length = longest_id()
    for table in webhook_tables.webhook_endpoints.metadata.sorted_tables:
        for column in table.columns:
            if column.name in {
                "business_id",
                "session_id",
                "booking_id",
                "client_id",
                "payment_id",
                "account_id",
            }:
                assert (
                    getattr(column.type, "length", None) in {None, length} or column.foreign_keys
                ), column


@pytest.fixture
async def key(db):
    async with db.write() as conn:
        await businesses.create(conn, "studio", "S" * _MAX_NAME, "UTC", "EUR")
    assert not (await import_file(db, "studio", [SESSION])).errors
    return await keys.create_key(db, "studio", "k" * _MAX_NAME, list(keys.Scope))


async def test_a_key_of_the_longest_name_cancels_and_is_named_whole(db, key):
    app = create_app(Settings(), database=db, queue=LocalQueue())
    headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": "i" * 255}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://api", headers=headers
    ) as http:
        accepted = await http.post("/v1/bulk-cancellations", json=WEEK | {"reason": "r" * 500})
        assert accepted.status_code == 202, accepted.text
        assert accepted.json()["requested_by"] == "key:" + "k" * _MAX_NAME
        audit = await http.get(f"/v1/bulk-cancellations/{accepted.json()['id']}/audit.csv")
        assert "key:" + "k" * _MAX_NAME in audit.text
        for longer in ({"reason": "r" * 501}, {"session_ids": ["s" * 129]}):
            refused = await http.post(
                "/v1/bulk-cancellations", json=WEEK | longer, headers={"Idempotency-Key": "another"}
            )
            assert refused.status_code == 422


def test_what_acts_on_a_refund_fits_its_history():
    assert (
        tables.jobs.c.requested_by.type.length
        == refund_history.c.actor.type.length
        == MAX_CALLER_NAME
    )
    assert len("key:") + _MAX_NAME <= MAX_CALLER_NAME
