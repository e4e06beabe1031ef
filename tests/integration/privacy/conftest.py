"""What tests of personal data ask for: a client of whom something is in every place."""

from dataclasses import dataclass

import pytest
import sqlalchemy as sa
from worlds.records import booking, client, session
from worlds.studio import Studio

from app.config.settings import Settings
from app.db.messages import attempts, claims, later_words
from app.db.messages.attempts import TryRow
from app.db.tables.webhooks import (
    webhook_attempts,
    webhook_deliveries,
    webhook_endpoints,
    webhook_events,
)
from app.domain.nouns.messages import LaterSaid
from app.domain.statuses import MessageStatus

ENDPOINT = "019aab00-0000-7000-8000-000000000003"
MARK = "zebulon"  # in whatever says who the client is, and in nothing else


@pytest.fixture
def settings(database_url, tmp_path):
    return Settings(
        database_url=database_url,
        secrets_file=tmp_path / "secrets.key",
        upstream_timeout_seconds=20,  # a busy machine is no sick upstream
        upstream_quiescence_seconds=0,
        lease_seconds=30,
        concurrency=8,
    )


@dataclass
class Known:
    """A studio, and its job in which Kim had a part."""

    studio: Studio
    job_id: str

    async def marked(self):
        """The tables in which something says who Kim is."""
        async with self.studio.db.read() as conn:
            return {
                table.name
                for table in webhook_events.metadata.sorted_tables
                # As a tuple: a row cuts its long values short when it is shown.
                for row in (await conn.execute(sa.select(table))).all()
                if MARK in repr(tuple(row)).lower()
            }


async def send_all(db):
    """Send what is due of the studio's messages; their ids by addressee."""
    async with db.write() as conn:
        got = await claims.claim(conn, "studio", most=50, lease_seconds=60.0)
        rows = [
            TryRow(
                one.id,
                one.epoch,
                MessageStatus.SENT,
                recipient=one.contact.address,
                detail=f"250 {one.contact.address} queued",
            )
            for one in got.claimed
        ]
        await attempts.record(conn, "studio", rows)
    return {one.addressee: one.id for one in got.claimed}


async def _answer_all(db):
    """Have the endpoint say back what it was told."""
    async with db.write() as conn:
        events = sa.select(webhook_events.c.id, webhook_events.c.payload)
        for event_id, payload in (await conn.execute(events)).all():
            of_event = webhook_deliveries.c.event_id == event_id
            done = sa.update(webhook_deliveries).where(of_event)
            await conn.execute(done.values(status="delivered", due_at=None, epoch=1))
            key = {"endpoint_id": ENDPOINT, "event_id": event_id, "epoch": 1}
            of_try = {"ended_at": sa.func.now(), "status_code": 200, "milliseconds": 1}
            values = {**key, **of_try, "response": payload[:1024]}
            await conn.execute(sa.insert(webhook_attempts).values(values))


@pytest.fixture
async def known(studio):
    async with studio.db.write() as conn:
        await conn.execute(
            sa.insert(webhook_endpoints).values(
                id=ENDPOINT,
                business_id="studio",
                url="https://example.com/hook",
                status="enabled",
            )
        )
    await studio.load(
        client("kim", name="Kim Zebulon", email="Zebulon@example.org", language="fr-CA"),
        client("lee"),
        session("yoga"),
        session("spin"),
        session("next", starts_in_hours=400),
        booking("paid", "yoga", ("CAD", 2000)),
        booking("closed", "yoga", ("CAD", 1500)),
        booking("left", "yoga", ("CAD", 700)),
        booking("credits", "spin", ("credits", 2)),
        booking("hers", "spin", ("CAD", 900), client_id="lee"),
        booking("later", "next", ("CAD", 800)),
    )
    await studio.faults(refuse_ids={"closed-payment-1": "refund_window_expired"})
    job = await studio.accepted(
        ["yoga", "spin"],
        messages={"clients": "email"},
        overrides=[{"booking_id": "left", "action": "skip", "note": "As Zebulon asked."}],
    )
    await studio.work(job["id"])
    (refused,) = await studio.refunds(job["id"], status="rejected")
    path = f"/bulk-cancellations/{job['id']}/refunds/{refused['id']}/resolve"
    resolved = await studio.post(
        path, resolution="refunded_elsewhere", reference="till 12", note="In cash, to Zebulon."
    )
    assert resolved.status_code == 200, resolved.text
    sent = await send_all(studio.db)
    word = LaterSaid(False, "5.1.1", "<zebulon@example.org>: nobody", for_good=True)
    async with studio.db.write() as conn:
        assert await later_words.apply(conn, sent["kim"], word)
    await _answer_all(studio.db)
    # And called otherwise since.
    await studio.load(client("kim", name="Kim Zebulon-Li", email="li.zebulon@example.org"))
    return Known(studio, job["id"])
