"""The audit says of each line whether its client was told, and is the old one where nobody is."""

import io
import uuid

import openpyxl
import pytest
import sqlalchemy as sa
from worlds.records import booking, client
from worlds.studio import Audit

from app.db.jobs import audit_rows
from app.db.messages import attempts
from app.db.messages.attempts import TryRow
from app.db.tables.messages import messages
from app.domain.statuses import MessageStatus

PATH = "/v1/bulk-cancellations"


async def _lines(told):
    audit = await told.studio.audit(told.job_id)
    return {booking_id: lines[0] for booking_id, lines in audit.by_booking().items()}


async def _statuses(told):
    return {id_: line["message_status"] for id_, line in (await _lines(told)).items()}


async def test_each_line_says_where_its_clients_newest_message_is(told):
    await told.studio.load(
        client("ida", email=None), booking("idas", "yoga", ("CAD", 100), client_id="ida")
    )
    await told.cancel("yoga", "spin")
    assert set((await _statuses(told)).values()) == {""}  # the rows are yet to be written
    await told.work()
    assert (await _statuses(told))["card"] == "pending"
    claimed = await told.claim()
    await told.send(claimed["kim"])
    no_address = TryRow(claimed["ida"].id, claimed["ida"].epoch, MessageStatus.SUPPRESSED)
    async with told.db.write() as conn:
        await attempts.record(conn, "studio", [no_address])
    assert await _statuses(told) == {
        "card": "sent",
        "yen": "sent",
        "credit": "pending",
        "member": "pending",
        "waits": "pending",
        "idas": "suppressed",
    }


async def _again(told, status, edition):
    """A message to each who has a first one, as it was but for its status."""
    async with told.db.write() as conn:
        first = sa.select(messages).where(messages.c.edition == 1)
        rows = [dict(row) for row in (await conn.execute(first)).mappings()]
        new = [
            row | {"id": str(uuid.uuid4()), "edition": edition, "status": status} for row in rows
        ]
        await conn.execute(sa.insert(messages), new)


async def test_of_two_editions_the_newer_one_counts(told):
    await told.cancel("spin", messages={"clients": "email", "when": "accepted"})
    await told.slice()
    await told.send_all()
    assert (await _statuses(told))["yen"] == "sent"
    await _again(told, "bounced", 2)
    assert (await _statuses(told))["yen"] == "bounced"


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_read_at_once_they_are_those_that_are_looked_up_one_by_one(told):
    await told.cancel(messages={"clients": "email", "when": "accepted"})
    await told.slice()
    await told.send_all()
    await _again(told, "failed", 3)
    await _again(told, "bounced", 2)

    async def statuses(*, at_once):
        query = audit_rows.refund_lines(told.job_id, tells_clients=True, at_once=at_once)
        async with told.db.read() as conn:
            return [row.message_status for row in await conn.execute(query)]

    one_by_one = await statuses(at_once=False)
    assert set(one_by_one) == {"failed", None}  # who was there is not told
    assert await statuses(at_once=True) == one_by_one


@pytest.mark.parametrize(
    "said", [{"clients": "none"}, {"clients": "none", "staff": ["a@b.example"]}]
)
async def test_a_job_that_tells_no_client_looks_nothing_up(told, said):
    asked = []

    def heard(_conn, _cursor, statement, *_):
        asked.append(statement)

    await told.cancel("yoga", messages=said)
    await told.work()
    sa.event.listen(sa.engine.Engine, "before_cursor_execute", heard)
    try:
        assert set((await _statuses(told)).values()) == {""}
    finally:
        sa.event.remove(sa.engine.Engine, "before_cursor_execute", heard)
    assert asked
    assert not any("FROM messages" in one for one in asked)


async def test_as_accepted_it_is_empty_and_followed_it_is_what_is_known_then(told):
    job = await told.cancel("yoga", "spin", key="again")
    await told.work()
    await told.send_all()
    again = await told.studio.cancel(
        ["yoga", "spin"], messages={"clients": "email"}, key="again", accept="text/csv"
    )
    as_accepted = Audit(again.content)
    assert {line["message_status"] for line in as_accepted} == {""}
    followed = await told.studio.http.get(
        f"{PATH}/{job['id']}/audit.csv", params={"follow": True, "after": 0}
    )
    lines = Audit(followed.content)
    assert lines.columns[-2:] == ["line_hash", "outcome"]
    assert {line["message_status"] for line in lines} == {"sent"}


async def test_the_workbook_has_it_too(told):
    job = await told.cancel("yoga")
    await told.work()
    await told.send_all()
    answer = await told.studio.http.get(f"{PATH}/{job['id']}/audit.xlsx")
    sheet = openpyxl.load_workbook(io.BytesIO(answer.content)).active
    names, *rows = sheet.iter_rows(values_only=True)
    assert {row[names.index("message_status")] for row in rows} == {"sent"}
