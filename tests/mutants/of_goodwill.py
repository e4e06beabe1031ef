"""The defects that `make mutants` seeds in goodwill: who gets it, how often, and where it is counted."""

from mutants.defects import Defect, defect

RULE = "tests/unit/test_goodwill.py"
LINES = "tests/integration/test_goodwill_lines.py"
GOODWILL = "tests/integration/cancellations/test_goodwill.py"

DEFECTS: tuple[Defect, ...] = (
    defect(
        "goodwill goes to whoever waited or cancelled late",
        "app/domain/owed/goodwill.py",
        "if goodwill.credits == 0 or status not in TAKES_A_PLACE or is_kept:",
        "if goodwill.credits == 0 or is_kept:",
        RULE,
    ),
    defect(
        "goodwill goes to whoever attended, or was left out by a person",
        "app/db/terms/rule_tree.py",
        "is_kept=kept_by is not None",
        "is_kept=False",
        LINES,
        GOODWILL,
    ),
    defect(
        "a client gets goodwill once a session",
        "app/db/terms/goodwill.py",
        "partition_by=found.c.client_id",
        "partition_by=(found.c.client_id, found.c.session_id)",
        LINES,
    ),
    defect(
        "goodwill is for the booking that comes first by its id",
        "app/db/terms/goodwill.py",
        "order_by=(found.c.starts_at, found.c.session_id, found.c.booking_id)",
        "order_by=found.c.booking_id",
        LINES,
    ),
    defect(
        "a booking whose line is of 0 is none of those of which nothing was paid",
        "app/db/terms/goodwill.py",
        "sa.case((column > _NOTHING,",
        "sa.case((column >= _NOTHING,",
        LINES,
    ),
    defect(
        "a booking that was paid with money and credits is taken for one of money alone",
        "app/db/terms/rule_tree.py",
        "both = (one, BY_PAYMENT + BY_CREDITS)",
        "both = (one, one)",
        LINES,
    ),
    defect(
        "grants refer to sessions of a table that PostgreSQL has never counted",
        "app/db/terms/goodwill.py",
        "await statistics.count_young_job_sessions(conn)",
        "",
        f"{GOODWILL}::test_the_sessions_of_a_job_are_counted_before_grants_refer_to_them",
    ),
    defect(
        "the expansion forgets goodwill",
        "app/cancellation/owed/lines.py",
        "return goodwill.with_grants(lines, goodwill.frozen_bookings(source))",
        "return lines",
        GOODWILL,
    ),
    defect(
        "an acceptance does not keep for whom goodwill is",
        "app/cancellation/taking.py",
        "if totals.goodwill_grants and lines.terms is not None and lines.given is not None:",
        "if lines.terms is None:",
        GOODWILL,
    ),
    defect(
        "goodwill is held back under a ceiling that nobody has observed",
        "app/db/jobs/ceilings.py",
        "is_owed(counted),",
        "",
        f"{GOODWILL}::test_a_grant_is_made_beside_a_payment_whose_ceiling_others_have_claimed",
    ),
    defect(
        "goodwill is counted among what is returned",
        "app/cancellation/plan.py",
        "if group.returned_as == RefundForm.GOODWILL:",
        "if group.lines == 0:",
        GOODWILL,
    ),
    defect(
        "goodwill is usable for as long as credits that come back",
        "app/refunds/execute.py",
        "lane.goodwill_until if form is RefundForm.GOODWILL else lane.valid_until",
        "lane.valid_until",
        f"{GOODWILL}::test_they_are_usable_for_their_own_days_and_not_for_those_of_returns",
    ),
    defect(
        "the check of the books does not ask for whom goodwill was promised",
        "app/db/invariants/of_goodwill.py",
        "sa.exists().where(*grant, ~chosen),",
        "",
        f"{GOODWILL}::test_a_grant_that_is_not_what_was_promised_is_found",
    ),
    defect(
        "the audit says of goodwill that it was paid",
        "app/db/jobs/audit_rows.py",
        "is_told = sa.and_(is_told, is_owed(source))",
        "",
        GOODWILL,
    ),
    defect(
        "goodwill that has no row yet is not counted as pending",
        "app/cancellation/read.py",
        "_add(pending, RefundSum(totals.goodwill_grants, {}, totals.goodwill_credits), 1)",
        "",
        GOODWILL,
    ),
    defect(
        "goodwill for who paid goes to who used credits",
        "app/domain/owed/goodwill.py",
        "(has_payment and GoodwillFor.PAID in goodwill.given_for)",
        "(GoodwillFor.PAID in goodwill.given_for)",
        RULE,
    ),
    defect(
        "a membership's booking gets no goodwill where the word is free",
        "app/domain/owed/goodwill.py",
        "not {GoodwillFor.MEMBERSHIP, GoodwillFor.FREE}.isdisjoint(goodwill.given_for)",
        "GoodwillFor.MEMBERSHIP in goodwill.given_for",
        RULE,
    ),
)
