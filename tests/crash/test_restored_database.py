"""A database restored from a backup has forgotten what was done since.

Look-up-first finds it, and adopts it. The same backup, against the same books, shows what happens
without that mode: refunds are made twice. So the test can tell the one from the other.
"""

from typing import Any, Final

import pytest
from crash.processes import Server, Town, until
from crash.week import assert_audit_tells_the_books, assert_once, audit_rows, judge, week

HARD: Final = {"ignore_keys": True, "forget_keys": True, "allow_excess": True}


def open_up(town: Town, **settings: Any) -> list[Server]:
    """Start the API, and a worker where it needs one."""
    servers = [town.api(**settings)]
    if "redis_url" in town.settings:
        servers.append(town.worker(**settings))
    return servers


def work_until(town: Town, count: int, **settings: Any) -> str:
    """Work on the week's job until the books hold so many refunds, then die; gives its id."""
    servers = open_up(town, **settings)
    job_id = town.cancel_all()
    until(lambda: town.effects() >= count, pause=0.02)
    for server in servers:
        server.kill()
    return job_id


def finish(town: Town, job_id: str, **settings: Any) -> str:
    """Work on the job to its end, then die; gives the audit."""
    servers = open_up(town, **settings)
    assert town.wait_for(job_id)["status"] == "completed"
    audit = town.audit(job_id)
    for server in servers:
        server.kill()
    return audit


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.long)])
def test_what_a_restored_database_has_forgotten_is_looked_up_and_not_refunded_again(
    kind, found_towns, fresh_databases, fresh_redis, copy_database, violations
):
    made = week(200, places=20)
    [database_url] = fresh_databases(kind, 1)
    redis = {"redis_url": fresh_redis()} if kind == "postgresql" else {}
    # With few calls at once little is claimed ahead: what is claimed in the backup is looked up in
    # any case.
    town = found_towns(database_url, **redis, concurrency=3, log_level="warning")
    town.settle_in(made)
    town.faults(**HARD, latency_seconds=0.05)
    job_id = work_until(town, len(made.lines) // 5)
    saved = town.effects()
    restored, naive = copy_database(database_url), copy_database(database_url)
    work_until(town, len(made.lines) * 7 // 10)  # the original, which is lost now
    lost = town.effects() - saved
    assert lost > len(made.lines) // 4, f"only {lost} refunds are forgotten: nothing is shown"

    audit = finish(town, job_id, database_url=restored, look_up_first="true")
    books = town.books()
    assert_once(books, made.lines)
    assert_audit_tells_the_books(books, audit_rows(audit))
    assert not violations(restored)

    finish(town, job_id, database_url=naive)
    twice = len(judge(town.books(), made.lines).twice)
    print(f"\n{lost} refunds forgotten: none twice when looked up first, {twice} without")
    assert twice >= lost // 3
