"""Staff are asked for an approval: those whom the business names, once, and while it matters."""

import email
import email.policy

from integration.messages.conftest import sending
from worlds.patience import eventually
from worlds.studio import Desk, caller, step_path

from app.auth.keys import create_key
from app.auth.roles import Scope

OWNER = "owner@studio.example"


async def asks(told, **members):
    """Ask for what needs an approval, in a business whose owner is told."""
    put = told.studio.http.put
    settings = {"staff": [OWNER], "language": "de"}
    assert (await put("/v1/message-settings", json=settings)).status_code == 200
    assert (await put("/v1/approval-limits", json={"sessions": 1})).status_code == 200
    job = await told.cancel("yoga", "spin", reason="Snow day", **members)
    assert job["status"] == "awaiting_approval"
    return job


async def test_the_staff_of_the_business_are_asked_and_clients_hear_nothing(told, relay):
    job = await asks(told, messages={"clients": "email", "staff": []})
    [listed] = await told.listed()
    assert (listed["kind"], listed["recipient"], listed["status"]) == (
        "approval",
        OWNER,
        "pending",
    )
    async with sending(told, relay, public_url="https://book.example/"):
        await eventually(lambda: len(relay.taken()) == 1)
    [mail] = relay.taken()
    read = email.message_from_bytes(mail.raw, policy=email.policy.default)
    words = read.get_body(("plain",)).get_content()
    assert (mail.recipient, str(read["Subject"])) == (
        OWNER,
        "Eine Sammelabsage braucht eine Freigabe",
    )
    for said in ("key:front desk", "Snow day", "Termine: 2 (Grenze: 1)"):
        assert said in words
    assert f"https://book.example/jobs/{job['id']}" in words
    assert "Kim" not in words


async def test_nobody_is_asked_for_what_is_decided(told):
    job = await asks(told)
    assert (await told.studio.post(step_path(job, "withdraw"))).status_code == 200
    assert await told.claim() == {}
    assert await told.listed() == []


async def test_who_was_asked_is_told_of_the_end_too(told, db):
    job = await asks(told)
    assert set(await told.claim()) == {OWNER}
    key = await create_key(db, "studio", "approver", [Scope.CANCELLATIONS_APPROVE])
    approver = Desk(caller(told.studio.app, key))
    digest = job["approval"]["plan_digest"]
    answer = await approver.post(step_path(job, "approve"), plan_digest=digest)
    assert answer.status_code == 200
    await told.work()
    kinds = {one["kind"] for one in await told.listed()}
    assert kinds == {"approval", "client", "staff"}
