"""Text for display in one form, a text to search in, and clients whose name is not known."""

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from alembic import op

from app.domain.texts.display_text import cut, displayed, searchable

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_AT_ONCE = 1000
_CLIENTS = sa.table("clients", *map(sa.column, ("business_id", "id", "name", "email")))
_SESSIONS = sa.table(
    "sessions",
    *map(sa.column, ("business_id", "id", "name", "location", "instructor", "search_text")),
)


def upgrade() -> None:
    """Let clients have no name, add the text to search in, and rewrite stored texts."""
    with op.batch_alter_table("clients") as clients:
        clients.alter_column("name", existing_type=sa.String(length=200), nullable=True)
    with op.batch_alter_table("sessions") as sessions:
        sessions.add_column(sa.Column("search_text", sa.Text(), server_default="", nullable=False))
    _rewrite(_CLIENTS, _client)
    _rewrite(_SESSIONS, _session)


def downgrade() -> None:
    """Name clients without a name by their id, and drop the text to search in."""
    op.execute("UPDATE clients SET name = id WHERE name IS NULL")
    with op.batch_alter_table("sessions") as sessions:
        sessions.drop_column("search_text")
    with op.batch_alter_table("clients") as clients:
        clients.alter_column("name", existing_type=sa.String(length=200), nullable=False)


def _client(row: sa.RowMapping) -> dict[str, str | None]:
    return {"name": _kept(row["name"]), "email": displayed(row["email"] or "") or None}


def _session(row: sa.RowMapping) -> dict[str, str | None]:
    name = _kept(row["name"]) or row["id"]
    texts = {column: _kept(row[column]) for column in ("location", "instructor")}
    return {"name": name, "search_text": searchable(name)} | texts


def _kept(value: str | None) -> str | None:
    return cut(displayed(value or "")) or None


def _rewrite(table: sa.TableClause, values: Callable[[sa.RowMapping], dict[str, Any]]) -> None:
    """Write the new values of every row that differ from those it has, some rows at a time."""
    key = sa.tuple_(table.c.business_id, table.c.id)
    after: tuple[str, str] | None = None
    while True:
        page = sa.select(table).order_by(table.c.business_id, table.c.id).limit(_AT_ONCE)
        rows = (
            op.get_bind()
            .execute(page if after is None else page.where(key > after))
            .mappings()
            .all()
        )
        if not rows:
            return
        new = [(row, values(row)) for row in rows]
        changed = [
            {"of_business": row["business_id"], "of_id": row["id"], **given}
            for row, given in new
            if any(row[name] != value for name, value in given.items())
        ]
        if changed:
            statement = sa.update(table).where(
                table.c.business_id == sa.bindparam("of_business"),
                table.c.id == sa.bindparam("of_id"),
            )
            op.get_bind().execute(statement, changed)
        after = (rows[-1]["business_id"], rows[-1]["id"])
