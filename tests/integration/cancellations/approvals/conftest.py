"""What tests of approvals ask for: a week above its limits, and somebody who may approve."""

import pytest
from worlds.studio import step_path


class Asked:
    """A job that awaits an approval, and what may be done to it."""

    def __init__(self, desk, job):
        self.desk = desk
        self.id = job["id"]
        self.job = job

    def path(self, step):
        return step_path(self.job, step)

    async def plan(self, by=None):
        return await (by or self.desk).get(self.path("plan"))

    async def approve(self, by, digest=None, **members):
        digest = digest or (await self.plan())["digest"]
        return await by.post(self.path("approve"), plan_digest=digest, **members)

    async def refuse(self, by, note="Not this week"):
        return await by.post(self.path("refuse"), note=note)

    async def withdraw(self, by=None):
        return await (by or self.desk).post(self.path("withdraw"))

    async def now(self):
        return await self.desk.job(self.id)


@pytest.fixture
def limits(week):
    """Set the business's limits."""

    async def put(**members):
        answer = await week.http.put("/v1/approval-limits", json=members)
        assert answer.status_code == 200, answer.text
        return answer.json()

    return put


@pytest.fixture
async def limited(week, limits):
    """The week, of which nobody may cancel more than one session alone."""
    await limits(sessions=1)
    return week


@pytest.fixture
async def asked(limited):
    """Two sessions that somebody asks to cancel: one more than may be cancelled alone."""
    return Asked(limited, await limited.accepted(["yoga", "spin"], reason="Snow day"))


@pytest.fixture
def ask(limited):
    """Ask for a cancellation of these sessions."""

    async def send(session_ids=("yoga", "spin"), **members):
        return Asked(limited, await limited.accepted([*session_ids], **members))

    return send


@pytest.fixture
async def approver(caller_with):
    """Somebody else, who may approve what others ask for, and read it."""
    return await caller_with("cancellations:approve", "cancellations:read", "schedule:read")
