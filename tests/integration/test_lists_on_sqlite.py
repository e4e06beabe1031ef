"""On a SQLite file that was never analysed, a list of sessions is looked up one by one.

Work grows as the list does.
"""

import sqlite3

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from app.cancellation.owed import lines
from app.db.jobs import acceptances, entitlement_totals, found_sessions

ONE_BY_ONE = "(business_id=? AND id=?)"
STATEMENTS = {
    "sessions as they became": acceptances._SQLITE_OUTCOMES,
    "sessions as cancelled": acceptances._SQLITE_CANCELLED,
    "sessions that are named": found_sessions._BY_ID,
    "lines to return": sa.select(
        lines.lines_of_listed_sessions(lines.PolicyShape(include_attended=False)).all
    ),
    "lines to return, attended ones too": sa.select(
        lines.lines_of_listed_sessions(lines.PolicyShape(include_attended=True)).all
    ),
    "totals": entitlement_totals._over_all(
        lines.lines_of_listed_sessions(lines.PolicyShape(include_attended=False)).all, by_rule=False
    ),
}


@pytest.mark.parametrize("case", STATEMENTS)
def test_each_session_of_a_list_is_looked_up_by_its_id(sqlite_url, case):
    compiled = STATEMENTS[case].compile(dialect=sqlite.dialect(paramstyle="named"))
    file = sqlite3.connect(sa.make_url(sqlite_url).database)
    try:
        given = dict.fromkeys(compiled.params, "") | {"outcomes": "[]", "session_ids": "[]"}
        given |= {name: value for name, value in compiled.params.items() if value is not None}
        steps = [step for *_, step in file.execute(f"EXPLAIN QUERY PLAN {compiled}", given)]
    finally:
        file.close()
    of_sessions = [
        step
        for step in steps
        if step.startswith(("SEARCH s ", "SCAN s ", "SEARCH sessions", "SCAN sessions"))
    ]
    assert of_sessions, steps
    assert all(ONE_BY_ONE in step for step in of_sessions), steps
