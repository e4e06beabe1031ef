"""The audit CSV: a line for each refund and for what has nothing to return.

No cell of it is one that a spreadsheet runs.
"""

import csv
import io

import sqlalchemy as sa

from app.db import tables
from app.refunds.slices.run import _begin

COLUMNS = [
    "job_id",
    "session_id",
    "session_name",
    "session_starts_at",
    "location",
    "instructor",
    "booking_id",
    "client_id",
    "client_name",
    "client_email",
    "refund_id",
    "method",
    "amount",
    "currency",
    "credits",
    "status",
    "upstream_reference",
    "attempts",
    "failure_code",
    "failure_detail",
    "reason",
    "requested_by",
    "requested_at",
    "settled_at",
    "session_starts_local",
    "timezone",
    "paid_amount",
    "kept_amount",
    "kept_by",
    "resolved_amount",
    "returned_as",
    "leg",
    "expires_before",
    "expires_after",
    "overridden_by",
    "override_note",
    "bonus_amount",
    "message_status",
    "approved_by",
    "approved_at",
    "approved_digest",
    "line_hash",
]
FROZEN = (
    "session_id", "booking_id", "client_id", "method", "amount", "currency", "credits",
    "paid_amount", "kept_amount", "kept_by",
)  # fmt: skip


async def cancel_for_csv(studio, audit_from, *arguments, **members):
    answer = await studio.cancel(*arguments, accept="text/csv", **members)
    assert answer.status_code == 202, answer.text
    return answer, audit_from(answer.content)


async def test_the_202_may_carry_the_csv_as_an_attachment(week, audit_from):
    answer, audit = await cancel_for_csv(week, audit_from, reason="Snow day")
    job_id = answer.headers["Location"].rsplit("/", 1)[1]
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert answer.headers["Content-Disposition"].startswith("attachment;")
    assert audit.columns == COLUMNS
    # There are 10 refunds, 2 bookings with nothing to return, 1 session that nobody had booked.
    assert len(audit) == 13
    assert {line["job_id"] for line in audit} == {job_id}
    assert {line["reason"] for line in audit} == {"Snow day"}
    assert audit.statuses() == {"pending": 10, "skipped": 3}


async def test_the_lines_say_who_what_when_and_why(week):
    job = await week.accepted(reason="Snow day")
    await week.work(job["id"])
    audit = await week.audit(job["id"])
    (card,) = audit.by_booking()["card"]
    assert (card["session_name"], card["location"], card["instructor"]) == ("Yoga", "Hall 1", "Ana")
    assert (card["client_id"], card["client_name"], card["client_email"]) == (
        "kim",
        "Kim",
        "kim@example.org",
    )
    assert (card["amount"], card["currency"], card["credits"], card["method"]) == (
        "20.00",
        "CAD",
        "",
        "payment",
    )
    assert (card["status"], card["attempts"], card["failure_code"]) == ("succeeded", "1", "")
    assert (card["requested_by"], card["requested_at"]) == ("key:front desk", job["requested_at"])
    assert card["session_starts_at"] == (await week.get("/sessions/yoga"))["starts_at"]
    assert card["settled_at"] >= job["requested_at"]
    assert card["upstream_reference"] == (await week.books())["effects"][card["refund_id"]]["id"]


async def test_amounts_are_in_major_units_of_their_currency(week):
    job = await week.accepted()
    lines = (await week.audit(job["id"])).by_booking()
    told = {
        id_: (lines[id_][0]["amount"], lines[id_][0]["currency"])
        for id_ in ("card", "yen", "dinar", "late")
    }
    assert told == {
        "card": ("20.00", "CAD"),
        "yen": ("500", "JPY"),
        "dinar": ("12.345", "KWD"),
        "late": ("3.00", "CAD"),
    }
    assert [(one["amount"], one["credits"]) for one in lines["credit"]] == [("", "2")]


async def test_what_has_nothing_to_return_has_its_line_and_the_reason(week):
    job = await week.accepted()
    await week.work(job["id"])
    audit = await week.audit(job["id"])
    skipped = {
        line["booking_id"]: line["failure_code"] for line in audit if line["status"] == "skipped"
    }
    assert {id_: skipped[id_] for id_ in ("free", "attended")} == {
        "free": "nothing_paid",
        "attended": "attended",
    }
    (unbooked,) = [line for line in audit if not line["booking_id"]]
    assert (unbooked["session_id"], unbooked["status"], unbooked["amount"]) == (
        "empty",
        "skipped",
        "",
    )
    assert (unbooked["paid_amount"], unbooked["kept_amount"], unbooked["kept_by"]) == ("", "", "")
    assert "gone" not in audit.by_booking()


