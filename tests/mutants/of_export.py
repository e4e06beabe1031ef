"""The defects of the audit as a file: its cells, its lines, and that half of it never looks whole."""

from mutants.defects import Defect, defect

CELLS = "tests/integration/cancellations/test_csv_cells.py"
XLSX = "tests/integration/cancellations/test_audit_xlsx.py"
RESUMED = "tests/integration/cancellations/test_resumed_audits.py"
AUDIT = "tests/integration/cancellations/test_audit_csv.py"
BROKEN = "tests/integration/test_broken_off.py"
APPROVED = (
    "tests/integration/cancellations/approvals/test_approvals.py"
    "::test_an_audit_says_in_each_line_who_approved_when_and_of_which_plan"
)
TOLD = "tests/integration/messages/test_message_status.py"
HALF = "tests/integration/cancellations/test_half_exports.py"
STREAMS = "tests/integration/cancellations/test_streams.py"

DEFECTS: tuple[Defect, ...] = (
    defect(
        "the audit tells of the message that came first",
        "app/db/messages/pages.py",
        "_M.edition.desc()",
        "_M.edition",
        f"{TOLD}::test_of_two_editions_the_newer_one_counts",
    ),
    defect(
        "the audit's map has of several messages that which was written last",
        "app/db/messages/pages.py",
        "postgresql.aggregate_order_by(_M.status, _M.edition)",
        "_M.status",
        f"{TOLD}::test_read_at_once_they_are_those_that_are_looked_up_one_by_one",
    ),
    defect(
        "the audit looks for messages of jobs that tell no client",
        "app/db/jobs/audit_rows.py",
        "return told is not None and told.clients is not ToldBy.NONE",
        "return True",
        f"{TOLD}::test_a_job_that_tells_no_client_looks_nothing_up",
    ),
    defect(
        "PostgreSQL quotes every cell of the export",
        "app/cancellation/audit/audit_csv.py",
        "force_quote=csv_cells.QUOTED)",
        "force_quote=True)",
        CELLS,
    ),
    defect(
        "an empty cell of the export is in quotes",
        "app/domain/texts/csv_cells.py",
        '"" if not cell else cell if bare else \'"\' + cell.replace(',
        '"" if not cell and bare else cell if bare else \'"\' + (cell or "").replace(',
        CELLS,
    ),
    defect(
        "ids of the export are escaped like free text",
        "app/db/jobs/audit_rows.py",
        'source.c.booking_id.label("booking_id")',
        '_cell(source.c.booking_id).label("booking_id")',
        CELLS,
    ),
    defect(
        "references of the export are never escaped",
        "app/db/jobs/audit_rows.py",
        "_reference_cell(refunds.c.upstream_reference)",
        "refunds.c.upstream_reference",
        CELLS,
    ),
    defect(
        "a line of the export holds line breaks",
        "app/domain/texts/sheet_text.py",
        '_ONE_LINE: Final = str.maketrans("\\n\\r\\x1f", "   ")',
        "_ONE_LINE: Final = {}",
        CELLS,
    ),
    defect(
        "the server's stop ends a followed audit as if it were whole",
        "app/cancellation/audit/audit_csv.py",
        "    raise Stopping\n",
        "",
        HALF,
    ),
    defect(
        "half an answer ends like a whole one",
        "app/serving.py",
        "self._close(_CLOSE_BY_RESET)",
        "pass",
        BROKEN,
    ),
    defect(
        "a whole answer ends like half of one",
        "app/serving.py",
        "self._close(_CLOSE_AS_USUAL)",
        "pass",
        BROKEN,
    ),
    defect(
        "an answer counts as sent while the process holds the most of it",
        "app/serving.py",
        'await self._send_all(message.get("body", b""), send)',
        "pass",
        BROKEN,
    ),
    defect(
        "a text of the workbook is escaped like the CSV's",
        "app/cancellation/audit/audit_csv.py",
        "audit_rows.unescaped(source)",
        "audit_rows.TypedLines(source, ())",
        XLSX,
    ),
    defect(
        "a number too long for a sheet is a number all the same",
        "app/cancellation/audit/workbook.py",
        "if name in NUMBERS and len(cell) <= _MAX_DIGITS:",
        "if name in NUMBERS:",
        XLSX,
    ),
    defect(
        "a sheet of the workbook is never full",
        "app/cancellation/audit/workbook.py",
        " or self._row >= self._max_rows or self._sheet_bytes >= self._max_sheet_bytes",
        "",
        XLSX,
    ),
    defect(
        "the promised lines leave out sessions that nobody had booked",
        "app/cancellation/audit/audit_csv.py",
        "return count + totals.refunds",
        "return totals.refunds",
        AUDIT,
        XLSX,
    ),
    defect(
        "who resumes a followed audit is given it from the beginning",
        "app/cancellation/audit/audit_csv.py",
        "seq = after or 0",
        "seq = 0",
        RESUMED,
    ),
    defect(
        "a followed audit is resumed after any number",
        "app/api/cancellations/cancellation_streams.py",
        "if after is not None and after > last:",
        "if False:",
        RESUMED,
    ),
    defect(
        "a streamed event begins with its id, which is kept of one that was cut off",
        "app/api/cancellations/cancellation_streams.py",
        'return b"event: %s\\ndata: %s\\n%s\\n" % (name.encode(), data, number)',
        'return b"%sevent: %s\\ndata: %s\\n\\n" % (number, name.encode(), data)',
        f"{STREAMS}::test_what_was_cut_off_is_asked_for_again_by_who_keeps_ids_too_early",
    ),
    defect(
        "an audit names who refused as who approved",
        "app/db/jobs/audit_rows.py",
        "c.action == JobAction.APPROVED.value",
        "c.action != JobAction.APPROVED.value",
        APPROVED,
    ),
    defect(
        "lines that are still to be written name nobody who approved",
        "app/db/jobs/audit_rows.py",
        "            *_approval_cells(job.id),\n",
        '            *(_EMPTY.label(name) for name in COLUMNS[COLUMNS.index("approved_by") :]),\n',
        APPROVED,
    ),
)
