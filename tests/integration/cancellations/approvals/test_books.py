"""The books find what was done without the approval that it needed."""

import pytest
import sqlalchemy as sa
from worlds.studio import step_path

from app.db import tables
from app.db.tables import approvals
from app.refunds.verify import verify


async def unlawful(week, *statements):
    async with week.db.write() as conn:
        for statement in statements:
            await conn.execute(statement)
    return {violation.code for violation in await verify(week.db)}


@pytest.fixture
async def approved(limited, ask, approver):
    """A job that was approved and has ended."""
    asked = await ask()
    assert (await asked.approve(approver)).status_code == 200
    await limited.work(asked.id)
    assert await verify(limited.db) == []
    return asked


async def test_refunds_and_sessions_without_an_approval_are_found(limited, approved):
    found = await unlawful(limited, sa.delete(approvals.job_actions))
    assert found == {"unapproved-refund", "unapproved-session", "unapproved"}


async def test_an_approval_of_ones_own_is_found(limited, approved):
    own = sa.update(approvals.job_actions).values(
        actor_id=sa.select(approvals.job_approvals.c.asked_by).scalar_subquery()
    )
    assert await unlawful(limited, own) == {"own-approval"}


async def test_a_job_that_acts_as_if_it_were_approved_is_found(limited, asked):
    queued = sa.update(tables.jobs).values(status="queued")
    assert "unapproved" in await unlawful(limited, queued)


async def test_a_job_that_awaits_what_it_need_not_is_found(limited):
    job = await limited.accepted(["yoga"])
    waits = sa.update(tables.jobs).values(status="awaiting_approval")
    assert "unapproved" in await unlawful(limited, waits)
    assert job["approval"] is None


@pytest.mark.parametrize("status", ["awaiting_approval", "refused"])
async def test_the_schema_lets_no_refund_be_written_before_an_approval(limited, asked, status):
    expanded = sa.update(tables.jobs).values(status=status, expanded_sessions=1)
    with pytest.raises(sa.exc.IntegrityError):
        await unlawful(limited, expanded)


async def test_who_was_refused_has_nothing_in_the_books(limited, asked, approver):
    assert (await approver.post(step_path(asked.job, "refuse"), note="No")).status_code == 200
    assert await verify(limited.db) == []
