"""The defects that `make mutants` seeds in what happens to refunds."""

from mutants.defects import Change, Defect, defect

UPSTREAM_WORDS = "tests/integration/cancellations/test_upstream_words.py"
RETURNS = "tests/integration/cancellations/test_returns.py"
IDEMPOTENCY = "tests/integration/cancellations/test_idempotency.py"
FENCE = "tests/integration/test_fence.py"
MODEL = "tests/integration/test_model.py"
MATRIX = "tests/crash/test_fault_matrix.py"
POINTS = "tests/crash/test_fault_points.py"

DEFECTS: tuple[Defect, ...] = (
    defect(
        "a new key for each attempt",
        "app/refunds/execute.py",
        'key = claimed.id if claimed.key_generation == 0 else f"{claimed.id}.{claimed.key_generation}"',
        'key = f"{claimed.id}.{claimed.attempts}"',
        UPSTREAM_WORDS,
        RETURNS,
    ),
    defect(
        "no look-up of a refund whose worker died",
        "app/db/refunds/claims.py",
        "WHEN 'submitted' THEN 'indeterminate'",
        "WHEN 'submitted' THEN 'submitted'",
        FENCE,
        "tests/crash/test_random_kills.py",
    ),
    defect(
        "an unknown outcome is sent again without a look-up",
        "app/refunds/policy.py",
        'return RefundUpdate(RefundStatus.INDETERMINATE, quiet_in_seconds, failure_code="unknown", failure_detail=detail[:500])',
        'return RefundUpdate(RefundStatus.PENDING, quiet_in_seconds, failure_code="unknown", failure_detail=detail[:500])',
        RETURNS,
        MATRIX,
    ),
    defect(
        "a look-up does not wait until the call can no longer land",
        "app/refunds/policy.py",
        'return RefundUpdate(RefundStatus.INDETERMINATE, quiet_in_seconds, failure_code="unknown", failure_detail=detail[:500])',
        'return RefundUpdate(RefundStatus.INDETERMINATE, 0.0, failure_code="unknown", failure_detail=detail[:500])',
        "tests/unit/test_policy.py",
    ),
    defect(
        "a look-up reads the first page only",
        "app/gateways/stripe/refunds.py",
        "            if after is None:\n",
        "            if True:\n",
        "tests/integration/stripe/test_stripe_look_ups.py",
    ),
    defect(
        "somebody else's refund of the payment is taken for ours",
        "app/gateways/stripe/refunds.py",
        "return read_stripe_refund(refund, order) if reference_of(refund) == order.refund_id else None",
        "return read_stripe_refund(refund, order)",
        "tests/integration/stripe/test_stripe_look_ups.py",
    ),
    defect(
        "a look-up that was not answered says that there is none",
        "app/gateways/answers.py",
        'return Indeterminate(f"look-up: HTTP {reply.status}", retry_after(reply.headers, now=now), limit)',
        "return Absent()",
        "tests/unit/test_classify.py",
        MATRIX,
    ),
    defect(
        "no fence: an earlier claim's words count",
        "app/db/refunds/outcomes.py",
        "(r.epoch = v.epoch AND r.status IN",
        "(r.status IN",
        FENCE,
        MODEL,
    ),
    defect(
        "a success is believed after that very refund failed",
        "app/db/refunds/outcomes.py",
        "AND coalesce(r.upstream_reference = v.upstream_reference, false)",
        "AND false",
        FENCE,
    ),
    defect(
        "one key for what was refused for lack of balance",
        "app/refunds/policy.py",
        "failure_code=code, failure_detail=detail[:500], new_key=True",
        "failure_code=code, failure_detail=detail[:500]",
        UPSTREAM_WORDS,
    ),
    defect(
        "that money moved is recorded by the live claim only",
        "app/db/refunds/outcomes.py",
        "OR v.definitive AND r.status NOT IN ('succeeded', 'resolved')",
        "OR v.definitive AND r.epoch = v.epoch AND r.status NOT IN ('succeeded', 'resolved')",
        FENCE,
    ),
    Defect(
        "the intent is committed after the call",
        (
            Change(
                "app/refunds/slices/claiming.py",
                "            batch += await take(most=most - len(batch))\n",
                "            batch += await take(most=most - len(batch))\n"
                "        batch = unknown + batch\n"
                "        lane.at_work += len(batch)\n"
                "        for claimed in batch:\n"
                "            lane.sends.put_nowait((claimed, seconds_since_boot() + 5))\n"
                "        await asyncio.sleep(1)\n",
            ),
            Change(
                "app/refunds/slices/claiming.py",
                "    lane.at_work += len(batch)\n"
                "    for claimed in batch:\n"
                "        calls = lane.sends if claimed.status == RefundStatus.SUBMITTED else lane.look_ups\n"
                "        calls.put_nowait((claimed, send_before))\n",
                "",
            ),
        ),
        ("tests/integration/test_claims.py", POINTS),
    ),
    defect(
        "an expansion that fails cuts off the calls beside it",
        "app/refunds/slices/lanes.py",
        "        this.expansion_errors.append(error)\n",
        "        raise error\n",
        "tests/integration/test_claims.py",
    ),
    defect(
        "a call is made however little is left of its lease",
        "app/refunds/execute.py",
        "if runtime.stopping.is_set() or seconds_since_boot() >= send_before:",
        "if runtime.stopping.is_set():",
        "tests/crash/test_pauses.py",
        POINTS,
    ),
    defect(
        "a 5xx is taken for a refusal",
        "app/gateways/answers.py",
        "    if not 400 <= status < 500:  # noqa: PLR2004\n",
        "    if not 400 <= status < 600:  # noqa: PLR2004\n",
        "tests/unit/test_classify.py",
        RETURNS,
    ),
    defect(
        "a 429 is counted as an attempt",
        "app/refunds/policy.py",
        "return RefundUpdate(RefundStatus.PENDING, pause, uncounted=True, failure_code=code[:64], failure_detail=detail[:500])",
        "return RefundUpdate(RefundStatus.PENDING, pause, failure_code=code[:64], failure_detail=detail[:500])",
        UPSTREAM_WORDS,
        "tests/unit/test_policy.py",
    ),
    defect(
        "Retry-After is not kept by the refund that was put off",
        "app/refunds/policy.py",
        "        pause = asked_for + context.jitter\n",
        "        pause = context.jitter\n",
        "tests/unit/test_policy.py",
    ),
    defect(
        "no breaker: an upstream that only fails is called on and on",
        "app/refunds/pacing/breaker.py",
        "if self.is_open or self.failing_share >= _FAILING:",
        "if False:",
        "tests/unit/test_pacing.py",
    ),
    defect(
        "a refusal is believed though an earlier call was never heard of",
        "app/refunds/decide.py",
        "case Rejected(code, _, _) if code == ALREADY_REFUNDED or context.attempts > 1:",
        "case Rejected(code, _, _) if code == ALREADY_REFUNDED:",
        UPSTREAM_WORDS,
        MODEL,
    ),
    defect(
        "already_refunded is believed to be somebody else's without a look",
        "app/refunds/decide.py",
        "case Rejected(code, _, _) if code == ALREADY_REFUNDED or context.attempts > 1:",
        "case Rejected(code, _, _) if context.attempts > 1:",
        MATRIX,
        MODEL,
    ),
    defect(
        "an accepted refund is sent again because a look-up is empty",
        "app/refunds/decide.py",
        "case Absent() if claimed.status == RefundStatus.PROCESSING:",
        "case Absent() if False:",
        UPSTREAM_WORDS,
        MODEL,
    ),
    defect(
        "a refund that failed is retried under the key of its failure",
        "app/db/refunds/manual_changes.py",
        "key_generation=refunds.c.key_generation + sa.case((failed_there, 1), else_=0),",
        "key_generation=refunds.c.key_generation,",
        "tests/integration/cancellations/test_amend.py",
    ),
    defect(
        "a person may close what a machine is at work on",
        "app/cancellation/amend.py",
        "if not is_resolved and (refund.status not in NEEDS_A_PERSON or refund.due_at is not None):",
        "if not is_resolved and refund.status not in NEEDS_A_PERSON:",
        UPSTREAM_WORDS,
        MODEL,
    ),
    defect(
        "a job ends while a refund is open",
        "app/refunds/settle.py",
        "        if due_in is not None:\n            await jobs.update",
        "        if due_in is not None and due_in <= 0:\n            await jobs.update",
        MODEL,
        MATRIX,
    ),
    defect(
        "one line of a booking may have two refunds",
        "migrations/versions/0001_the_whole_schema.py",
        '["business_id", "booking_id", "line_no"],\n        unique=True,',
        '["business_id", "booking_id", "line_no"],\n        unique=False,',
        "tests/integration/test_schema.py",
        "tests/integration/test_revisions.py",
    ),
    defect(
        "two requests at once may take the same session",
        "app/db/jobs/found_sessions.py",
        "_NAMED: Final = {False: _BY_ID, True: _BY_ID.with_for_update()}",
        "_NAMED: Final = {False: _BY_ID, True: _BY_ID}",
        "tests/integration/cancellations/test_at_once.py",
        IDEMPOTENCY,
    ),
    defect(
        "the wake comes before the commit",
        "app/cancellation/accept.py",
        "            accepted = await _take_sessions(conn, asked)\n",
        "            accepted = await _take_sessions(conn, asked)\n"
        "            await queue.wake(accepted.job.id)\n",
        "tests/integration/test_wake.py",
    ),
    defect(
        "the sweep waits for a wake",
        "app/refunds/slices/recover.py",
        "    async with runtime.db.write(Step.SWEEP, across=True) as conn:\n        return await",
        "    async with runtime.db.write(Step.SWEEP, across=True) as conn:\n        return [] and await",
        "tests/crash/test_outages.py::test_a_job_ends_by_the_sweep_where_redis_never_was",
    ),
    defect(
        "insufficient balance is a refusal",
        "app/refunds/decide.py",
        "if refusal.code == policy.INSUFFICIENT_BALANCE and refusal.upstream_reference is None:",
        "if False:",
        MATRIX,
    ),
    defect(
        "look-up-first mode sends first",
        "app/refunds/execute.py",
        "if settings.look_up_first:",
        "if False:",
        "tests/crash/test_restored_database.py",
    ),
    defect(
        "a hook's signature is not checked",
        "app/gateways/inbound.py",
        "        return False\n    return True",
        "        return True\n    return True",
        "tests/integration/cancellations/hooks/test_hook_signatures.py",
    ),
    defect(
        "a hook's signature by Stripe is not checked",
        "app/gateways/stripe/inbound.py",
        "if any(hmac.compare_digest(signature, theirs) for theirs in signatures):",
        "if signature:",
        "tests/integration/cancellations/stripe_hooks/test_stripe_signatures.py",
    ),
    defect(
        "a hook of Stripe's may be of any age",
        "app/gateways/stripe/inbound.py",
        " and abs(now - int(sent_at)) <= _TOLERANCE_SECONDS",
        "",
        "tests/integration/cancellations/stripe_hooks/test_stripe_signatures.py",
    ),
    defect(
        "a hook ends a lease or a quiet time",
        "app/db/refunds/inbound_events.py",
        "waits = sa.and_(refunds.c.status == RefundStatus.PROCESSING, refunds.c.due_at > now())",
        "waits = refunds.c.due_at > now()",
        "tests/integration/cancellations/hooks/test_hooks_beside_calls.py",
    ),
    defect(
        "each row of a large job has all sessions of that job read for it",
        "migrations/versions/0033_sessions_of_a_job.py",
        '_expect("SET (n_distinct = -0.5)")',
        '_expect("RESET (n_distinct)")',
        "tests/integration/test_sessions_of_a_job.py",
    ),
)
