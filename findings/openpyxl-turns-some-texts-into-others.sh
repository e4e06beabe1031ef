#!/usr/bin/env bash
# openpyxl 3.1.5, beside XlsxWriter 3.3.1 and python-calamine 0.9.1, on Python 3.11; seen 2026-11-29.
#
# In a workbook `_x0041_` stands for the letter A (ECMA-376, ST_Xstring), and a text that really is `_x0041_` has its first
# character written as `_x005F_`. One would guess that a library that writes workbooks does so, and that one that reads them
# takes it back everywhere. openpyxl writes the text as it stands, so that other programs show "A".
# It takes `_x005F_` back in the table of shared texts, and not in a cell that holds its own text.
#
# Output seen:
SEEN='openpyxl writes _x0041_, calamine reads: A
XlsxWriter writes _x0041_, calamine reads: _x0041_
XlsxWriter shares _x0041_, openpyxl reads: _x0041_
XlsxWriter holds _x0041_ in its cell, openpyxl reads: _x005F_x0041_'
# What we do: app/cancellation/audit/workbook.py escapes it as the standard says; only openpyxl then shows the escape.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv sheets
sheets/bin/pip -q install openpyxl==3.1.5 XlsxWriter==3.3.1 python-calamine==0.9.1 2>pip.log
cat >texts.py <<'END_OF_TEXTS'
import openpyxl
import python_calamine
import xlsxwriter

TEXT = "_x0041_"


def calamine(path):
    return python_calamine.CalamineWorkbook.from_path(path).get_sheet_by_index(0).to_python()[0][0]


def write(path, **options):
    with xlsxwriter.Workbook(path, options) as book:
        book.add_worksheet().write_string(0, 0, TEXT)


book = openpyxl.Workbook()
book.active["A1"] = TEXT
book.save("openpyxl.xlsx")
write("shared.xlsx")
write("inline.xlsx", constant_memory=True)
print("openpyxl writes", TEXT + ", calamine reads:", calamine("openpyxl.xlsx"))
print("XlsxWriter writes", TEXT + ", calamine reads:", calamine("shared.xlsx"))
print("XlsxWriter shares", TEXT + ", openpyxl reads:", openpyxl.load_workbook("shared.xlsx").active["A1"].value)
held = openpyxl.load_workbook("inline.xlsx").active["A1"].value
print("XlsxWriter holds", TEXT, "in its cell, openpyxl reads:", held)
END_OF_TEXTS
sheets/bin/python texts.py | tee seen
diff seen <(echo "$SEEN")
