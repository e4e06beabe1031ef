"""The defects of personal data: audits that change, and what is left out when it is handed out."""

from mutants.defects import Defect, defect

NAMES = "tests/integration/cancellations/test_names_of_then.py"
EXPORT = "tests/integration/privacy/test_export.py"
ERASE = "tests/integration/privacy/test_erase.py"
RETENTION = "tests/integration/privacy/test_retention.py"
OLD = "tests/integration/privacy/test_old_clients.py"
COLUMNS = "tests/unit/test_personal_columns.py"

DEFECTS: tuple[Defect, ...] = (
    defect(
        "an old audit names clients as they are called now",
        "app/db/schedule/clients.py",
        "    await _keep_former(conn, business_id, changed)\n",
        "",
        NAMES,
    ),
    defect(
        "an audit takes a client's last name for that of its acceptance",
        "app/db/jobs/named_clients.py",
        "sa.func.min(since.c.changed_at)",
        "sa.func.max(since.c.changed_at)",
        f"{NAMES}::test_each_job_names_clients_as_they_were_when_it_was_accepted",
    ),
    defect(
        "an export leaves bookings out after the first page",
        "app/db/privacy/held.py",
        'after = found[-1]["id"]',
        'after = "~"',
        f"{EXPORT}::test_of_however_many_bookings_each_is_there_once",
    ),
    defect(
        "an export is of whichever business has the client",
        "app/db/privacy/held.py",
        "clients.c.business_id == business_id, clients.c.id == client_id\n    )\n    return (await",
        "clients.c.id == client_id\n    )\n    return (await",
        EXPORT,
    ),
    defect(
        "a column of clients is in no table of columns",
        "app/db/privacy/columns.py",
        '        "messages.recipient": _REMOVED,\n',
        "",
        COLUMNS,
    ),
    defect(
        "an import brings an erased client back",
        "app/schedule/diff.py",
        "    if record.id in current.erased:\n",
        "    if False:\n",
        f"{ERASE}::test_no_import_and_no_put_brings_the_client_back_and_bookings_are_taken",
    ),
    defect(
        "a deleted client who was erased is brought back",
        "app/db/schedule/clients.py",
        "for _, is_erased, _, id_, *_ in rows if is_erased",
        "for is_gone, is_erased, _, id_, *_ in rows if is_erased and not is_gone",
        f"{ERASE}::test_a_deleted_client_is_erased_too_and_not_brought_back",
    ),
    defect(
        "a client is erased while a message is to be sent to them",
        "app/domain/nouns/privacy.py",
        "return any(self)",
        "return any(self[:2])",
        f"{ERASE}::test_what_could_not_be_ended_without_them_is_ended_first",
    ),
    defect(
        "a client is erased while a refund waits for a person",
        "app/domain/nouns/privacy.py",
        "return any(self)",
        "return bool(self.refunds or self.messages)",
        f"{ERASE}::test_what_could_not_be_ended_without_them_is_ended_first",
    ),
    defect(
        "an erased client's address is written to again",
        "app/messages/sending.py",
        "suppressed=one.contact.suppressed or because",
        "suppressed=one.contact.suppressed",
        f"{ERASE}::test_an_address_that_took_nothing_goes_on_taking_nothing",
    ),
    defect(
        "what a refund's history says of a client is left",
        "app/db/privacy/erasing.py",
        "        .values(failure_detail=None),\n        sa.update(job_overrides)",
        "        .values(attempts=refund_history.c.attempts),\n        sa.update(job_overrides)",
        f"{ERASE}::test_no_row_of_any_table_says_who_the_client_was",
    ),
    defect(
        "a worker that goes on begins behind what it has left",
        "app/privacy/erase.py",
        "await erasures.give_back(conn, erasure)",
        "await erasures.finish(conn, erasure)",
        f"{ERASE}::test_the_record_goes_with_the_answer_and_a_worker_that_died_is_gone_on_after",
    ),
    defect(
        "an erased client's links still lead to their pages",
        "app/api/choices/client_tokens.py",
        "    await links.require_in_force(service.db, client, what=what)\n",
        "",
        f"{ERASE}::test_their_links_lead_nowhere_any_more",
    ),
    defect(
        "what another client has, too, can be read no more",
        "app/privacy/erase.py",
        "        addresses -= await erasing.others_have(conn, business_id, client_id, addresses)\n",
        "",
        f"{ERASE}::test_an_address_that_is_another_client_s_too_stays_readable",
    ),
    defect(
        "the texts of a client's refunds are removed on the first page alone",
        "app/db/privacy/erasing.py",
        "ids[-1] if len(ids) == AT_ONCE else None",
        "None",
        f"{ERASE}::test_of_many_refunds_each_loses_its_text",
    ),
    defect(
        "retention takes the names of a job that waits for a person",
        "app/db/privacy/retentions.py",
        "            ~waits,\n",
        "",
        f"{RETENTION}::test_a_job_that_waits_for_a_person_keeps_its_names",
    ),
    defect(
        "retention takes former names that a younger job needs",
        "app/db/privacy/retentions.py",
        "    if first is not None:\n",
        "    if False:\n",
        f"{RETENTION}::test_a_younger_job_is_left_and_names_clients_as_before",
    ),
    defect(
        "a job that is forgotten goes on naming clients",
        "app/db/jobs/named_clients.py",
        "        jobs.c.forgotten_at.is_(None),  # else it names nobody any more\n",
        "",
        f"{RETENTION}::test_a_job_that_ended_so_long_ago_names_nobody_and_its_books_are_as_before",
    ),
    defect(
        "who has a booking to come is forgotten",
        "app/db/privacy/old_clients.py",
        "each = (of_late, in_process, named)",
        "each = (in_process, named)",
        f"{OLD}::test_who_has_a_booking_is_kept_until_its_session_is_as_old",
    ),
    defect(
        "who is in a job that is under way is forgotten",
        "app/db/privacy/old_clients.py",
        "each = (of_late, in_process, named)",
        "each = (of_late, named)",
        f"{OLD}::test_who_is_in_a_bulk_cancellation_that_has_not_ended_is_kept",
    ),
    defect(
        "whom an audit names is forgotten",
        "app/db/privacy/old_clients.py",
        "each = (of_late, in_process, named)",
        "each = (of_late, in_process)",
        f"{OLD}::test_whose_refund_waits_for_a_person_is_kept_though_the_booking_is_gone",
    ),
    defect(
        "who was named of late is forgotten",
        "app/db/privacy/old_clients.py",
        "of_page, _C.seen_at < since",
        "of_page",
        f"{OLD}::test_who_was_imported_long_ago_and_never_booked_is_forgotten",
    ),
    defect(
        "a walk through clients begins anew after each stop",
        "app/db/privacy/old_clients.py",
        "moved.values(after_client=last, ended_at=None)",
        "moved.values(after_client=None, ended_at=None)",
        f"{OLD}::test_of_many_a_page_at_a_time_is_forgotten_each_once_by_workers_at_once",
    ),
    defect(
        "of whom nothing is known since when is forgotten at once",
        "app/db/privacy/old_clients.py",
        "seen_at.is_(None))\n    await conn.execute(unknown.values(seen_at=now()))",
        "seen_at.is_(None))\n    await conn.execute(unknown.values(seen_at=later(-1e9)))",
        f"{OLD}::test_of_whom_it_is_not_known_when_they_were_named_it_is_from_now_on",
    ),
    defect(
        "what a forgotten client was called stays",
        "app/db/privacy/old_clients.py",
        "await conn.execute(former.where(in_list(f.client_id, ids)))",
        "former.where(in_list(f.client_id, ids))",
        f"{OLD}::test_what_they_were_called_goes_too_and_an_address_that_took_nothing_is_hashed",
    ),
    defect(
        "an import does not say whom it has named",
        "app/schedule/apply.py",
        "    await clients.note_seen(conn, business_id, seen.unseen_clients - changes.clients.keys())\n",
        "",
        f"{OLD}::test_whom_an_import_names_again_was_seen_and_once_forgotten_is_known_again",
    ),
    defect(
        "each import writes anew whom it has named",
        "app/db/schedule/clients.py",
        "seen_at < later(-_SEEN_SECONDS)",
        "seen_at < later(_SEEN_SECONDS)",
        f"{OLD}::test_the_same_file_within_a_day_writes_nothing",
    ),
)
