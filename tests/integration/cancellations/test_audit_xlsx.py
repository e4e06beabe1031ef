"""audit.xlsx: the CSV's table with typed cells, read back by a program that is not ours.

The memory that it takes is flat.
"""

import datetime as dt
import io
import warnings
import zipfile

import openpyxl
import psutil
import sqlalchemy as sa

from app.auth.keys import Scope
from app.cancellation.audit.workbook import Workbook
from app.db import tables
from app.domain.texts.csv_cells import COLUMNS, INSTANTS, LINE_HASH, LOCAL_TIMES, NUMBERS

MIB = 1024 * 1024
IDS = ["-5", "00123", "1e5", "12345678901234567890"]
RUN = [
    "=1+1",
    "+1",
    "@SUM(A1)",
    '=cmd|"/c calc"!A1',
    "'=1",
    " both ends ",
    "<&>\"'",
    "_x0041_",
    "Ünïcode 学校",
]


def opened(content):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return openpyxl.load_workbook(io.BytesIO(content))


async def sheet_of(studio, job_id):
    answer = await studio.http.get(f"/v1/bulk-cancellations/{job_id}/audit.xlsx")
    assert answer.status_code == 200, answer.text
    (sheet,) = opened(answer.content).worksheets
    names = [cell.value for cell in next(sheet.iter_rows())]
    return [dict(zip(names, row, strict=True)) for row in sheet.iter_rows(min_row=2)], answer


def line(**cells):
    """A row of the audit with these cells."""
    return tuple(cells.get(name) for name in (*COLUMNS, LINE_HASH))


async def test_it_is_the_csvs_table_with_types(week):
    job = await week.accepted()
    await week.work(job["id"])
    audit = await week.audit(job["id"])
    rows, answer = await sheet_of(week, job["id"])
    assert len(rows) == len(audit) == int(answer.headers["Audit-Lines"])
    for row, of_csv in zip(rows, audit, strict=True):
        for name in (*COLUMNS, LINE_HASH):
            cell = row[f"{name} (UTC)" if name in INSTANTS else name]
            if of_csv[name] == "":
                assert cell.value is None
            elif name in NUMBERS:
                assert cell.data_type == "n"
                assert f"{cell.value:.{len(of_csv[name].partition('.')[2])}f}" == of_csv[name]
            elif name in INSTANTS | LOCAL_TIMES:
                assert cell.is_date
                written = dt.datetime.fromisoformat(of_csv[name].removesuffix("Z"))
                assert abs(cell.value - written) < dt.timedelta(milliseconds=1)
            else:
                assert (cell.data_type, cell.value, cell.number_format) == ("s", of_csv[name], "@")
    formats = {
        row["currency"].value: row["amount"].number_format
        for row in rows
        if row["amount"].value is not None
    }
    assert formats == {"CAD": "#,##0.00", "JPY": "#,##0", "KWD": "#,##0.000"}
    assert answer.headers["Content-Disposition"].endswith('.xlsx"')


async def test_ids_and_texts_are_text_as_they_are_and_never_a_formula(studio, db):
    await studio.load(
        *(studio.record("session", id_) for id_ in IDS),
        *(studio.record("booking", id_, id_, ("CAD", 100)) for id_ in IDS),
    )
    job = await studio.accepted()
    for text in RUN:
        async with db.write() as conn:
            await conn.execute(sa.update(tables.jobs).values(reason=text))
            await conn.execute(sa.update(tables.job_sessions).values(session_name=text))
            await conn.execute(sa.update(tables.clients).values(name=text))
        rows, _ = await sheet_of(studio, job["id"])
        for name in ("reason", "session_name", "client_name"):
            told = {row[name].value for row in rows}
            # openpyxl reads an escaped underscore as it is written, which spreadsheets undo.
            assert {one.replace("_x005F_", "_") for one in told} == {text}
            assert {row[name].data_type for row in rows} == {"s"}
        assert sorted(row["session_id"].value for row in rows) == sorted(IDS)


async def test_who_may_not_read_the_csv_may_not_have_the_workbook(week, stranger, caller_with):
    job = await week.accepted()
    path = f"/v1/bulk-cancellations/{job['id']}/audit.xlsx"
    assert (await stranger.http.get(path)).status_code == 404
    for scopes in ((), (Scope.CANCELLATIONS_READ,), (Scope.AUDIT_READ,)):
        assert (await (await caller_with(*scopes)).http.get(path)).status_code == 403


def test_a_sheet_that_is_full_is_followed_by_another():
    for limits, in_each in (({"max_rows": 101}, 100), ({"max_sheet_bytes": 10_000}, None)):
        book = Workbook(**limits)
        content = (
            b"".join(book.add([line(booking_id=f"b{n}", amount="1.00")] * 3) for n in range(100))
            + book.end()
        )
        sheets = opened(content).worksheets
        assert len(sheets) > 1
        counts = [sheet.max_row - 1 for sheet in sheets]
        assert sum(counts) == 300
        assert in_each is None or counts == [in_each] * 3
        assert {sheet["A1"].value for sheet in sheets} == {"job_id"}


def test_a_workbook_of_no_lines_opens():
    (sheet,) = opened(Workbook().end()).worksheets
    assert sheet.max_row == 1


def test_what_a_number_of_a_sheet_cannot_hold_stays_text():
    book = Workbook()
    content = (
        book.add([line(amount="92233720368547758.07"), line(amount="1234567890123.45")])
        + book.end()
    )
    (sheet,) = opened(content).worksheets
    column = COLUMNS.index("amount") + 1
    assert sheet.cell(2, column).value == "92233720368547758.07"


def test_half_of_a_workbook_is_none():
    book = Workbook()
    half = b"".join(book.add([line(booking_id=f"b{n}")] * 1000) for n in range(20))
    assert half
    assert not zipfile.is_zipfile(io.BytesIO(half))


def test_a_hundred_thousand_lines_leave_the_memory_as_it_was():
    text = dict.fromkeys((*COLUMNS, LINE_HASH), "Vinyasa flow at the studio")
    instants = dict.fromkeys(INSTANTS | LOCAL_TIMES, "2026-11-23T09:00:00.000")
    part = [line(**text | instants | dict.fromkeys(NUMBERS, "20.00"))] * 1000
    book = Workbook()
    process = psutil.Process()
    book.add(part)
    before = most = process.memory_info().rss
    sent = 0
    for _ in range(99):
        sent += len(book.add(part))
        most = max(most, process.memory_info().rss)
    sent += len(book.end())
    assert sent > MIB
    assert most - before < 8 * MIB, (most - before) / MIB
