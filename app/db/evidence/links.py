"""Adding a link to a job's chain, in the transaction of what it is about.

The job's row is locked by then: so no two links have the same one before them. A job without a
chain, which a build of before has accepted, is left without.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import orjson
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.tables import refund_history, refunds
from app.db.tables.evidence import evidence_heads, evidence_links
from app.domain.chain import link_hash
from app.domain.days import instant_text
from app.domain.nouns.deeds import JobDeed

_H: Final = evidence_heads.c
_L: Final = evidence_links.c
_ROWS_AT_ONCE: Final = 1_000
# What is hashed of each row of a refund's history, and of the refund what never changes. Not the
# detail, which an erasure takes out.
OF_HISTORY: Final = (
    *("refund_id", "epoch", "status", "attempts", "upstream_reference", "failure_code", "actor"),
    *("resolved_amount_minor", "recorded_at"),
)
OF_REFUND: Final = (
    *("session_id", "booking_id", "client_id"),
    *("amount_minor", "currency", "credits"),
)
# The same rows on SQLite, with the chain's end before them, in one statement.
_SQLITE_ROWS: Final = sa.text(f"""
SELECT e.links, e.head, e.business_id, {", ".join(f"h.{name}" for name in OF_HISTORY)},
  {", ".join(f"c.{name}" for name in OF_REFUND)}
FROM evidence_heads AS e CROSS JOIN json_each(:ids) AS v
  JOIN refund_history AS h ON h.id = v.value JOIN refunds AS c ON c.id = h.refund_id
WHERE e.job_id = :job_id
ORDER BY h.id
""")  # noqa: S608 - only our own words are in it; every value is a parameter
_SQLITE_HEAD: Final = sa.text(
    "UPDATE evidence_heads SET links = :number, head = :hash WHERE job_id = :job_id"
)
_SQLITE_LINK: Final = sa.text("""
INSERT INTO evidence_links (job_id, number, business_id, facts, history, hash)
VALUES (:job_id, :number, :business_id, :facts, :history, :hash)
""")
_SQLITE_FIRST: Final = sa.text("""
INSERT INTO evidence_heads (job_id, business_id, links, head)
VALUES (:id, :business_id, 1, :first_hash)
""")
# The same within the statement that writes the job, as `job`: a turn of its own would take longer
# than all that it does.
FIRST_OF_JOB: Final = """, begun AS (
  INSERT INTO evidence_heads (job_id, business_id, links, head)
  SELECT job.id, :business_id, 1, CAST(:first_hash AS text) FROM job
), linked AS (
  INSERT INTO evidence_links (job_id, number, business_id, facts, history, hash)
  SELECT job.id, 1, :business_id, CAST(:first_facts AS text), '[]', CAST(:first_hash AS text)
  FROM job
)"""
Fields = tuple[str | int | None, ...]


class Head(NamedTuple):
    """The end of a job's chain: how many links there are, and the hash of the last."""

    links: int
    hash: str


def first(deed: JobDeed) -> dict[str, str]:
    """The parameters of a chain's first link."""
    facts = deed.text()
    return {"first_facts": facts, "first_hash": link_hash("", facts, ())}


async def begin(conn: AsyncConnection, parameters: Mapping[str, Any]) -> None:
    """Begin the chain of a job of these parameters on SQLite, beside the job's row."""
    await conn.execute(_SQLITE_FIRST, parameters)
    link = {
        "job_id": parameters["id"],
        "number": 1,
        "business_id": parameters["business_id"],
        "facts": parameters["first_facts"],
        "history": "[]",
        "hash": parameters["first_hash"],
    }
    await conn.execute(_SQLITE_LINK, link)


async def add(
    conn: AsyncConnection, job_id: str, deed: JobDeed, history_ids: Sequence[int] = ()
) -> None:
    """Add a link to a locked job's chain, with these rows of its refunds' history."""
    query = sa.select(_H.links, _H.head, _H.business_id).where(_H.job_id == job_id)
    found = (await conn.execute(query)).one_or_none()
    if found is None:
        return
    links, before, business_id = found
    rows = await fields_of(conn, history_ids)
    after = link_hash(before, deed.text(), (rows[id_] for id_ in sorted(history_ids)))
    moved = sa.update(evidence_heads).where(_H.job_id == job_id)
    await conn.execute(moved.values(links=links + 1, head=after))
    link = {
        "job_id": job_id,
        "business_id": business_id,
        "number": links + 1,
        "facts": deed.text(),
        "history": orjson.dumps(sorted(history_ids)).decode(),
        "hash": after,
    }
    await conn.execute(sa.insert(evidence_links).values(link))


