"""The defects that `make mutants` seeds in legs: what follows a refusal, when, and how much."""

from mutants.defects import Change, Defect, defect

LADDER = "tests/unit/test_ladder.py"
LEGS = "tests/integration/cancellations/legs/test_legs.py"
LATE = "tests/integration/cancellations/legs/test_late_legs.py"
OWED = "tests/integration/test_owed_lines.py"
KILLED = (
    "tests/crash/test_leg_points.py"
    "::test_each_line_moves_once_in_the_form_that_works_though_a_worker_is_killed_at"
)
HOOKS = "tests/integration/cancellations/hooks/test_hooks_of_forms.py"
STRIPE_HOOKS = "tests/integration/cancellations/stripe_hooks/test_stripe_legs.py"

DEFECTS: tuple[Defect, ...] = (
    defect(
        "legs: value follows a dispute",
        "app/refunds/legs/ladder.py",
        "    if not cannot_be_made(refused.form, refused.code):\n        return None\n",
        "",
        LADDER,
    ),
    defect(
        "legs: a form is tried twice",
        "app/refunds/legs/ladder.py",
        "if form not in refused.tried:",
        "if True:",
        LADDER,
    ),
    defect(
        "legs: a part of a payment that was never captured is let go",
        "app/refunds/legs/ladder.py",
        "if refused.is_whole else None",
        "",
        LADDER,
        LEGS,
    ),
    defect(
        "legs: what was never captured comes back in another form",
        "app/refunds/legs/ladder.py",
        "or refused.form is RefundForm.VOID",
        "",
        LADDER,
    ),
    defect(
        "legs: the rest is all that is left, though it is more",
        "app/refunds/legs/ladder.py",
        "not 0 < rest < refused.amount_minor",
        "rest <= 0",
        LADDER,
    ),
    defect(
        "legs: a rest is returned though terms leave it to a person",
        "app/refunds/legs/ladder.py",
        "return ladder.returns_rest and form",
        "return form",
        LADDER,
    ),
    defect(
        "legs: a fee makes a payment whole",
        "app/db/refunds/legs.py",
        "this.c.kept_amount_minor == 0, ",
        "",
        LEGS,
    ),
    defect(
        "legs: what is not returned of a rest is not named as kept",
        "app/db/refunds/legs.py",
        "r.kept_amount_minor + r.amount_minor - n.amount_minor, 0,",
        "r.kept_amount_minor, 0,",
        LATE,
    ),
    defect(
        "legs: one that was sent is left out",
        "app/db/refunds/legs.py",
        "last.status == RefundStatus.PENDING and last.attempts == 0",
        "True",
        LATE,
    ),
    defect(
        "legs: a late success of an earlier one is no more than a success",
        "app/db/refunds/outcomes.py",
        '_LATE: Final = "v.definitive AND r.followed"',
        '_LATE: Final = "1 = 0"',
        LATE,
    ),
    defect(
        "legs: a late success is recorded each time that it is heard",
        "app/db/refunds/outcomes.py",
        "AND NOT (r.followed AND r.status = 'indeterminate')",
        "",
        LATE,
    ),
    defect(
        "legs: a job stays completed though a line was returned twice",
        "app/db/refunds/outcomes.py",
        "await completion.fail_if_somebody_is_needed(conn, job_id)",
        "pass",
        LATE,
    ),
    defect(
        "legs: value is asked of the payments service",
        "app/db/refunds/claims.py",
        "AND upstream = CAST(:method AS varchar)",
        "AND method = CAST(:method AS varchar)",
        LATE,
    ),
    defect(
        "legs: a leg that is followed is followed again",
        "app/refunds/decide.py",
        "return update if line.is_left_out else policy.replaced(update, None)",
        "pass",
        LEGS,
        LATE,
    ),
    defect(
        "legs: a service that says nothing is left for dead",
        "app/refunds/legs/next_leg.py",
        "return policy.refused_for_now(context, code, detail)",
        "pass",
        LATE,
    ),
    defect(
        "legs: the audit tells what was paid once a leg",
        "app/db/jobs/audit_rows.py",
        "_ALWAYS if as_accepted else ~refunds.c.followed",
        "_ALWAYS",
        LEGS,
    ),
    defect(
        "legs: a job's sums count each leg as a promise",
        "app/cancellation/read.py",
        "        if not is_first:\n            continue\n",
        "",
        LEGS,
        LATE,
    ),
    defect(
        "legs: an override's form is not asked for",
        "app/db/terms/owed_lines.py",
        "sa.func.coalesce(lines.c.said_form, word(rule.first_form(shape.terms)))",
        "word(rule.first_form(shape.terms))",
        OWED,
    ),
    defect(
        "legs: a leg has the id of the one before it in another job's range",
        "app/domain/refund_ids.py",
        'return f"{refund_id[:22]}{digest[0]}-{digest[1:13]}"',
        'return f"{digest[:8]}{refund_id[8:22]}{digest[0]}-{digest[1:13]}"',
        LADDER,
    ),
    defect(
        "legs: one that was refused is a person's though an earlier one was made after all",
        "app/db/refunds/legs.py",
        "unsent or last.status == RefundStatus.REJECTED",
        "unsent",
        LATE,
    ),
    defect(
        "legs: what a late one leaves no place for is not looked at when the next is refused",
        "app/db/refunds/outcomes.py",
        "[*late, *_later_refusals(outcomes, changed)]",
        "late",
        LATE,
    ),
    defect(
        "legs: what was returned twice is looked up again for a person",
        "app/db/refunds/manual_changes.py",
        'sa.func.coalesce(refunds.c.failure_code, "") != RETURNED_TWICE,',
        "",
        LATE,
    ),
    defect(
        "legs: one that stood for a leg left out and fails after all is nobody's",
        "app/refunds/decide.py",
        "return update if line.is_left_out else policy.replaced(update, None)",
        "return policy.replaced(update, None)",
        LATE,
    ),
    defect(
        "legs: a look-up of one that is followed is an alarm",
        "app/db/invariants/of_legs.py",
        "leg.c.followed, leg.c.status.in_((RefundStatus.PROCESSING, RefundStatus.RESOLVED))",
        "leg.c.followed, leg.c.status.in_((RefundStatus.RESOLVED,))",
        LATE,
    ),
    defect(
        "legs: an operator's mistake at the payments service becomes store credit",
        "app/refunds/legs/ladder.py",
        "form is RefundForm.STORE_CREDIT and code in HAS_NO_ACCOUNT",
        "code in HAS_NO_ACCOUNT",
        LADDER,
    ),
    Defect(
        "legs: a refusal is recorded in one commit and its leg in the next",
        (
            Change(
                "app/db/refunds/outcomes.py",
                "if following := _following(outcomes, changed):\n        await legs.add(conn, following)",
                "",
            ),
            Change(
                "app/refunds/settle.py",
                "if len(changed) != len(group):",
                "async with runtime.db.write() as conn:\n"
                "        if following := outcomes._following(group, changed):\n"
                "            await outcomes.legs.add(conn, following)\n"
                "    if len(changed) != len(group):",
            ),
        ),
        (f"{KILLED}[sqlite-next_leg.committed@1 done]",),
    ),
    defect(
        "legs: value is looked up among returns",
        "app/gateways/by_reference.py",
        "operation = self._operations.get(order.form)\n        if operation is None:  # it was never asked",
        "operation = self._operations.get(RefundForm.ORIGINAL)\n        if operation is None:",
        f"{KILLED}[sqlite-look_up.credit.after@1 done]",
    ),
    defect(
        "legs: hooks of value are looked for at the service that was paid",
        "app/db/refunds/inbound_events.py",
        "refunds.c.id == refund_id, refunds.c.upstream == method",
        "refunds.c.id == refund_id, refunds.c.method == method",
        HOOKS,
    ),
    defect(
        "legs: nothing follows what a look-up finds failed",
        "app/refunds/execute.py",
        "            return await go_on(found)\n        if settings",
        "            return found\n        if settings",
        HOOKS,
        STRIPE_HOOKS,
    ),
    defect(
        "legs: a leg is written though its refusal was not",
        "app/db/refunds/outcomes.py",
        "(leg := one.update.next_leg) is not None and one.id in changed",
        "(leg := one.update.next_leg) is not None",
        LATE,
    ),
    defect(
        "legs: a second leg before the verdict on the first: a look-up that was not answered says there is none",
        "app/refunds/decide.py",
        "        case Indeterminate(why, retry_after):\n            return policy.unknown(why, quiet_in_seconds=context.pause(at_least=retry_after or 0.0))\n",
        "        case Indeterminate():\n            return _rejected(context, refusal)\n",
        LADDER,
    ),
    defect(
        "legs: a second leg before the verdict on the first: the service has no such form any more",
        "app/refunds/decide.py",
        "update.failure_code == FORM_NOT_SUPPORTED and claimed.attempts > 1",
        "claimed.attempts < 1",
        LADDER,
    ),
    defect(
        "legs: a line has any number of legs",
        "app/refunds/legs/ladder.py",
        "refused.leg >= MAX_LEGS or refused",
        "refused",
        LADDER,
    ),
    defect(
        "legs: the rest of a disputed payment is returned",
        "app/refunds/legs/next_leg.py",
        "PaymentFacts(left, currency, disputed=False) if",
        "PaymentFacts(left, currency) if",
        LATE,
    ),
    defect(
        "legs: a rest of another currency is returned",
        "app/refunds/legs/next_leg.py",
        " if currency == order.currency:",
        " if currency:",
        LATE,
    ),
    defect(
        "legs: credits that are refused go on as value",
        "app/refunds/legs/next_leg.py",
        "update.status != RefundStatus.REJECTED or claimed.payment_id is None",
        "update.status != RefundStatus.REJECTED",
        LEGS,
    ),
    defect(
        "legs: a payment of several bookings is let go for one of them",
        "app/db/refunds/legs.py",
        "this.c.kept_amount_minor == 0, ceilings.c.paid == this.c.amount_minor",
        "this.c.kept_amount_minor == 0, ceilings.c.paid >= this.c.amount_minor",
        LEGS,
    ),
    defect(
        "legs: a late one stands beside the next one",
        "app/db/refunds/legs.py",
        "        elif last.status != RefundStatus.SKIPPED:\n            continue\n",
        "",
        LATE,
    ),
    defect(
        "legs: of two late ones both stand",
        "app/db/refunds/legs.py",
        "    if len(late) > 1:\n        return []\n",
        "    if not late:\n        return []\n",
        LATE,
    ),
    defect(
        "legs: a late one stands beside another that stands",
        "app/db/refunds/legs.py",
        "if all(one in late or one.status == RefundStatus.REPLACED for one in earlier):",
        "if late:",
        LATE,
    ),
    defect(
        "legs: a leg forgets by which rule its line is kept in part",
        "app/db/refunds/legs.py",
        "coalesce(r.kept_by, CASE WHEN n.amount_minor < r.amount_minor THEN '{part_refunded}' END)",
        "CASE WHEN n.amount_minor < r.amount_minor THEN '{part_refunded}' END",
        LATE,
    ),
)
