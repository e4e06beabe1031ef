"""A row that refers to a session of a large job has one row looked up for it, not the job's all."""

import pytest
import sqlalchemy as sa

_MANY_SMALL = """
INSERT INTO job_sessions (job_id, session_id, business_id, seq, position, outcome, session_name,
  session_starts_at, session_timezone)
SELECT gen_random_uuid(), 'small' || n, 'studio', 1, 0, 'accepted', 'Yoga', now(), 'UTC'
FROM generate_series(1, 5000) AS n
"""
_ONE_LARGE = """
INSERT INTO job_sessions (job_id, session_id, business_id, seq, position, outcome, session_name,
  session_starts_at, session_timezone)
SELECT '00000000-0000-0000-0000-00000000000a', 'large' || n, 'studio', n, n, 'accepted', 'Yoga',
  now(), 'UTC'
FROM generate_series(1, 2000) AS n
"""
# As PostgreSQL asks for each row with a foreign key (ri_triggers.c), by one plan for all values.
_REFERS = """
PREPARE refers (uuid, varchar) AS SELECT 1 FROM ONLY job_sessions x
WHERE job_id = $1 AND session_id::text = $2::text FOR KEY SHARE OF x
"""
_PLAN = "EXPLAIN EXECUTE refers ('00000000-0000-0000-0000-00000000000a', 'large7')"


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("is_counted_after", [False, True])
async def test_a_session_is_looked_up_by_its_key_though_most_jobs_have_one(db, is_counted_after):
    async with db.write() as conn:
        await conn.execute(sa.text("SET LOCAL session_replication_role = replica"))
        await conn.execute(sa.text(_MANY_SMALL))
        await conn.execute(sa.text("ANALYZE job_sessions"))
        await conn.execute(sa.text(_ONE_LARGE))
        if is_counted_after:
            await conn.execute(sa.text("ANALYZE job_sessions"))
        await conn.execute(sa.text("SET LOCAL plan_cache_mode = force_generic_plan"))
        await conn.execute(sa.text(_REFERS.replace("::text", r"\:\:text")))
        plan = "\n".join((await conn.execute(sa.text(_PLAN))).scalars())
        await conn.execute(sa.text("DEALLOCATE refers"))
    assert "using pk_job_sessions " in plan, plan
