"""How much may be given back of one payment, or to one account for one booking, and how much of it is claimed."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_OF_A_PAYMENT = sa.text("payment_id IS NOT NULL")


def upgrade() -> None:
    """Add the ceilings, claimed by the refunds that are there, and two indexes by payment."""
    op.create_table(
        "ceilings",
        sa.Column("business_id", sa.String(length=128), nullable=False),
        sa.Column("method", sa.String(length=8), nullable=False),
        sa.Column("subject_id", sa.String(length=128), nullable=False),
        sa.Column("booking_id", sa.String(length=128), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("paid", sa.BigInteger(), nullable=False),
        sa.Column("claimed", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "claimed BETWEEN 0 AND paid", name=op.f("ck_ceilings_never_more_than_was_paid")
        ),
        sa.CheckConstraint(
            "method = 'payment' AND booking_id = '' AND currency <> '' "
            "OR method = 'credit' AND booking_id <> '' AND currency = ''",
            name=op.f("ck_ceilings_of_one_means"),
        ),
        sa.PrimaryKeyConstraint(
            "business_id",
            "method",
            "subject_id",
            "booking_id",
            "currency",
            name=op.f("pk_ceilings"),
        ),
    )
    for name, table in (("refunds_of_payment", "refunds"), ("lines_of_payment", "payment_lines")):
        op.create_index(
            name,
            table,
            ["business_id", "payment_id"],
            postgresql_where=_OF_A_PAYMENT,
            sqlite_where=_OF_A_PAYMENT,
        )
    # What is claimed already stands, whatever the schedule says now: no more than that was paid, as
    # far as is known.
    op.execute(
        """
        INSERT INTO ceilings (business_id, method, subject_id, booking_id, currency, paid, claimed)
        SELECT business_id, method, coalesce(payment_id, account_id),
          CASE WHEN method = 'payment' THEN '' ELSE booking_id END, coalesce(currency, ''),
          sum(coalesce(amount_minor, credits)), sum(coalesce(amount_minor, credits))
        FROM refunds
        WHERE coalesce(amount_minor, credits) > 0 AND (status <> 'skipped' OR coalesce(failure_code, '') <> 'withdrawn')
        GROUP BY 1, 2, 3, 4, 5
        """
    )
    # A build that knows nothing of ceilings would write refunds that claim nothing.
    op.execute(f"UPDATE schema_needs SET revision = '{revision}' WHERE name = 'build'")  # noqa: S608


def downgrade() -> None:
    """Drop the ceilings and both indexes by payment."""
    op.execute("UPDATE schema_needs SET revision = '0012' WHERE name = 'build'")
    op.drop_index("lines_of_payment", table_name="payment_lines")
    op.drop_index("refunds_of_payment", table_name="refunds")
    op.drop_table("ceilings")
