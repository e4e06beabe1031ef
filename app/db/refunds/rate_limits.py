"""How many calls may be made for an account, one row each.

So all workers together keep to one rate. Never more is granted than the rate has brought since the
row was made, and half a second's calls; by the database's clock. A call that was made without being
granted is owed, and taken off before anything is granted again.
"""

from typing import Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.core.dialect import SQLITE_FORMAT
from app.db.core.driver import fetch

# What is saved up while nobody calls: more than workers take from one look to the next.
BURST_SECONDS: Final = 0.5


class Granted(NamedTuple):
    """How many calls may be made now; `next_in_seconds` is when there will be one more."""

    calls: int
    next_in_seconds: float


# Two words for the same in either database; the instant is the statement's, for all that is
# reckoned with it.
def _statement(
    *, clock: str, passed: str, counted_at: str, least: str, greatest: str, whole: str
) -> sa.TextClause:
    wanted, most, debt, per_second = (
        f"CAST(:{name} AS double precision)" for name in ("wanted", "most", "debt", "per_second")
    )
    at_first = f"{least}({most}, {most} - {debt})"
    saved = f"{least}({most}, b.calls + {per_second} * {greatest}(0.0, {passed}))"
    there = f"{least}({most}, {saved} - {debt})"  # what comes back is no reason to save up more

    def granted(of: str) -> str:
        return f"CAST({whole}({greatest}(0.0, {least}({wanted}, {of}))) AS integer)"

    return sa.text(f"""
INSERT INTO call_budgets AS b (account, calls, granted, counted_at)
VALUES (:account, {at_first} - {granted(at_first)}, {granted(at_first)}, {clock})
ON CONFLICT (account) DO UPDATE SET
  calls = {there} - {granted(there)},
  granted = {granted(there)},
  counted_at = {counted_at}
RETURNING granted, calls
""")  # noqa: S608 - only our own words are in it; every value is a parameter


_TAKE: Final = {
    "postgresql": _statement(
        clock="statement_timestamp()",
        # A statement that has waited for the row is older than what it then finds: no time has
        # passed since, and none may be counted twice. It waits for `lock_timeout` at most, so what
        # is later is of a clock that was set back.
        counted_at=(
            "least(greatest(b.counted_at, excluded.counted_at), "
            "excluded.counted_at + interval '20 seconds')"
        ),
        passed="CAST(extract(epoch FROM excluded.counted_at - b.counted_at) AS double precision)",
        least="least",
        greatest="greatest",
        whole="floor",
    ),
    "sqlite": _statement(
        clock=f"strftime('{SQLITE_FORMAT}', 'now')",
        counted_at="excluded.counted_at",  # writers take turns
        passed="86400.0 * (julianday(excluded.counted_at) - julianday(b.counted_at))",
        least="min",
        greatest="max",
        whole="",  # its CAST cuts
    ),
}


async def take(
    conn: AsyncConnection, account: str, *, wanted: int, debt: int, per_second: float
) -> Granted:
    """Be granted up to `wanted` calls for an account, as far as they are there.

    Args:
        conn: a connection in a transaction that does nothing else: until its end all others wait
            for the row.
        account: whose calls are counted together.
        wanted: calls.
        debt: calls made since the last time that were not granted; below nought, granted ones that
            were not made.
        per_second: how many there are of them.
    """
    most = max(1.0, BURST_SECONDS * per_second)
    parameters = {
        "account": account,
        "wanted": wanted,
        "debt": debt,
        "per_second": per_second,
        "most": most,
    }
    [row] = await fetch(conn, _TAKE[conn.dialect.name], parameters)
    granted, left = row.values()
    return Granted(granted, max(0.0, (1.0 - left) / per_second))
