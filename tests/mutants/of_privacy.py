"""The defects of personal data: audits that change, and what is left out when it is handed out."""

from mutants.defects import Defect, defect

NAMES = "tests/integration/cancellations/test_names_of_then.py"
EXPORT = "tests/integration/privacy/test_export.py"
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
)
