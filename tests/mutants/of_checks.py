"""The defects that `make mutants` seeds in checks of plans: what is asked, how fast, and of whom."""

from mutants.defects import Change, Defect, defect

CHECKS = "tests/integration/cancellations/checks"
RISKS = f"{CHECKS}/test_risks.py"
BEHIND = f"{CHECKS}/test_behind_refunds.py"
ONE = f"{CHECKS}/test_one_at_a_time.py"
STREAMS = f"{CHECKS}/test_check_streams.py"
TURNS = "app/refunds/plan_check/turns.py"
LEASES = "app/db/access/plan_checks.py"
CHECK = "app/refunds/plan_check/check.py"

DEFECTS: tuple[Defect, ...] = (
    defect(
        "a check asks about a payment once for each line",
        "app/cancellation/plan_payments.py",
        "[PlannedPayment(payment_id, mine) for payment_id, mine in of_payment.items()]",
        "[PlannedPayment(line.payment_id, [line]) for line in lines]",
        RISKS,
    ),
    defect(
        "a check holds each line alone against what remains of its payment",
        CHECK,
        "needed = payment.needed(line.currency)",
        "needed = line.amount_minor",
        RISKS,
    ),
    defect(
        "a check needs what was paid instead of what is owed",
        "app/db/terms/owed_payments.py",
        "sa.select(*(lines.c[name] for name in _OF_LINE))",
        "sa.select(*(lines.c[name] if name != 'amount_minor' else (lines.c.amount_minor + lines.c.kept_amount_minor).label(name) for name in _OF_LINE))",
        RISKS,
    ),
    defect(
        "a check shows clients' names to every key",
        "app/api/cancellations/check_bodies.py",
        "client_name=line.client_name if named else None",
        "client_name=line.client_name",
        RISKS,
    ),
    defect(
        "a check ignores the pause of a 429",
        TURNS,
        "self._paused_until - now,",
        "",
        BEHIND,
    ),
    defect(
        "a check takes all of its account's pace",
        TURNS,
        "max(min(known) * SHARE, 0.01)",
        "max(min(known), 0.01)",
        BEHIND,
    ),
    Defect(
        "a check has as many calls in flight as refunds may have",
        (
            Change(
                TURNS,
                "most = max(1, int(SHARE * self.runtime.settings.concurrency))",
                "most = self.runtime.settings.concurrency",
            ),
            Change(TURNS, "return int(SHARE * paces.window(", "return int(paces.window("),
        ),
        (BEHIND,),
    ),
    defect(
        "a check goes on while refunds stay away from their upstream",
        TURNS,
        "self.runtime.paces.quiet_seconds(self.business_id, UpstreamMethod.PAYMENT),",
        "",
        BEHIND,
    ),
    defect(
        "a check goes on when its client has gone",
        CHECK,
        "        asking.cancel()\n",
        "",
        STREAMS,
    ),
    defect(
        "a business checks any number of plans at once",
        "app/refunds/plan_check/lease.py",
        "if not await lease.claim():",
        "if not await lease.claim() and False:",
        STREAMS,
        ONE,
    ),
    defect(
        "a check waits for one that is dead for ever",
        LEASES,
        'index_elements=["business_id"], set_=taken, where=plan_checks.c.leased_until <= now()',
        'index_elements=["business_id"], set_=taken, where=sa.false()',
        ONE,
    ),
    defect(
        "a check takes a lease that is not over",
        LEASES,
        'index_elements=["business_id"], set_=taken, where=plan_checks.c.leased_until <= now()',
        'index_elements=["business_id"], set_=taken',
        ONE,
    ),
    defect(
        "a check lets its lease run out while it asks",
        "app/refunds/plan_check/lease.py",
        "await self._unless_away(self._renew)",
        "await asyncio.sleep(0)",
        ONE,
    ),
    defect(
        "a check goes on when its lease is another's",
        CHECK,
        "while not (stopping.is_set() or lease.is_over):",
        "while not stopping.is_set():",
        ONE,
    ),
    defect(
        "a check that has ended keeps its lease",
        "app/refunds/plan_check/lease.py",
        "await self._unless_away(self._release)",
        "await asyncio.sleep(0)",
        ONE,
    ),
)
