"""An audit's proof: signed, of the lines as they go out, and the same after an erasure."""

import asyncio
import io
import re
from hashlib import sha256

import openpyxl
import pytest
import sqlalchemy as sa
from worlds.studio import Audit, Desk, caller

from app.auth.keys import Scope, create_key
from app.db import tables
from app.domain.nouns.administration import COMMAND
from app.privacy import erase
from app.signatures import SigningKeys

OUTSIDE = ("client_name", "client_email", "failure_detail", "override_note", "message_status")
CELL = re.compile(r'"(?:[^"]|"")*"|[^,]*')


def hashes_of(content):
    """The hash of each line as the documents say, by nothing of the app's."""
    header, *lines = content.decode().removesuffix("\r\n").split("\r\n")
    names, before, found = header.split(","), sha256(header.encode()).hexdigest(), []
    for line in lines:
        cells, at = [], 0
        while at <= len(line):
            cell = CELL.match(line, at)
            cells.append(cell[0])
            at = cell.end() + 1
        for name in OUTSIDE:
            cells[names.index(name)] = ""
        before = sha256((before + ",".join(cells[:-1])).encode()).hexdigest()
        found.append(before)
    return found


async def test_each_line_ends_with_the_hash_of_all_up_to_it_and_the_proof_has_the_last(ended):
    audit = await ended.studio.audit(ended.job_id)
    assert audit.columns[-1] == "line_hash"
    assert [line["line_hash"] for line in audit] == hashes_of(audit.content)
    proven = await ended.proven()
    assert (proven.lines, proven.line_hash) == (len(audit), audit[-1]["line_hash"])
    assert (proven.business_id, proven.job_id, proven.final) == ("studio", ended.job_id, True)
    assert proven.status == "completed_with_failures"


async def test_a_proof_says_that_a_job_is_not_at_its_end(studio, ended):
    await studio.session("later", starts_in_hours=200)
    job = await studio.accepted(["later"])
    ended.job_id = job["id"]
    assert not (await ended.proven()).final


@pytest.mark.parametrize(
    ("column", "value"),
    [("amount_minor", 1999), ("upstream_reference", "re_other"), ("status", "rejected")],
)
async def test_a_row_that_is_changed_changes_the_proof(ended, db, column, value):
    before = await ended.proven()
    rows = sa.update(tables.refunds).where(tables.refunds.c.booking_id == "hers")
    async with db.write() as conn:
        await conn.execute(rows.values({column: value}))
    assert (await ended.proven()).line_hash != before.line_hash


async def test_the_hashes_stay_when_a_client_is_erased_and_a_mail_bounces(ended, db, settings):
    before = await ended.studio.audit(ended.job_id)
    path = f"/bulk-cancellations/{ended.job_id}/refunds"
    for refund in await ended.studio.refunds(ended.job_id, status="rejected"):
        await ended.studio.post(
            f"{path}/{refund['id']}/resolve",
            resolution="waived",
            reference="till",
            note="As Kim said.",
        )
    resolved = await ended.studio.audit(ended.job_id)
    assert resolved[-1]["line_hash"] != before[-1]["line_hash"]
    assert any("Kim" in line["client_name"] for line in resolved)
    async with db.write() as conn:
        await conn.execute(sa.text("UPDATE messages SET status = 'failed', due_at = NULL"))
    box = settings.secret_box()
    await erase.erase(db, "studio", "kim", box, by=COMMAND)
    while await erase.run_due(erase.Eraser(db, asyncio.Event())) is not None:
        pass
    erased = await ended.studio.audit(ended.job_id)
    assert not any("Kim" in line["client_name"] for line in erased)
    assert b"As Kim" not in erased.content
    assert [line["line_hash"] for line in erased] == [line["line_hash"] for line in resolved]
    assert (await ended.proven()).line_hash == resolved[-1]["line_hash"]


async def test_no_mark_of_ours_is_in_a_cell_though_it_be_in_a_row(ended, db):
    async with db.write() as conn:
        await conn.execute(sa.update(tables.clients).values(name='\x1f"\x1f,\x1f'))
        await conn.execute(sa.update(tables.jobs).values(reason='"\x1fsnow\x1f"'))
    audit = await ended.studio.audit(ended.job_id)
    assert b"\x1f" not in audit.content
    assert {line["reason"] for line in audit} == {'" snow "'}
    assert [line["line_hash"] for line in audit] == hashes_of(audit.content)


async def test_a_proof_is_for_who_may_read_the_job_and_names_nobody(ended, stranger, db):
    assert (await stranger.http.get(f"{ended.path}/audit.proof")).status_code == 404
    for scopes, status in (((), 403), ((Scope.CANCELLATIONS_READ,), 200)):
        key = await create_key(db, "studio", f"{len(scopes)}", scopes)
        desk = Desk(caller(ended.studio.app, key))
        assert (await desk.http.get(f"{ended.path}/audit.proof")).status_code == status
    assert "im" not in str((await ended.proven()).document())


async def test_a_key_that_was_changed_is_published_still(ended, settings, stranger):
    old = (await stranger.http.get("/v1/evidence/keys")).json()["keys"]
    secrets = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", settings.evidence_file.read_text()
    settings.evidence_file.write_text("\n".join(secrets))
    new = (await stranger.http.get("/v1/evidence/keys")).json()["keys"]
    assert new[1:] == old
    assert new[0]["kid"] == SigningKeys(secrets[:1]).public[0].kid
    assert (await ended.proven()).final


async def test_without_a_key_nothing_is_signed_and_the_reason_is_told(ended, settings):
    ended.studio.app.state.service.settings.redis_url = "redis://127.0.0.1:1"
    answer = await ended.studio.http.get(f"{ended.path}/audit.proof")
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/evidence-not-configured")
    assert (await ended.studio.http.get("/v1/evidence/keys")).json() == {"keys": []}


async def test_the_workbook_has_the_hashes_of_the_csv(ended):
    audit = await ended.studio.audit(ended.job_id)
    answer = await ended.studio.http.get(f"{ended.path}/audit.xlsx")
    (sheet,) = openpyxl.load_workbook(io.BytesIO(answer.content)).worksheets
    names, *rows = sheet.iter_rows(values_only=True)
    assert names[-1] == "line_hash"
    assert {row[names.index("reason")] for row in rows} == {"=1+1"}  # as it is, in a cell of text
    assert [row[-1] for row in rows] == [line["line_hash"] for line in audit]


async def test_a_followed_audit_has_a_chain_of_its_own_order(ended):
    answer = await ended.studio.http.get(f"{ended.path}/audit.csv", params={"follow": "true"})
    followed = Audit(answer.content)
    assert [line["line_hash"] for line in followed] == hashes_of(answer.content)
    numbered = await ended.studio.http.get(
        f"{ended.path}/audit.csv", params={"follow": "true", "after": 0}
    )
    assert Audit(numbered.content).columns[-2:] == ["line_hash", "outcome"]