async def add_outcomes(
    conn: AsyncConnection, job_id: str, deed: JobDeed, history_ids: Sequence[int]
) -> None:
    """As `add`, on SQLite, in few statements: for each group of outcomes that is recorded."""
    named = orjson.dumps(sorted(history_ids)).decode()
    found = (await conn.execute(_SQLITE_ROWS, {"ids": named, "job_id": job_id})).all()
    if not found:
        return
    links, before, business_id = found[0][:3]
    facts = deed.text()
    link = {"job_id": job_id, "number": links + 1, "business_id": business_id}
    hashed = link_hash(before, facts, (row[3:] for row in found))
    await conn.execute(_SQLITE_HEAD, link | {"hash": hashed})
    await conn.execute(_SQLITE_LINK, link | {"facts": facts, "history": named, "hash": hashed})


async def fields_of(conn: AsyncConnection, history_ids: Sequence[int]) -> dict[int, Fields]:
    """What is hashed of these rows, by their ids; of a row that is not there nothing."""
    found: dict[int, Fields] = {}
    query = sa.select(
        refund_history.c.id,
        *(refund_history.c[name] for name in OF_HISTORY),
        *(refunds.c[name] for name in OF_REFUND),
    ).join(refunds, refunds.c.id == refund_history.c.refund_id)
    for start in range(0, len(history_ids), _ROWS_AT_ONCE):
        some = history_ids[start : start + _ROWS_AT_ONCE]
        rows = await conn.execute(query.where(refund_history.c.id.in_(some)))
        found |= {id_: tuple(map(_plain, fields)) for id_, *fields in map(tuple, rows.all())}
    return found


def _plain(value: Any) -> str | int | None:
    return instant_text(value) if hasattr(value, "tzinfo") else value


async def head(conn: AsyncConnection, job_id: str) -> Head | None:
    """The end of the job's chain; None: it has none."""
    query = sa.select(_H.links, _H.head).where(_H.job_id == job_id)
    found = (await conn.execute(query)).one_or_none()
    return None if found is None else Head._make(found)


def of_outcomes(changed: str, written: str, *, actor: str, at: str) -> str:
    """CTEs, as SQL, that add a link on PostgreSQL in the statement which records the outcomes.

    `changed` are the refunds, and `written` the rows of their history: by this `actor`, and all of
    the one instant `at` (SQL, too). So neither is joined to the other. Of the head's row the update
    takes what was committed last, whatever the statement saw when it began.
    """
    others = {
        "refund_id": "c.id",
        "actor": actor,
        "resolved_amount_minor": "NULL",
        "recorded_at": f"to_char({at} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')",
    }
    columns = (
        *(others.get(name, f"c.{name}") for name in OF_HISTORY),
        *(f"c.{name}" for name in OF_REFUND),
    )
    row = f"CAST(json_build_array({', '.join(columns)}) AS text)"
    rows = f"string_agg({row}, '' ORDER BY c.id)"
    return f"""hashed AS (
  SELECT {_sha256(f"CAST(:facts AS text) || {rows}")} AS content,
    (SELECT CAST(json_agg(id ORDER BY refund_id) AS text) FROM {written}) AS history,
    count(*) AS rows
  FROM {changed} AS c
), moved AS (
  UPDATE evidence_heads AS e SET links = e.links + 1, head = {_sha256("e.head || hashed.content")}
  FROM hashed WHERE e.job_id = CAST(:job_id AS uuid) AND hashed.rows > 0
  RETURNING e.job_id, e.business_id, e.links, e.head, hashed.history
), linked AS (
  INSERT INTO evidence_links (job_id, number, business_id, facts, history, hash)
  SELECT job_id, links, business_id, CAST(:facts AS text), history, head FROM moved
)"""  # noqa: S608 - only our own words are in it; every value is a parameter


def _sha256(text: str) -> str:
    return f"encode(sha256(convert_to({text}, 'UTF8')), 'hex')"
