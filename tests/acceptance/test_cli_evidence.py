"""`check-audit`: an audit and its proof are files of somebody's, and no database is near."""

import datetime as dt
import json

import pytest
from acceptance.terminal import Terminal

from app.domain.nouns.evidence import TYP, AuditProof
from app.domain.statuses import JobStatus
from app.domain.texts import csv_cells
from app.domain.texts.csv_cells import COLUMNS
from app.domain.texts.line_chain import LineChain
from app.signatures import SigningKeys

SECRET = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A="  # RFC 8037
OTHER = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
JOB = "018f3b62-0000-7000-8000-000000000001"
FILES = ("audit.csv", "audit.proof")


@pytest.fixture
def keys():
    return SigningKeys([SECRET])


@pytest.fixture
def elsewhere(zygote, tmp_path, keys):
    """An operator elsewhere: what was kept, the public key, and no database."""
    chain = LineChain()
    rows = [{"job_id": JOB, "booking_id": f"b{n}", "amount": "20.00"} for n in range(3)]
    lines = chain.add_rows([[row.get(name) for name in COLUMNS] for row in rows])
    proof = AuditProof(
        business_id="studio",
        job_id=JOB,
        status=JobStatus.COMPLETED,
        final=True,
        lines=chain.count,
        line_hash=chain.head,
        links=3,
        link="5" * 64,
        proven_at=dt.datetime(2026, 11, 23, 9, tzinfo=dt.UTC),
    )
    (tmp_path / "audit.csv").write_bytes(csv_cells.header() + lines)
    signed = keys.sign(proof.document(), typ=TYP)
    (tmp_path / "audit.proof").write_text(json.dumps(signed))
    (tmp_path / "key.json").write_text(json.dumps(keys.public[0].jwk()))
    absent = f"sqlite+aiosqlite:///{tmp_path}/not/there.db"
    return Terminal(zygote, tmp_path, database_url=absent)


def test_an_audit_that_was_left_alone_is_what_its_proof_says(elsewhere, keys):
    out = elsewhere.ok("check-audit", *FILES, "--key=key.json")
    told = dict(line.split("\t") for line in out.splitlines())
    assert (told["job_id"], told["lines"], told["final"]) == (JOB, "3", "yes")
    assert told["kid"] == keys.public[0].kid
    assert not (elsewhere.cwd / "var").exists()


def test_a_chain_that_was_handed_out_and_is_not_there_any_more_is_found(studio, elsewhere, keys):
    """As of a database that was set back: a proof and an event both say so."""
    event = {
        "type": "bulk_cancellation.completed",
        "data": {"job_id": JOB, "evidence": {"links": 2, "link": "7" * 64}},
    }
    (elsewhere.cwd / "event.json").write_text(json.dumps(event))
    studio.ok("verify")
    for file, link in (("audit.proof", 3), ("event.json", 2)):
        given = (f"--proof={elsewhere.cwd / file}", f"--key={elsewhere.cwd / 'key.json'}")
        code, out, err = studio.run("verify", *given)
        assert (code, out) == (1, f"chain-handed-out\t{JOB}\t{link}\n")
        assert "A chain goes on from each end of it that was handed out." in err
    wrong = studio.told("verify", f"--proof={elsewhere.cwd / 'key.json'}", evidence_key=SECRET)
    assert "no signed document" in wrong


def test_the_keys_of_the_installation_are_taken_where_none_is_named(elsewhere):
    elsewhere.ok("check-audit", *FILES, evidence_key=f"{OTHER} {SECRET}")
    told = elsewhere.told("check-audit", *FILES, evidence_key=OTHER)
    assert "names a key that is not given" in told
    told = elsewhere.told("check-audit", *FILES, redis_url="redis://127.0.0.1:1")
    assert "Name the public key with --key" in told


def test_a_changed_line_is_named(elsewhere):
    file = elsewhere.cwd / "audit.csv"
    lines = file.read_bytes().splitlines(keepends=True)
    lines[2] = lines[2].replace(b"20.00", b"2.00")
    file.write_bytes(b"".join(lines))
    told = elsewhere.told("check-audit", *FILES, "--key=key.json")
    assert "audit.csv: Line 2 after the header has another hash" in told


def test_an_audit_without_its_last_line_is_not_what_was_proven(elsewhere):
    file = elsewhere.cwd / "audit.csv"
    file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:-1]))
    told = elsewhere.told("check-audit", *FILES, "--key=key.json")
    assert "it has 2 lines of 3" in told


def test_a_proof_that_another_signed_or_that_is_none_is_refused(elsewhere, keys):
    file = elsewhere.cwd / "audit.proof"
    signed = json.loads(file.read_text())
    forged = SigningKeys([OTHER]).sign({"version": 1}, typ=TYP)
    for wrong, why in (
        (forged, "names a key that is not given"),
        (signed | {"payload": forged["payload"]}, "signature is not that of the key"),
        (keys.sign({"version": 2}, typ=TYP), "of a version that this build doesn't know"),
        ([], "no signed document"),
    ):
        file.write_text(json.dumps(wrong))
        assert why in elsewhere.told("check-audit", *FILES, "--key=key.json")
    file.write_text("{")
    assert "no JSON" in elsewhere.told("check-audit", *FILES, "--key=key.json")
    (elsewhere.cwd / "key.json").write_text("{}")
    assert "no public key" in elsewhere.told("check-audit", *FILES, "--key=key.json")
