"""The scope `business:manage`, for keys that could do all."""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

_BUSINESS = "business:manage"
_ALL_BEFORE = frozenset(
    {
        "schedule:read",
        "schedule:write",
        "cancellations:read",
        "cancellations:write",
        "audit:read",
        "terms:write",
        "webhooks:manage",
    }
)
_keys = sa.table("api_keys", sa.column("id"), sa.column("scopes"))


def upgrade() -> None:
    """Give the scope to every key that had all there were."""
    for id_, scopes in op.get_bind().execute(sa.select(_keys.c.id, _keys.c.scopes)).all():
        if set(scopes.split()) >= _ALL_BEFORE:
            _put(id_, {*scopes.split(), _BUSINESS})


def downgrade() -> None:
    """Take the scope from every key."""
    for id_, scopes in op.get_bind().execute(sa.select(_keys.c.id, _keys.c.scopes)).all():
        _put(id_, {*scopes.split()} - {_BUSINESS})


def _put(id_: object, scopes: set[str]) -> None:
    op.execute(sa.update(_keys).where(_keys.c.id == id_).values(scopes=" ".join(sorted(scopes))))
