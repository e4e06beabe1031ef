"""The whole journey behind PgBouncer, three sessions for all: a worker is killed in mid-job."""

from crash.processes import until
from crash.week import assert_audit_tells_the_books, assert_once, audit_rows, week
from worlds import pgbouncer

HARD = {"ignore_keys": True, "forget_keys": True, "allow_excess": True}


def test_the_journey_behind_pgbouncer(found_towns, postgresql_url, redis_url, violations):
    made = week(400)
    with pgbouncer.in_front_of(postgresql_url, sessions=3) as url:
        town = found_towns(
            url, redis_url=redis_url, database_prepared_statements="false", database_pool=6
        )
        town.database_url = postgresql_url  # where the tests themselves look
        town.settle_in(made)
        town.faults(**HARD, latency_seconds=0.05)
        town.api()
        workers = [town.worker(), town.worker()]
        plan = town.call(
            "POST",
            "/plan",
            json={"date_from": "2027-01-04", "date_to": "2027-01-10", "session_ids": "all"},
        ).json()
        job_id = town.cancel_all(plan_digest=plan["digest"])
        until(lambda: town.effects() > len(made.lines) // 4)
        workers[0].kill()
        assert town.wait_for(job_id)["status"] == "completed"
        books = town.books()
        assert_once(books, made.lines)
        assert_audit_tells_the_books(books, audit_rows(town.audit(job_id)))
        for server in town.servers:
            server.kill()
    assert not violations(postgresql_url)
