"""The defects that `make mutants` seeds in approvals: what needs one, who gives it, and what it is of."""

from mutants.defects import Defect, defect

APPROVALS = "tests/integration/cancellations/approvals/test_approvals.py"
DRIFT = "tests/integration/cancellations/approvals/test_drift.py"
HANDS = "tests/integration/cancellations/approvals/test_hands.py"
RACES = "tests/integration/cancellations/approvals/test_races.py"
BOOKS = "tests/integration/cancellations/approvals/test_books.py"
ASKING = "tests/integration/messages/test_asking_approvers.py"
LIMITS = "tests/unit/test_approval_limits.py"
NOTHING_BEFORE = f"{APPROVALS}::test_what_is_above_a_limit_cancels_nothing_before_it_is_approved"

DEFECTS: tuple[Defect, ...] = (
    defect(
        "approval: sessions read cancelled while it is asked for",
        "app/db/jobs/acceptances.py",
        "cancels = job.status is not JobStatus.AWAITING_APPROVAL",
        "cancels = True",
        NOTHING_BEFORE,
    ),
    defect(
        "approval: a worker runs what awaits one",
        "app/refunds/slices/run.py",
        "if job.status is JobStatus.AWAITING_APPROVAL:",
        "if job.status is JobStatus.REFUSED:",
        NOTHING_BEFORE,
    ),
    defect(
        "approval: what awaits one is settled for ever and again",
        "app/refunds/settle.py",
        "{JobStatus.AWAITING_APPROVAL, JobStatus.REFUSED, JobStatus.HELD, JobStatus.WITHDRAWN}",
        "{JobStatus.HELD, JobStatus.WITHDRAWN}",
        NOTHING_BEFORE,
    ),
    defect(
        "approval: the audit tells what nobody has approved",
        "app/cancellation/audit/audit_csv.py",
        "        return  # there is nothing that could be said to have happened\n",
        "        pass\n",
        NOTHING_BEFORE,
    ),
    defect(
        "approval: its sessions may be taken by the next who asks",
        "app/cancellation/choose.py",
        "return SessionOutcome.ALREADY_IN_PROCESS if is_awaited else SessionOutcome.ACCEPTED",
        "return SessionOutcome.ACCEPTED",
        f"{APPROVALS}::test_sessions_that_await_an_approval_are_in_process_for_the_next_who_asks",
    ),
    defect(
        "approval: who asks may approve",
        "app/cancellation/approve.py",
        "        await _refuse_own(conn, business_id, asked, actor)\n",
        "",
        f"{APPROVALS}::test_nobody_approves_their_own",
        HANDS,
    ),
    defect(
        "approval: a made key approves what its maker asks for",
        "app/auth/makers.py",
        "return one in _hands(other, made_by) or other in _hands(one, made_by)",
        "return one == other",
        HANDS,
    ),
    defect(
        "approval: a maker approves what a made key asks for",
        "app/auth/makers.py",
        "return one in _hands(other, made_by) or other in _hands(one, made_by)",
        "return one in _hands(other, made_by)",
        HANDS,
    ),
    defect(
        "approval: a key of a key is nobody's",
        "app/auth/makers.py",
        "        open_ |= made_by.get(one, set()) - found\n",
        "        found |= made_by.get(one, set())\n",
        HANDS,
    ),
    defect(
        "approval: who rotates a key has not seen its secret",
        "app/db/access/administration.py",
        "_A.action.in_((Action.KEY_CREATED, Action.KEY_ROTATED))",
        "_A.action.in_((Action.KEY_CREATED,))",
        HANDS,
    ),
    defect(
        "approval: whatever plan was looked at is approved",
        "app/cancellation/approve.py",
        "    refuse_other_plan(digest, totals, plan_digest, chosen)\n",
        "",
        DRIFT,
    ),
    defect(
        "approval: it is of the business's terms of now",
        "app/cancellation/awaiting.py",
        "terms = None if job.terms is None else ResolvedTerms(job.terms, job.terms_version)",
        "terms = None",
        f"{DRIFT}::test_what_is_asked_under_terms_is_approved_under_them",
    ),
    defect(
        "approval: overrides are forgotten while it is asked for",
        "app/cancellation/awaiting.py",
        "    said = await overrides.of_one_job(conn, job.id)\n",
        "    said = ()\n",
        f"{DRIFT}::test_what_is_asked_under_terms_is_approved_under_them",
    ),
    defect(
        "approval: a session that was moved away is cancelled where it is now",
        "app/cancellation/choose.py",
        "inside = [one for one in found if days.from_at <= one.starts_at < days.until_at]",
        "inside = list(found)",
        f"{DRIFT}::test_a_session_that_is_gone_or_moved_away_is_not_in_the_plan_any_more",
    ),
    defect(
        "approval: goodwill is for nobody",
        "app/cancellation/approve.py",
        "    await freeze_goodwill(conn, job.id, lines, totals)\n",
        "",
        f"{DRIFT}::test_goodwill_is_for_those_who_have_a_booking_when_it_is_approved",
    ),
    defect(
        "approval: it is given after its time",
        "app/cancellation/awaiting.py",
        "    if asked.expires_at <= await clock(conn):\n",
        "    if asked.expires_at <= await clock(conn) and job.due_at is None:\n",
        f"{APPROVALS}::test_a_job_that_nobody_approves_in_time_is_refused_as_expired",
    ),
    defect(
        "approval: it is waited for while its classes are held",
        "app/cancellation/asking.py",
        "            expires_at = min(expires_at, one.session.starts_at)\n",
        "            expires_at = max(expires_at, job.requested_at)\n",
        f"{APPROVALS}::test_it_waits_for_three_days_but_no_longer_than_the_first_class_to_come",
    ),
    defect(
        "approval: a hold begins when it is asked for",
        "app/cancellation/approve.py",
        "        hold_until=at + holds if holds else None,\n",
        "        hold_until=job.requested_at + holds if holds else None,\n",
        f"{APPROVALS}::test_a_job_is_held_from_its_approval_on",
    ),
    defect(
        "approval: a refusal keeps its sessions",
        "app/cancellation/approve.py",
        "    await jobs.release_sessions(conn, job.business_id, job.id)\n",
        "",
        f"{APPROVALS}::test_what_is_refused_ends_and_its_sessions_stay_as_they_are",
    ),
    defect(
        "approval: a withdrawal names nobody",
        "app/cancellation/amend.py",
        "        await requests.add_action(conn, business_id, job_id, done)\n",
        "",
        f"{APPROVALS}::test_a_withdrawal_says_who_withdrew",
    ),
    defect(
        "approval: a request that comes again is told what has become of it",
        "app/api/cancellations/cancellation_bodies.py",
        "    if as_accepted and view.approval is not None:\n",
        "    if False and view.approval is not None:\n",
        f"{APPROVALS}::test_a_request_that_comes_again_is_answered_as_it_was",
    ),
    defect(
        "approval: whoever decides second decides again",
        "app/cancellation/approve.py",
        "        job = await jobs.existing(conn, business_id, job_id, lock=True)\n"
        "        if job.status is JobStatus.REFUSED:\n",
        "        job = await jobs.existing(conn, business_id, job_id)\n"
        "        if job.status is JobStatus.REFUSED:\n",
        f"{RACES}::test_an_approval_a_refusal_and_a_withdrawal_at_once_are_decided_once",
    ),
    defect(
        "approval: a currency that nobody has limited is free",
        "app/domain/approval.py",
        "allowed = limits.get(currency, 0)",
        "allowed = limits.get(currency, amount)",
        LIMITS,
    ),
    defect(
        "approval: what is just a limit is above it",
        "app/domain/approval.py",
        "if allowed is not None and asked > allowed",
        "if allowed is not None and asked >= allowed",
        LIMITS,
    ),
    defect(
        "approval: goodwill is no credits",
        "app/domain/approval.py",
        "totals.credits + totals.goodwill_credits",
        "totals.credits",
        LIMITS,
    ),
    defect(
        "approval: a week is cancelled bit by bit",
        "app/db/approvals/weeks.py",
        "by_job or session_id in ids",
        "session_id in ids",
        "tests/integration/cancellations/approvals/test_limits.py",
    ),
    defect(
        "approval: who asks chooses who hears of it",
        "app/cancellation/accept.py",
        "await ask(conn, written, approval, own.messages)",
        "await ask(conn, written, approval, job.messages)",
        f"{ASKING}::test_the_staff_of_the_business_are_asked_and_clients_hear_nothing",
    ),
    defect(
        "approval: staff are asked for what is decided",
        "app/db/messages/approval_facts.py",
        "jobs.c.status == JobStatus.AWAITING_APPROVAL",
        "sa.true()",
        f"{ASKING}::test_nobody_is_asked_for_what_is_decided",
    ),
    defect(
        "approval: the books pass over a refund that nobody approved",
        "app/db/invariants/of_approvals.py",
        ".where(_NEEDED, ~_GIVEN, scope.of(refunds.c.business_id, refunds.c.job_id))",
        ".where(_NEEDED, _GIVEN, ~_GIVEN)",
        BOOKS,
    ),
    defect(
        "approval: the books pass over a session that nobody let be cancelled",
        "app/db/invariants/of_approvals.py",
        ".where(_NEEDED, ~_GIVEN, scope.of(sessions.c.business_id, sessions.c.job_id))",
        ".where(_NEEDED, _GIVEN, ~_GIVEN)",
        BOOKS,
    ),
    defect(
        "approval: the books pass over a job that acts without one",
        "app/db/invariants/of_approvals.py",
        "sa.and_(_NEEDED, ~_GIVEN, jobs.c.status.not_in(_WITHOUT)),",
        "",
        BOOKS,
    ),
    defect(
        "approval: the books pass over one of one's own",
        "app/db/invariants/of_approvals.py",
        "            job_actions.c.actor_id == job_approvals.c.asked_by,\n",
        "            job_actions.c.actor_id == sa.literal(None),\n",
        BOOKS,
    ),
)
