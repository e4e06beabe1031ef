"""The defects that `make mutants` seeds in terms: what is kept, by which rule, and by whose word."""

from mutants.defects import Defect, defect

RULE = "tests/unit/test_terms.py"
OWED = "tests/integration/test_owed_lines.py"
TERMS = "tests/integration/cancellations/test_terms.py"
EVERY = "tests/integration/cancellations/legs/test_every_currency.py"

DEFECTS: tuple[Defect, ...] = (
    defect(
        "half a minor unit is rounded up",
        "app/domain/money.py",
        "(rest == HALF and whole % 2 == 1)",
        "rest == HALF",
        RULE,
        OWED,
    ),
    defect(
        "the database rounds half a minor unit up",
        "app/db/terms/owed_lines.py",
        "sa.and_(rest == money.HALF, odd == 1)",
        "rest == money.HALF",
        OWED,
    ),
    defect(
        "the fixed sum comes before the percentage",
        "app/domain/owed/terms.py",
        "rounded = percent_of(amount, terms.keep_basis_points)",
        "rounded = percent_of(amount - dict(terms.keep_fixed).get(currency, 0), terms.keep_basis_points)",
        RULE,
    ),
    defect(
        "a fee is more than there is",
        "app/domain/owed/terms.py",
        "return min(amount, rounded + dict(terms.keep_fixed).get(currency, 0))",
        "return rounded + dict(terms.keep_fixed).get(currency, 0)",
        RULE,
    ),
    defect(
        "a fee is taken of what attended clients paid, and the rest returned",
        "app/domain/owed/terms.py",
        "if status == BookingStatus.CHECKED_IN and started and not include_attended:\n"
        "        return SkipReason.ATTENDED\n    if status == BookingStatus.LATE_CANCELLED",
        "if status == BookingStatus.LATE_CANCELLED",
        RULE,
    ),
    defect(
        "a booking's fee is spread from the first line on",
        "app/db/terms/owed_lines.py",
        "order_by=lines.c.line_no.desc()",
        "order_by=lines.c.line_no",
        OWED,
    ),
    defect(
        "overrides are not read by the expansion",
        "app/cancellation/owed/lines.py",
        "said = overrides.of_job() if isinstance(shape, TermsShape) else None",
        "said = None",
        TERMS,
    ),
    defect(
        "terms are not in the digest",
        "app/cancellation/plan.py",
        "of_terms = None if terms is None else (terms.document, said)",
        "of_terms = None",
        TERMS,
    ),
    defect(
        "overrides are not in the fingerprint",
        "app/cancellation/request.py",
        "of_terms = (self.terms, sorted(map(astuple, self.overrides)))",
        "of_terms = (self.terms, ())",
        TERMS,
    ),
    defect(
        "a job is settled without the terms that it froze",
        "app/cancellation/owed/lines.py",
        "if job.terms is None:\n        return PolicyShape(job.include_attended, job.policy)",
        "if job.expanded_sessions == 0:\n        return PolicyShape(job.include_attended, job.policy)",
        TERMS,
    ),
    defect(
        "credits are to hold from now on, and not from acceptance on",
        "app/refunds/slices/lanes.py",
        "job.accepted_at + timedelta(days=days)",
        "datetime.now(job.requested_at.tzinfo) + timedelta(days=days)",
        TERMS,
    ),
    defect(
        "bookings that were cancelled late are not counted by a job with terms",
        "app/db/terms/owed_lines.py",
        "for status in COUNTED_BY_TERMS]",
        "for status in COUNTED_BY_TERMS[:3]]",
        OWED,
        TERMS,
    ),
    defect(
        "more than was paid may be said to come back",
        "app/cancellation/owed/overrides.py",
        "one.amount_minor > (line.amount_minor or 0)",
        "one.amount_minor > 10**12",
        TERMS,
    ),
    defect(
        "who cancelled late bears a second fee",
        "app/domain/owed/terms.py",
        "if is_payment and terms.has_fee and not had_fee else",
        "if is_payment and terms.has_fee else",
        RULE,
    ),
    defect(
        "a fee is taken of what a person said comes back",
        "app/domain/owed/terms.py",
        "    if action is OverrideAction.RETURN:\n        return LineShare.RETURNED\n",
        "",
        RULE,
    ),
    defect(
        "each line bears its own share of a booking's fee, and nobody the remainder",
        "app/domain/owed/terms.py",
        "fees[place] = fee * from_here // whole - fee * (from_here - amount) // whole",
        "fees[place] = fee * amount // whole",
        RULE,
        OWED,
    ),
    defect(
        "a fee of each line is one of the booking",
        "app/domain/owed/terms.py",
        "if terms.keep_per is KeepPer.LINE:",
        "if terms.keep_per is None:",
        OWED,
    ),
    defect(
        "the database takes a booking's fee of each line",
        "app/db/terms/owed_lines.py",
        "terms.has_fee and terms.keep_per is KeepPer.BOOKING",
        "terms.has_fee and terms.keep_per is None",
        OWED,
        EVERY,
    ),
    defect(
        "the database's fixed sum is that of any currency",
        "app/db/terms/owed_lines.py",
        'fee += fixed_sum(sa.bindparam("keep_fixed", type_=_TEXT), currency)',
        'fee += fixed_sum(sa.bindparam("keep_fixed", type_=_TEXT), sa.literal("CAD"))',
        OWED,
        EVERY,
    ),
    defect(
        "four decimals are printed as two",
        "app/domain/money.py",
        "return 4 if currency in DECIMALS_4 else 2",
        "return 2",
        "tests/unit/test_money.py",
        EVERY,
    ),
    defect(
        "PostgreSQL prints three decimals as two",
        "app/db/jobs/audit_rows.py",
        "listed = {0: DECIMALS_0, 3: DECIMALS_3, 4: DECIMALS_4}",
        "listed = {0: DECIMALS_0, 4: DECIMALS_4}",
        EVERY,
    ),
)
