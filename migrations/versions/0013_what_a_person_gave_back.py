"""What a person gave back elsewhere, refunds by client, and the scope of names and e-mail addresses."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_AUDIT = "audit:read"
_ALL_BEFORE = frozenset(
    {
        "schedule:read",
        "schedule:write",
        "cancellations:read",
        "cancellations:write",
        "webhooks:manage",
    }
)
_keys = sa.table("api_keys", sa.column("id"), sa.column("scopes"))


def upgrade() -> None:
    """Add amounts given back elsewhere, refunds by client, and the scope `audit:read`."""
    op.add_column("refunds", sa.Column("resolved_amount_minor", sa.BigInteger(), nullable=True))
    op.add_column(
        "refund_history", sa.Column("resolved_amount_minor", sa.BigInteger(), nullable=True)
    )
    op.create_index("refunds_of_client", "refunds", ["job_id", "client_id", "id"])
    # A key that could do all goes on as it did: the audit was part of reading cancellations.
    for id_, scopes in op.get_bind().execute(sa.select(_keys.c.id, _keys.c.scopes)).all():
        if set(scopes.split()) >= _ALL_BEFORE:
            _put(id_, {*scopes.split(), _AUDIT})


def downgrade() -> None:
    """Drop these amounts and the index, and take the scope from every key."""
    for id_, scopes in op.get_bind().execute(sa.select(_keys.c.id, _keys.c.scopes)).all():
        _put(id_, {*scopes.split()} - {_AUDIT})
    op.drop_index("refunds_of_client", table_name="refunds")
    op.drop_column("refund_history", "resolved_amount_minor")
    op.drop_column("refunds", "resolved_amount_minor")


def _put(id_: object, scopes: set[str]) -> None:
    op.execute(sa.update(_keys).where(_keys.c.id == id_).values(scopes=" ".join(sorted(scopes))))
