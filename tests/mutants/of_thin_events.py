"""The defects that `make mutants` seeds in what is taken of Stripe's thin events."""

from mutants.defects import Defect, defect

HOOKS = "tests/integration/cancellations/stripe_hooks/test_stripe_thin_events.py"

DEFECTS: tuple[Defect, ...] = (
    defect(
        "thin events are passed over",
        "app/gateways/stripe/inbound.py",
        "if type_ in THIN_TYPES:",
        "if False:",
        HOOKS,
    ),
    defect(
        "any thin event puts a success in doubt",
        "app/gateways/stripe/inbound.py",
        "refund_id if type_ == _FAILED else None",
        "refund_id",
        HOOKS,
    ),
    defect(
        "a thin event of another account is taken",
        "app/db/refunds/inbound_events.py",
        "businesses.c.stripe_account == account if account else businesses.c.stripe_account.is_(None),",
        "sa.true(),",
        HOOKS,
    ),
)
