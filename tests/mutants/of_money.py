"""The defects that `make mutants` seeds in what is returned, what is kept, and what a plan says of both."""

from mutants.defects import Defect, defect

KEPT = "tests/integration/cancellations/test_kept.py"
CREATE = "tests/integration/cancellations/test_create.py"
CHANGED = "tests/integration/cancellations/test_plan_changed.py"
PLAN = "tests/integration/cancellations/test_plan.py"
REVISIONS = "tests/integration/test_revisions.py"
RESOLUTIONS = "tests/integration/cancellations/test_resolutions.py"

DEFECTS: tuple[Defect, ...] = (
    defect(
        "a refused plan's sums are no lists",
        "app/cancellation/taking.py",
        '"now": totals_fields(totals)',
        '"now": asdict(totals)',
        CREATE,
    ),
    defect(
        "a digest that somebody made is believed",
        "app/cancellation/plan.py",
        "return _TOTALS.validate_python(digests.totals_in(digest))",
        "return Totals(**digests.totals_in(digest))",
        CREATE,
    ),
    defect(
        "what waiting clients paid is kept",
        "app/domain/owed/terms.py",
        "if status == BookingStatus.WAITLISTED and policy == FIRST_POLICY:",
        "if status == BookingStatus.WAITLISTED:",
        KEPT,
        "tests/unit/test_policy.py",
    ),
    defect(
        "a job of before is settled by the policy in force",
        "app/cancellation/owed/lines.py",
        "return PolicyShape(job.include_attended, job.policy)",
        "return PolicyShape(job.include_attended)",
        KEPT,
    ),
    defect(
        "what is kept has no row a line",
        "app/cancellation/owed/lines.py",
        "names_kept = shape.policy > terms.FIRST_POLICY",
        "names_kept = False",
        KEPT,
    ),
    defect(
        "what is kept is not named",
        "app/db/jobs/entitlements.py",
        "return sa.case((kept, sa.func.coalesce(paid, nothing)), else_=nothing)",
        "return sa.case((kept, nothing), else_=nothing)",
        KEPT,
    ),
    defect(
        "what is kept is returned as well",
        "app/db/jobs/entitlements.py",
        "return sa.case((sa.and_(kept, paid.is_not(None)),",
        "return sa.case((sa.and_(~kept, paid < 0),",
        KEPT,
    ),
    defect(
        "the warning names no sum",
        "app/cancellation/plan.py",
        '            of_attended.get("credits", 0),\n        ),',
        "        ),",
        PLAN,
    ),
    defect(
        "a job's sums say nothing of what is kept before it has rows",
        "app/cancellation/read.py",
        "Sum(totals.nothing_to_return, {}, 0, totals.kept_amounts, totals.kept_credits), 1)",
        "Sum(totals.nothing_to_return), 1)",
        "tests/integration/cancellations/test_create.py",
        "tests/integration/cancellations/test_reads.py",
    ),
    defect(
        "a line of 0 is a line to return",
        "app/db/jobs/entitlements.py",
        "            is_paid(),\n",
        "",
        KEPT,
    ),
    defect(
        "a booking whose first line is of 0 is not counted",
        "app/db/jobs/entitlement_totals.py",
        "sa.select(counted.c.booking_id, counted.c.client_id).distinct()",
        "sa.select(counted.c.booking_id, counted.c.client_id).where(counted.c.amount_minor.is_(None)).distinct()",
        KEPT,
        PLAN,
    ),
    defect(
        "a line of 0 is refused",
        "app/schedule/records.py",
        "Field(strict=True, ge=0, le=10**12",
        "Field(strict=True, ge=1, le=10**12",
        KEPT,
    ),
    defect(
        "a payment below 0 is taken",
        "app/schedule/records.py",
        "Field(strict=True, ge=0, le=10**12",
        "Field(strict=True, ge=-9, le=10**12",
        KEPT,
    ),
    defect(
        "a line kept whole may be sent",
        "app/db/tables/__init__.py",
        "OR status = 'skipped' AND kept_by IS NOT NULL\"",
        'OR kept_by IS NOT NULL"',
        REVISIONS,
    ),
    defect(
        "money is kept by no rule",
        "app/db/tables/__init__.py",
        '"(kept_by IS NULL) = (kept_amount_minor = 0 AND kept_credits = 0)"',
        '"kept_by IS NULL OR kept_amount_minor > 0 OR kept_credits > 0"',
        REVISIONS,
    ),
    defect(
        "what a person waived reads as come back",
        "app/db/jobs/audit_rows.py",
        "        (refunds.c.failure_code == WAIVED, _amount_cell(refunds, nothing, nothing)),\n",
        "",
        f"{RESOLUTIONS}::test_what_a_person_says_came_back_is_in_the_audit_and_beside_the_booking",
    ),
    defect(
        "the audit says that all came back where a person says how much did",
        "app/db/jobs/audit_rows.py",
        "sa.func.coalesce(refunds.c.resolved_amount_minor, refunds.c.amount_minor)",
        "refunds.c.amount_minor",
        f"{RESOLUTIONS}::test_what_a_person_says_came_back_is_in_the_audit_and_beside_the_booking",
    ),
    defect(
        "the digest does not cover when a session is",
        "app/cancellation/plan.py",
        "[instant_text(session.starts_at), instant_text(session.ends_at), session.timezone]",
        "None",
        CHANGED,
    ),
    defect(
        "the digest does not cover where a session is",
        "app/cancellation/plan.py",
        "                session.location,\n",
        "                None,\n",
        CHANGED,
    ),
    defect(
        "the digest does not cover what a session is called",
        "app/cancellation/plan.py",
        "                session.name,\n                session.location,",
        "                None,\n                session.location,",
        CHANGED,
    ),
    defect(
        "the digest does not cover who has a session",
        "app/cancellation/plan.py",
        "                outcome,\n                prints",
        "                None,\n                prints",
        CHANGED,
    ),
    defect(
        "the digest does not cover the lines",
        "app/cancellation/plan.py",
        "prints.get(session.id),",
        "None,",
        CHANGED,
    ),
    defect(
        "the digest does not cover how attended bookings are treated",
        "app/cancellation/digests.py",
        "hashlib.sha256(orjson.dumps(include_attended))",
        "hashlib.sha256()",
        CHANGED,
    ),
    defect(
        "a digest grows with its sessions",
        "app/cancellation/digests.py",
        "if len(seen) <= _MAX_SESSIONS else",
        "if seen else",
        CHANGED,
    ),
    defect(
        "of shared payments only chosen bookings count",
        "app/db/jobs/entitlement_totals.py",
        "            payment_lines.c.booking_id != named.c.booking_id,\n",
        "            payment_lines.c.booking_id.in_(sa.select(lines.c.booking_id)),\n"
        "            payment_lines.c.booking_id != named.c.booking_id,\n",
        PLAN,
    ),
    defect(
        "a booking shares its payment with itself",
        "app/db/jobs/entitlement_totals.py",
        "            payment_lines.c.booking_id != named.c.booking_id,\n",
        "",
        PLAN,
    ),
    defect(
        "an acceptance on SQLite begins from the sessions",
        "app/db/jobs/acceptances.py",
        "AS c CROSS JOIN sessions",
        "AS c JOIN sessions",
        "tests/integration/test_lists_on_sqlite.py",
    ),
    defect(
        "totals on SQLite begin from the sessions",
        "app/cancellation/owed/lines.py",
        "AS c CROSS JOIN sessions",
        "AS c JOIN sessions",
        "tests/integration/test_lists_on_sqlite.py",
    ),
)
