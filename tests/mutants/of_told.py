"""The defects that `make mutants` seeds in who is told what of a job, and how often."""

from mutants.defects import Defect, defect

EDITIONS = "app/db/messages/editions.py"
FROZEN = "app/db/messages/frozen_facts.py"
ATTEMPTS = "app/db/messages/attempts.py"
TESTS = "tests/integration/messages"
TOLD = f"{TESTS}/test_editions.py"
TRIES = f"{TESTS}/test_tries.py"
SENDING = f"{TESTS}/test_sending.py"
NOT_SENT = f"{TESTS}/test_not_sent.py"
UNSUBSCRIBE = f"{TESTS}/test_unsubscribe.py"
AT_ONCE = f"{TESTS}/test_composing_at_once.py"
NEXT_ONE = (
    f"{AT_ONCE}::test_an_outcome_that_commits_while_a_message_is_composed_is_told_by_a_next_one"
)
AGAIN = f"{TOLD}::test_one_that_fails_is_with_a_person_and_told_again_once_it_has_come_back"
OVER = f"{TRIES}::test_a_claim_that_is_over_writes_nothing_but_that_it_was_sent"
DEAD = f"{TRIES}::test_an_address_that_takes_nothing_is_left_alone_until_it_is_let_in"

DEFECTS: tuple[Defect, ...] = (
    defect(
        "told: a test goes to whomever a body names",
        "app/messages/trial.py",
        "addresses = ([] if answers is None else [answers]) + [*own.terms.staff]",
        'addresses = [to or "", *own.terms.staff]',
        f"{TESTS}/test_test_sends.py::"
        "test_it_goes_to_who_is_named_in_the_settings_and_to_nobody_else",
    ),
    defect(
        "told: a test takes no place of a business's six a minute",
        "app/api/messages/plan_routes.py",
        "    await governor.admit_test_mail(who)\n",
        "",
        f"{TESTS}/test_test_sends.py::"
        "test_more_than_six_a_minute_are_too_many_and_the_rest_goes_on",
    ),
    defect(
        "told: a test does not say that it is one",
        "app/messages/trial.py",
        "as_test(plan.shown.composed)",
        "plan.shown.composed",
        f"{TESTS}/test_test_sends.py::test_a_test_is_the_message_and_says_that_it_is_none",
    ),
    defect(
        "told: a plan's message calls returned what is under way",
        "app/db/refunds/planned.py",
        "row = {**_AT_FIRST, **rows_of(planned, withdrawn=False, asks=asks)}",
        "row = {**_AT_FIRST, **rows_of(planned, withdrawn=False, asks=asks),"
        ' "status": sa.literal("succeeded")}',
        f"{TESTS}/test_plan_messages.py::test_nothing_is_called_returned_and_nothing_is_written",
    ),
    defect(
        "told: who asked for no mail is counted as told",
        "app/db/messages/contacts.py",
        "(_WANTS_NONE, SuppressedBecause.OPTED_OUT.value)",
        "(sa.false(), SuppressedBecause.OPTED_OUT.value)",
        f"{TESTS}/test_plan_messages.py::test_addressees_are_counted_as_their_messages_come_out",
    ),
    defect(
        "told: an outcome does not wait for who is composing",
        EDITIONS,
        '        in_bound_list(_M.addressee, "client_ids"),\n        _M.facts.is_(None),\n',
        '        in_bound_list(_M.addressee, "client_ids"),\n        _M.facts.is_(None),\n'
        "        _M.due_at > now(),\n",
        NEXT_ONE,
    ),
    defect(
        "told: a client's last outcome wakes no message",
        EDITIONS,
        ".values(due_at=now())\n    .returning(_M.addressee)",
        ".values(due_at=_M.due_at)\n    .returning(_M.addressee)",
        f"{TOLD}::test_each_client_is_told_once_of_all_their_bookings",
    ),
    defect(
        "told: a client whose refunds are not all final is told",
        EDITIONS,
        ".where(an_open_one.is_(None))",
        "",
        f"{TOLD}::test_a_refund_that_has_its_end_waits_for_its_client_s_others",
    ),
    defect(
        "told: a job that tells nobody looks for clients to tell",
        "app/db/refunds/outcomes.py",
        "CAST(messages AS text) IS NOT NULL AS is_told",
        "TRUE AS is_told",
        f"{TOLD}::test_a_job_that_tells_nobody_looks_for_nobody_to_tell",
    ),
    defect(
        "told: no edition follows one whose facts are frozen",
        EDITIONS,
        "again = await _next_editions(conn, job_id, others) if others else 0",
        "again = 0",
        AGAIN,
        NEXT_ONE,
    ),
    defect(
        "told: who attended is told",
        EDITIONS,
        "return ~sa.and_(nothing_back, reason.in_([str(one) for one in _NOT_TOLD]))",
        "return sa.true()",
        f"{TOLD}::test_members_and_the_waiting_list_are_told_and_who_attended_is_not",
    ),
    defect(
        "told: facts are not frozen by the first claim",
        FROZEN,
        'if row["facts"] is None:\n            bare',
        "if True:\n            bare",
        f"{TRIES}::test_a_try_says_what_the_first_said_though_something_has_changed",
    ),
    defect(
        "told: an edition that has nothing new to say is sent",
        FROZEN,
        'row["facts"] is None or row["facts"] == before.get(row["id"])',
        'row["facts"] is None',
        f"{TOLD}::test_one_that_fails_again_as_before_is_not_told_again",
    ),
    defect(
        "told: what an edition that never went out said counts as told",
        FROZEN,
        "        _M.status.in_(_WENT_OUT),\n",
        "",
        f"{TRIES}::test_what_never_went_out_counts_as_not_told",
    ),
    defect(
        "told: a claim that is over writes what came of it",
        ATTEMPTS,
        '_M.epoch == sa.bindparam("of_epoch", type_=sa.Integer)',
        'sa.bindparam("of_epoch", type_=sa.Integer) >= 0',
        OVER,
    ),
    defect(
        "told: that a relay took one counts only from its own claim",
        ATTEMPTS,
        "late = sa.and_(is_sent, unsent)",
        "late = sa.false()",
        OVER,
    ),
    defect(
        "told: a dead address is not left alone",
        ATTEMPTS,
        "if row.unreachable and row.recipient:",
        "if False:",
        DEAD,
    ),
    defect(
        "told: one that is pending is sent again",
        ATTEMPTS,
        "rests = _M.status != MessageStatus.PENDING",
        "rests = sa.true()",
        f"{TRIES}::test_only_what_rests_is_sent_again",
    ),
    defect(
        "told: who wants no mail gets it",
        "app/db/messages/contacts.py",
        "    if wants_none:\n",
        "    if False:\n",
        f"{TRIES}::test_who_wants_no_mail_or_has_no_address_is_sent_none",
    ),
    defect(
        "told: who has stopped their mail gets it",
        "app/db/messages/contacts.py",
        "sa.or_(clients.c.wants_no_mail, clients.c.mail_stopped_at.is_not(None))",
        "clients.c.wants_no_mail",
        f"{UNSUBSCRIBE}::test_a_pending_message_is_not_sent_to_who_stops_it",
    ),
    defect(
        "told: to look at a link stops mail",
        "app/api/messages/unsubscribe_routes.py",
        "unsubscribe.read(service.db, whose)",
        "unsubscribe.put(service.db, whose, wants_mail=False)",
        f"{UNSUBSCRIBE}::test_to_look_at_a_link_changes_nothing",
    ),
    defect(
        "told: the code of a link that stops mail is not looked at",
        "app/encryption.py",
        "if not any(known):",
        "if not known:",
        f"{UNSUBSCRIBE}::test_a_token_that_was_not_given_leads_nowhere",
    ),
    defect(
        "told: a link for choosing stops mail",
        "app/messages/unsubscribe.py",
        '_PURPOSE: Final = "unsubscribe-link"',
        '_PURPOSE: Final = "choice-link"',
        f"{UNSUBSCRIBE}::test_a_token_that_was_not_given_leads_nowhere",
    ),
    defect(
        "told: any POST of a mail program's stops mail",
        "app/api/messages/unsubscribe_routes.py",
        "if (name, value) not in fields:",
        "if False:",
        f"{UNSUBSCRIBE}::test_what_is_no_one_click_is_refused_and_changes_nothing",
    ),
    defect(
        "told: mail programs are sent to a page without TLS",
        "app/messages/mails.py",
        'if url is not None and url.startswith("https://") else None',
        "",
        f"{UNSUBSCRIBE}::test_mail_programs_are_given_an_https_address_or_none",
    ),
    defect(
        "told: a client who was deleted gets mail",
        "app/db/messages/contacts.py",
        "    if is_gone:\n",
        "    if False:\n",
        f"{NOT_SENT}::test_who_is_deleted_while_their_message_is_pending_is_sent_nothing",
    ),
    defect(
        "told: an address that is left alone is written to",
        "app/db/messages/contacts.py",
        "if one.suppressed is None and one.address and one.address.lower() in left_alone",
        "if False",
        DEAD,
    ),
    defect(
        "told: one that is suppressed is sent",
        "app/messages/sending.py",
        "if contact.suppressed is not None or contact.address is None:",
        "if contact.address is None:",
        f"{SENDING}::test_who_wants_none_is_written_down_as_not_told",
    ),
    defect(
        "told: an absent relay costs a message a try",
        "app/messages/sending.py",
        "                counted=False,\n                detail=detail,",
        "                detail=detail,",
        f"{SENDING}::test_an_absent_relay_costs_no_message_a_try",
    ),
    defect(
        "told: clients of a job that is withdrawn are told",
        "app/cancellation/expand.py",
        "if positions.stop == end and not withdrawn:",
        "if positions.stop == end:",
        f"{TOLD}::test_nobody_is_told_of_a_job_that_is_withdrawn",
    ),
)
