"""The defects that `make mutants` seeds in terms: what is kept, by which rule, and by whose word."""

from mutants.defects import Defect, defect

RULE = "tests/unit/test_terms.py"
OWED = "tests/integration/test_owed_lines.py"
TERMS = "tests/integration/cancellations/test_terms.py"

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
        "job.requested_at + timedelta(days=days)",
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
)
