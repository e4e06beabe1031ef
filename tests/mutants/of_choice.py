"""The defects that `make mutants` seeds in what clients choose."""

from mutants.defects import Defect, defect

MADE = "tests/integration/cancellations/choices/test_choices.py"
LINKS = "tests/integration/cancellations/choices/test_links.py"
TERMS = "tests/integration/cancellations/choices/test_choice_terms.py"
OWED = "tests/integration/test_owed_lines.py"
CHOICE = "app/domain/nouns/choices.py"
OFFER = "app/cancellation/choices/offer.py"
BONUS = "tests/integration/cancellations/choices/test_bonus.py"

DEFECTS: tuple[Defect, ...] = (
    defect(
        "a choice is taken after its time",
        CHOICE,
        "return is_untouched and self.choose_until > at",
        "return is_untouched",
        MADE,
    ),
    defect(
        "a choice is made of a refund that a worker has taken",
        CHOICE,
        "is_untouched = self.status == RefundStatus.PENDING and self.epoch == 0",
        "is_untouched = True",
        MADE,
    ),
    defect(
        "a choice is made though a part of it is under way",
        OFFER,
        "is_open = all(one.is_open(at) for one in refunds)",
        "is_open = any(one.is_open(at) for one in refunds)",
        MADE,
    ),
    defect(
        "a second choice is made in place of the first",
        OFFER,
        "if made is not None:\n        return ChoiceStatus.CHOSEN",
        "if made is not None and not refunds:\n        return ChoiceStatus.CHOSEN",
        MADE,
    ),
    defect(
        "a link is believed whatever its code",
        "app/encryption.py",
        "if not any(known):",
        "if not known:",
        LINKS,
    ),
    defect(
        "a bonus is given to who chooses money",
        "app/domain/owed/choice.py",
        "if form is not RefundForm.STORE_CREDIT:",
        "if form is RefundForm.VOID:",
        "tests/unit/test_choice.py",
        MADE,
    ),
    defect(
        "a bonus is never sent",
        "app/refunds/execute.py",
        "claimed.amount_minor + claimed.bonus_minor",
        "claimed.amount_minor + 0",
        MADE,
    ),
    defect(
        "links that act for clients are shown to any key",
        "app/api/choices/choice_routes.py",
        "if Scope.AUDIT_READ in who.scopes else None",
        "if who.scopes else None",
        LINKS,
    ),
    defect(
        "the log has the links of clients",
        "app/api/layers/request_log.py",
        'path = _LINKS.sub(r"\\1{token}", scope["path"])',
        'path = scope["path"]',
        LINKS,
    ),
    defect(
        "what waits for a choice is due at once",
        "app/db/refunds/refunds.py",
        "sa.case((sa.and_(waits, until > ready), until), else_=ready)",
        "sa.case((sa.and_(waits, until < ready), until), else_=ready)",
        MADE,
    ),
    defect(
        "who is asked is told whatever a person said of the form",
        "app/db/terms/owed_lines.py",
        "lines.c.payment_id.is_not(None), lines.c.returned > 0, lines.c.said_form.is_(None)",
        "lines.c.payment_id.is_not(None), lines.c.returned > 0",
        OWED,
    ),
    defect(
        "a choice that is made waits for the end of its time",
        "app/db/refunds/choices.py",
        "due_at=now(),\n            first_due_at=now(),",
        "",
        MADE,
    ),
    defect(
        "a choice whose prompt is lost is found by no sweep",
        "app/cancellation/choices/choose.py",
        "await jobs.update(conn, job_id, is_shown=True, due_at=now())",
        "await jobs.update(conn, job_id, is_shown=True)",
        MADE,
    ),
    defect(
        "value may be the default where the terms return money",
        "app/cancellation/owed/terms.py",
        "if terms.choice is None or asks(terms):",
        "if terms.choice is None or terms:",
        TERMS,
    ),
    defect(
        "a poll does not see that a client has chosen",
        "app/cancellation/choices/choose.py",
        "is_shown=True, due_at=now()",
        "due_at=now()",
        MADE,
    ),
    defect(
        "a job counts a client once for each refund of which they are asked",
        "app/db/jobs/job_versions.py",
        "sa.func.count(sa.distinct(refunds.c.client_id))",
        "sa.func.count(refunds.c.client_id)",
        MADE,
    ),
    defect(
        "the time to choose goes by while a cancellation may be withdrawn",
        "app/domain/owed/choice.py",
        "return (hold_until or accepted_at) +",
        "return accepted_at +",
        "tests/unit/test_choice.py",
        MADE,
    ),
    defect(
        "a choice is over before it is open",
        OFFER,
        "    if not is_prepared:\n        return ChoiceStatus.WAITING\n",
        "",
        MADE,
    ),
    defect(
        "value that is chosen is asked of the payments service",
        "app/db/refunds/choices.py",
        "            upstream=upstream_of(Method.PAYMENT, form).value,\n",
        "",
        BONUS,
        MADE,
    ),
    defect(
        "what is promised on top is not kept",
        "app/db/refunds/choices.py",
        '            bonus_minor=sa.bindparam("bonus"),\n',
        "",
        BONUS,
    ),
    defect(
        "a history does not say that a client chose",
        "app/db/refunds/choices.py",
        "    await history.append(conn, [refund_id for refund_id, _ in bonuses], actor=ACTOR)\n",
        "",
        MADE,
    ),
    defect(
        "a form that follows the chosen one has the bonus too",
        "app/db/refunds/legs.py",
        '"business_id, job_id, session_id, booking_id, client_id, line_no, method, payment_id, currency"',
        '"business_id, job_id, session_id, booking_id, client_id, line_no, method, payment_id, currency, bonus_minor"',
        BONUS,
    ),
)