async def test_plan_202_refunds_and_final_csv_reconcile_line_by_line(week, audit_from):
    plan = (await week.plan()).json()
    _, first = await cancel_for_csv(week, audit_from)
    job_id = first[0]["job_id"]
    waiting = await week.audit(job_id)
    await week.work(job_id)
    final = await week.audit(job_id)
    refunds = {one["id"]: one for one in await week.refunds(job_id)}
    assert (
        set(first.by_refund()) == set(waiting.by_refund()) == set(final.by_refund()) == set(refunds)
    )
    for id_, line in final.by_refund().items():
        frozen = [line[name] for name in FROZEN]
        assert frozen == [first.by_refund()[id_][name] for name in FROZEN]
        row = refunds[id_]
        assert (line["status"], line["booking_id"]) == (row["status"], row["booking_id"])
        assert (line["credits"], line["attempts"]) == (
            str(row["credits"] or ""),
            str(row["attempts"]),
        )
    amounts = {one["currency"]: one["amount_minor"] for one in plan["totals"]["amounts"]}
    assert (
        first.sums("pending")
        == final.sums("succeeded")
        == amounts | {"credits": plan["totals"]["credits"]}
    )


async def test_while_the_worker_is_half_way_through_writing_refunds_the_csv_is_whole(studio):
    await studio.load(
        *({"type": "client", "id": f"c{n}", "name": "Kim"} for n in range(120)),
        *(studio.record("session", f"s{n}") for n in range(120)),
        *(
            studio.record("booking", f"b{n}", f"s{n}", ("CAD", n + 1), client_id=f"c{n}")
            for n in range(120)
        ),
    )
    job = await studio.accepted()
    before = await studio.audit(job["id"])
    await _begin(studio.runtime, job["id"])
    written = await studio.refunds(job["id"], limit=200)
    assert 0 < len(written) < 120
    half = await studio.audit(job["id"])
    assert list(half) == list(before)
    sums = (await studio.job(job["id"]))["refunds"]["pending"]
    assert (sums["count"], sums["amounts"]) == (
        120,
        [{"currency": "CAD", "amount_minor": 120 * 121 // 2}],
    )
    await studio.work(job["id"])
    assert (await studio.books())["sums"] == {"CAD": 120 * 121 // 2}


async def test_it_is_rfc_4180_with_crlf_and_quotes_that_are_doubled(week):
    await week.load(
        {"type": "client", "id": "kim", "name": 'Kim "K", Lee', "email": "é@example.org"}
    )
    job = await week.accepted(["yoga"])
    content = (await week.audit(job["id"])).content
    assert content.endswith(b"\r\n")
    assert content.count(b"\n") == content.count(b"\r\n")
    assert not content.startswith(b"\xef\xbb\xbf")
    assert b'"Kim ""K"", Lee"' in content
    assert "é@example.org".encode() in content
    assert all(
        len(row) == len(COLUMNS)
        for row in csv.reader(io.StringIO(content.decode(), newline=""), strict=True)
    )


RUN = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "  =1+1",
    "\uff1d1+1",
    "\uff0b1",
    "\uff0d1",
    "\uff20x",
    " \uff1d1",
    "\u00a0=1",
    "\u3000=1",
    '=cmd|"/c calc"!A1',
]
NOT_BY_THE_API = ["\t=1+1", "\rx", "\t1"]


async def test_a_cell_that_a_spreadsheet_would_run_is_escaped(studio, db):
    texts = dict(enumerate(RUN + NOT_BY_THE_API))
    await studio.load(
        *(studio.record("client", f"c{n}") for n in texts),
        *(studio.record("session", f"s{n}") for n in texts),
        *(
            studio.record("booking", f"b{n}", f"s{n}", ("CAD", 100), client_id=f"c{n}")
            for n in texts
        ),
        *(studio.record("session", f"unbooked{n}") for n in texts),
    )
    async with db.write() as conn:
        # By SQL: the API takes no tabs, but a cell must be safe wherever its text came from.
        for n, text in texts.items():
            client, named = tables.clients, tables.sessions
            await conn.execute(
                sa.update(client).where(client.c.id == f"c{n}").values(name=text, email=text)
            )
            ours = named.c.id.in_([f"s{n}", f"unbooked{n}"])
            await conn.execute(
                sa.update(named).where(ours).values(name=text, location=text, instructor=text)
            )
    job = await studio.accepted()
    waiting = await studio.audit(job["id"])
    await studio.work(job["id"])
    for audit in (waiting, await studio.audit(job["id"])):
        for name in ("client_name", "client_email", "session_name", "location", "instructor"):
            cells = {line[name] for line in audit if line[name]}
            assert cells == {f"'{text}".replace("\r", " ") for text in texts.values()}, name


async def test_a_reason_that_a_spreadsheet_would_run_is_escaped(studio):
    for n, text in enumerate(RUN):
        await studio.session(f"s{n}")
        job = await studio.accepted([f"s{n}"], reason=text)
        assert [line["reason"] for line in await studio.audit(job["id"])] == [f"'{text}"]


async def test_what_is_no_formula_is_left_as_it_is(studio):
    names = [
        "O'Neil-Ray",
        "a=b",
        "1-2",
        "'=1",
        "Ünïcode 学校",
        "; rm",
        "a\\b %s %(x)s :colon $1 {0}",
    ]
    for n, name in enumerate(names):
        await studio.load(
            studio.record("client", "kim", name=name, email=None),
            studio.record("session", f"s{n}", name=name),
            studio.record("booking", f"b{n}", f"s{n}", ("CAD", 100)),
        )
        job = await studio.accepted([f"s{n}"], reason=name)
        waiting = await studio.audit(job["id"])
        await studio.work(job["id"])
        for line in (*waiting, *await studio.audit(job["id"])):
            assert (line["client_name"], line["session_name"], line["reason"]) == (name, name, name)
            assert line["client_email"] == ""


async def test_a_session_described_anew_later_is_told_as_it_was_when_it_was_cancelled(week):
    job = await week.accepted(["yoga"])
    before = (await week.audit(job["id"]))[0]
    await week.session("yoga", starts_in_hours=-3, name="Renamed", location="Elsewhere")
    await week.work(job["id"])
    for line in await week.audit(job["id"]):
        for name in ("session_name", "session_starts_at", "location", "instructor"):
            assert line[name] == before[name]
    # Checked in before a session to come: returned, whatever the schedule says of its start by now.
    (early,) = (await week.audit(job["id"])).by_booking()["early"]
    assert early["status"] == "succeeded"


async def test_the_audit_of_a_withdrawn_job_tells_what_was_withdrawn(week):
    job = await week.accepted(["yoga"], hold_seconds=600)
    before = await week.audit(job["id"])
    assert (await week.post(f"/bulk-cancellations/{job['id']}/withdraw")).status_code == 200
    after = await week.audit(job["id"])
    assert after.statuses() == {"skipped": 7}
    assert {row["failure_code"] for row in after} == {"withdrawn"}
    assert set(after.by_refund()) == set(before.by_refund())
    # A booking that came afterwards was never any of this job's.
    await week.booking("newcomer", "yoga", ("CAD", 100))
    assert set((await week.audit(job["id"])).by_refund()) == set(before.by_refund())


async def test_a_utf_8_mark_comes_first_where_it_is_asked_for(week):
    job = await week.accepted()
    await week.work(job["id"])
    path = f"/v1/bulk-cancellations/{job['id']}/audit.csv"
    plain, marked = [
        (await week.http.get(path, params={"bom": wanted})).content for wanted in ("false", "true")
    ]
    assert marked == b"\xef\xbb\xbf" + plain
    followed = await week.http.get(path, params={"bom": "true", "follow": "true"})
    assert followed.content.startswith(b"\xef\xbb\xbfjob_id,")


async def test_a_header_tells_how_many_lines_there_will_be(week):
    answer = await week.cancel(accept="text/csv")
    path = f"{answer.headers['Location']}/audit.csv"
    promised = answer.headers["Audit-Lines"]
    assert int(promised) == answer.content.count(b"\r\n") - 1
    await _begin(week.runtime, path.split("/")[3])
    for _ in range(2):
        for told in (await week.http.get(path), await week.http.head(path)):
            assert told.headers["Audit-Lines"] == promised
            assert told.headers["X-Accel-Buffering"] == "no"
            assert told.headers["Cache-Control"] == "no-store, no-transform"
        assert (await week.http.get(path)).content.count(b"\r\n") - 1 == int(promised)
        await week.work(path.split("/")[3])
    assert "Audit-Lines" not in (await week.http.get(path, params={"follow": "true"})).headers


async def test_the_header_counts_the_lines_of_a_withdrawn_job_too(week):
    job = await week.accepted(hold_seconds=600)
    assert (await week.post(f"/bulk-cancellations/{job['id']}/withdraw")).status_code == 200
    answer = await week.http.get(f"/v1/bulk-cancellations/{job['id']}/audit.csv")
    assert int(answer.headers["Audit-Lines"]) == answer.content.count(b"\r\n") - 1
