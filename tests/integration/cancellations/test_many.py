"""Many sessions are counted by a statement of their own, which finds what the one for few finds."""

import pytest

from app.cancellation.owed import lines


@pytest.mark.parametrize("include_attended", [False, True])
async def test_a_plan_of_many_sessions_is_that_of_few_to_the_line(
    week, monkeypatch, include_attended
):
    few = await week.plan(include_attended=include_attended)
    monkeypatch.setattr(lines, "_MANY", 1)
    assert (await week.plan(include_attended=include_attended)).json() == few.json()
    accepted = await week.cancel(
        include_attended=include_attended, plan_digest=few.json()["digest"]
    )
    assert accepted.status_code == 202
