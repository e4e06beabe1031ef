"""Which tables PostgreSQL keeps businesses apart in, and whether it does so for a role.

Asked is what the database does, not what was set: every process looks before it is ready.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from app.db.core.engine import Database
from app.db.tables import metadata
from app.db.tables.administration import administration
from app.db.tables.approvals import approval_limits
from app.db.tables.evidence import evidence_links
from app.db.tables.messages import messages
from app.db.tables.pages import public_pages
from app.db.tables.personal import former_contacts
from app.db.tables.webhooks import webhook_endpoints

_EACH: Final = (
    administration,
    approval_limits,
    evidence_links,
    messages,
    public_pages,
    former_contacts,
    webhook_endpoints,
)
assert all(table.metadata is metadata for table in _EACH)

# Whose a row is, by its table.
OF: Final = {
    table.name: "id" if table.name == "businesses" else "business_id"
    for table in metadata.sorted_tables
    if table.name == "businesses" or "business_id" in table.c
}
TABLES: Final = tuple(sorted(OF))

_HELD: Final = sa.text("""
SELECT c.relname, row_security_active(c.oid) AND c.relforcerowsecurity AND EXISTS (
    SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'own_business'
  ) AND NOT EXISTS (
    SELECT FROM pg_policy p, unnest(p.polroles) AS r(role)
    WHERE p.polrelid = c.oid AND p.polname <> 'own_business'
      AND (r.role = 0 OR pg_has_role(r.role, 'USAGE'))
  ) AS held, pg_has_role(c.relowner, 'USAGE') AS owns
FROM pg_class c
WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND c.relname = ANY(:tables)
""").bindparams(sa.bindparam("tables", list(TABLES), type_=sa.ARRAY(sa.Text)))


@dataclass(frozen=True, slots=True)
class Isolation:
    """How a role of the processes is held.

    Attributes:
        held: the tables of which it sees rows of one business alone.
        open: those of which it sees all.
        owns: whether it owns some, and so may switch triggers off and change policies.
    """

    held: Sequence[str]
    open: Sequence[str]
    owns: bool

    @property
    def is_whole(self) -> bool:
        """Whether it sees rows of one business alone, of each table that has some."""
        return not self.open

    def fits(self, *, wanted: bool) -> bool:
        """Whether processes that say whose rows they want, or don't, can work with this role."""
        return self.is_whole if wanted else not self.held

    def sentence(self, *, wanted: bool) -> str:
        """One line for a person, where it does not fit: what to do."""
        if wanted:
            return (
                f"The role of BULK_CANCEL_DATABASE_URL sees all businesses in {len(self.open)} "
                "tables. Run: bulk-cancel database isolate, and give the processes the role that "
                "it was run for"
            )
        return (
            "The role of BULK_CANCEL_DATABASE_URL sees one business at a time, and nothing where "
            "none is said. Set BULK_CANCEL_DATABASE_ISOLATION=true"
        )


async def isolation_of(db: Database) -> Isolation:
    """How the role that `db` has is held; on SQLite it is not.

    Raises:
        sqlalchemy.exc.DBAPIError, OSError: the database can't be reached.
    """
    if not db.is_postgresql:
        return Isolation((), TABLES, owns=True)
    async with db.read() as conn:
        rows = (await conn.execute(_HELD)).all()
    held = [row.relname for row in rows if row.held]
    return Isolation(
        held, [row.relname for row in rows if not row.held], owns=any(row.owns for row in rows)
    )
