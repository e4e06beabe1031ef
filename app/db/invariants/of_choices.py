"""What must hold of choices: the form that was chosen comes first."""

import sqlalchemy as sa

from app.db.invariants.scope import CheckScope, Rows, text
from app.db.tables import choices, refunds


def other_than_chosen(scope: CheckScope) -> Rows:
    """Refunds that come back in another form than their client has chosen for them."""
    chosen = sa.and_(
        choices.c.job_id == refunds.c.job_id, choices.c.client_id == refunds.c.client_id
    )
    return (
        sa.select(text(refunds.c.job_id), text(refunds.c.id))
        .select_from(refunds.join(choices, chosen))
        .where(
            refunds.c.choose_until.is_not(None),
            refunds.c.returned_as != choices.c.form,
            scope.of(refunds.c.business_id, refunds.c.job_id),
        )
    )
