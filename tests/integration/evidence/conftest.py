"""What tests of evidence ask for: a job that has ended, its audit and its proof."""

import json
from dataclasses import dataclass

import pytest
import sqlalchemy as sa
from worlds.records import booking, client, session
from worlds.studio import Studio

from app.config.settings import Settings
from app.domain.nouns.evidence import TYP, AuditProof
from app.signatures import document_of, keys_of


@pytest.fixture
def settings(database_url, tmp_path):
    return Settings(
        database_url=database_url,
        secrets_file=tmp_path / "secrets.key",
        evidence_file=tmp_path / "evidence.key",
        upstream_timeout_seconds=20,  # a busy machine is no sick upstream
        upstream_quiescence_seconds=0,
        lease_seconds=30,
        concurrency=8,
    )


@dataclass
class Ended:
    """A studio, and its job that has ended with a refund refused."""

    studio: Studio
    job_id: str

    @property
    def path(self):
        return f"/v1/bulk-cancellations/{self.job_id}"

    async def signed(self):
        """The proof as it is handed out."""
        answer = await self.studio.http.get(f"{self.path}/audit.proof")
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def proven(self):
        """What is proven, by the keys that anybody is given."""
        keys = keys_of((await self.studio.http.get("/v1/evidence/keys")).json())
        document, _ = document_of(await self.signed(), keys, typ=TYP)
        return AuditProof.of(document)

    async def kept(self, folder):
        """The audit, its proof and the keys, as files of somebody's."""
        files = {
            "audit.csv": (await self.studio.audit(self.job_id)).content,
            "audit.proof": json.dumps(await self.signed()).encode(),
            "keys.json": (await self.studio.http.get("/v1/evidence/keys")).content,
        }
        for name, content in files.items():
            (folder / name).write_bytes(content)
        return [str(folder / name) for name in files]


@pytest.fixture
async def ended(studio):
    await studio.load(
        client("kim", name='Kim "K", Li', email="kim@example.org"),
        client("lee"),
        session("yoga"),
        session("empty"),
        booking("paid", "yoga", ("CAD", 2000)),
        booking("closed", "yoga", ("CAD", 1500)),
        booking("left", "yoga", ("CAD", 700)),
        booking("credits", "yoga", ("credits", 2)),
        booking("hers", "yoga", ("CAD", 900), client_id="lee"),
    )
    await studio.faults(refuse_ids={"closed-payment-1": "refund_window_expired"})
    job = await studio.accepted(
        "all",
        reason="=1+1",
        messages={"clients": "email"},
        overrides=[{"booking_id": "left", "action": "skip", "note": "As Kim asked, 2x."}],
    )
    await studio.work(job["id"])
    return Ended(studio, job["id"])


@pytest.fixture
async def without_guards(db):
    """Whoever can write to the tables can take their triggers away, too."""
    async with db.write() as conn:
        if db.is_postgresql:
            await conn.execute(sa.text("SET LOCAL lock_timeout = '30s'"))
            for table in ("refund_history", "refunds", "evidence_links", "evidence_heads"):
                await conn.execute(sa.text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
            return
        names = sa.text("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        for name in (await conn.execute(names)).scalars().all():
            await conn.execute(sa.text(f'DROP TRIGGER "{name}"'))
