"""A row per refund, as an application keeps it.

It is marked before the call, and again with what came of it.
"""

import sqlalchemy as sa
from race import CURRENCY, PRICE_MINOR, given

# Transactions are short; more connections than this only wait for the same two cores.
POOL = 16

refunds = sa.Table(
    "refunds_elsewhere",
    sa.MetaData(),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("amount_minor", sa.Integer, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False, server_default="requested"),
    sa.Column("upstream_id", sa.Text),
    sa.Column("submitted_at", sa.DateTime(timezone=True)),
    sa.Column("finished_at", sa.DateTime(timezone=True)),
)

# One statement each. Not for refunds that are done: both queues may deliver a message twice.
submit = (
    sa.update(refunds)
    .where(refunds.c.id == sa.bindparam("refund_id"), refunds.c.status != "succeeded")
    .values(status="submitted", submitted_at=sa.func.now())
    .returning(refunds.c.id)
)
succeed = (
    sa.update(refunds)
    .where(refunds.c.id == sa.bindparam("refund_id"))
    .values(status="succeeded", upstream_id=sa.bindparam("made"), finished_at=sa.func.now())
)


def url(driver: str) -> sa.URL:
    return sa.make_url(given().database_url).set(drivername=f"postgresql+{driver}")


engine = sa.create_engine(url("psycopg"), pool_size=POOL, max_overflow=0)


def create(batch: str, count: int) -> list[str]:
    """Write the rows of a batch; returns their ids."""
    refunds.metadata.create_all(engine)
    ids = [f"{batch}-{number}" for number in range(count)]
    with engine.begin() as conn:
        conn.execute(
            sa.insert(refunds),
            [{"id": one, "amount_minor": PRICE_MINOR, "currency": CURRENCY} for one in ids],
        )
    return ids


def seconds(batch: str, count: int) -> float | None:
    """From the batch's first call to its last's end, by the database's clock; None until then."""
    took = sa.func.extract(
        "epoch", sa.func.max(refunds.c.finished_at) - sa.func.min(refunds.c.submitted_at)
    )
    done = sa.func.count().filter(refunds.c.status == "succeeded")
    with engine.begin() as conn:
        made, elapsed = conn.execute(
            sa.select(done, took).where(refunds.c.id.startswith(batch))
        ).one()
    return float(elapsed) if made == count else None
