"""The audit as a workbook with typed cells, written as it is sent.

Its form is ECMA-376 (Office Open XML), and it is written in flat memory. Ids and texts are text,
and none is ever a formula; amounts are numbers with their currency's decimals; instants are dates
and times in UTC, which the header says. openpyxl and XlsxWriter write a whole sheet to a temporary
file first, and a caller (or a proxy) would wait for all of it.
"""

import datetime as dt
import re
import zipfile
from collections.abc import Iterable, Sequence
from typing import IO, Final
from xml.sax.saxutils import escape  # nosec B406

from app.domain.texts.csv_cells import COLUMNS, INSTANTS, LINE_HASH, LOCAL_TIMES, NUMBERS

MEDIA_TYPE: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_MAX_ROWS: Final = 1_048_576  # of a sheet, its header among them
# Beyond 2 GiB a part of a zip file needs the 64-bit form, which spreadsheets don't take of a file
# that was streamed.
_MAX_SHEET_BYTES: Final = 1_900_000_000
_MAX_DIGITS: Final = 15  # that a spreadsheet's number has; a longer one stays text, whole
_MAX_TEXT: Final = 32_767  # characters of a cell
_FIRST_DAY: Final = dt.datetime(1899, 12, 30)  # noqa: DTZ001 - a sheet's times have no zone
_DAY: Final = dt.timedelta(days=1)

_XML: Final = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN: Final = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE: Final = "http://schemas.openxmlformats.org/package/2006"
_SHEET_TYPE: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml"
# Styles by their place in `cellXfs`: text, the header, an instant, then numbers by their decimals.
_TEXT, _HEADER, _INSTANT, _WHOLE = 1, 2, 3, 4
_BY_DECIMALS: Final = {0: _WHOLE, 2: 5, 3: 6, 4: 7}
# The number format and the font of each.
_FORMATS: Final = ((0, 0), (49, 0), (49, 1), (164, 0), (3, 0), (4, 0), (165, 0), (166, 0))
_STYLES: Final = (
    f'{_XML}<styleSheet xmlns="{_MAIN}"><numFmts count="3">'
    '<numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd\\ hh:mm:ss"/>'
    '<numFmt numFmtId="165" formatCode="#,##0.000"/>'
    '<numFmt numFmtId="166" formatCode="#,##0.0000"/></numFmts>'
    '<fonts count="2"><font><sz val="11"/><name val="Calibri"/></font>'
    '<font><b/><sz val="11"/><name val="Calibri"/></font></fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill>'
    '<fill><patternFill patternType="gray125"/></fill></fills>'
    '<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
    '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
    f'<cellXfs count="{len(_FORMATS)}">'
    + "".join(
        f'<xf numFmtId="{number}" fontId="{font}" fillId="0" borderId="0" xfId="0"'
        ' applyNumberFormat="1" applyFont="1"/>'
        for number, font in _FORMATS
    )
    + '</cellXfs><cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/>'
    "</cellStyles></styleSheet>"
)
# What XML can't hold, and what a spreadsheet would read as an escaped character.
_NOT_XML: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_LIKE_AN_ESCAPE: Final = re.compile("_(?=x[0-9A-Fa-f]{4}_)")


class Workbook:
    """A workbook in the making.

    Each method gives the bytes that are ready to be sent by then.
    """

    def __init__(
        self, *, max_rows: int = _MAX_ROWS, max_sheet_bytes: int = _MAX_SHEET_BYTES
    ) -> None:
        self._max_rows = max_rows
        self._max_sheet_bytes = max_sheet_bytes
        self._sink = _Sink()
        # Level 1: twice as fast as the usual one, for files a tenth larger.
        self._zip = zipfile.ZipFile(self._sink, "w", zipfile.ZIP_DEFLATED, compresslevel=1)  # type: ignore[call-overload]
        self._sheet: IO[bytes] | None = None
        self._sheets = self._row = self._sheet_bytes = 0

    def add(self, rows: Iterable[Sequence[str | None]]) -> bytes:
        """Rows of the audit's columns and then their hashes.

        A sheet that is full is followed by another.
        """
        parts: list[str] = []
        for row in rows:
            if (
                self._sheet is None
                or self._row >= self._max_rows
                or self._sheet_bytes >= self._max_sheet_bytes
            ):
                self._write(parts)
                self._open_sheet()
            self._row += 1
            parts.append(_row(self._row, row))
            self._sheet_bytes += len(parts[-1])
        self._write(parts)
        return self._sink.take()

    def end(self) -> bytes:
        """The rest: without it no program takes the file for a workbook."""
        if self._sheet is None:
            self._open_sheet()
        self._close_sheet()
        for name, content in _parts_about(self._sheets).items():
            self._zip.writestr(name, content)
        self._zip.close()
        return self._sink.take()

    def _open_sheet(self) -> None:
        self._close_sheet()
        self._sheets += 1
        self._row, self._sheet_bytes = 1, 0
        self._sheet = self._zip.open(f"xl/worksheets/sheet{self._sheets}.xml", "w")
        self._write([_SHEET_BEGINS])

    def _close_sheet(self) -> None:
        if self._sheet is not None:
            self._write(["</sheetData></worksheet>"])
            self._sheet.close()
            self._sheet = None

    def _write(self, parts: list[str]) -> None:
        if parts:
            assert self._sheet is not None
            self._sheet.write("".join(parts).encode())
            parts.clear()


class _Sink:
    """Where the zip file is written to.

    It keeps what is yet to be sent, and can't be rewound.
    """

    def __init__(self) -> None:
        self._bytes = bytearray()

    def write(self, data: bytes) -> int:
        self._bytes += data
        return len(data)

    def flush(self) -> None:
        pass

    def take(self) -> bytes:
        taken = bytes(self._bytes)
        self._bytes.clear()
        return taken


def _letters(number: int) -> str:
    """The name of a column, from 0: A … Z, AA …."""
    return ("" if number < 26 else chr(64 + number // 26)) + chr(65 + number % 26)  # noqa: PLR2004 - the alphabet


_NAMES: Final = (*COLUMNS, LINE_HASH)
_PLACES: Final = tuple((name, _letters(number)) for number, name in enumerate(_NAMES))


def _row(number: int, cells: Sequence[str | None]) -> str:
    """One row; an empty cell is left out."""
    written = [
        _cell(name, f"{letters}{number}", cell)
        for (name, letters), cell in zip(_PLACES, cells, strict=True)
        if cell
    ]
    return f'<row r="{number}">{"".join(written)}</row>'


def _cell(name: str, place: str, cell: str) -> str:
    if name in NUMBERS and len(cell) <= _MAX_DIGITS:
        decimals = len(cell) - 1 - cell.index(".") if "." in cell else 0
        return f'<c r="{place}" s="{_BY_DECIMALS[decimals]}"><v>{cell}</v></c>'
    if name in INSTANTS or name in LOCAL_TIMES:
        days = (dt.datetime.fromisoformat(cell.removesuffix("Z")) - _FIRST_DAY) / _DAY
        return f'<c r="{place}" s="{_INSTANT}"><v>{days!r}</v></c>'
    return _text(place, cell, _TEXT)


def _text(place: str, text: str, style: int) -> str:
    plain = escape(_LIKE_AN_ESCAPE.sub("_x005F_", _NOT_XML.sub("", text[:_MAX_TEXT])))
    return (
        f'<c r="{place}" s="{style}" t="inlineStr"><is><t xml:space="preserve">{plain}</t></is></c>'
    )


_TITLES: Final = "".join(
    _text(f"{letters}1", f"{name} (UTC)" if name in INSTANTS else name, _HEADER)
    for name, letters in _PLACES
)
_SHEET_BEGINS: Final = (
    f'{_XML}<worksheet xmlns="{_MAIN}"><sheetViews><sheetView workbookViewId="0">'
    '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/>'
    "</sheetView></sheetViews>"
    f'<cols><col min="1" max="{len(_NAMES)}" width="20" customWidth="1"/></cols>'
    f'<sheetData><row r="1">{_TITLES}</row>'
)


def _parts_about(sheets: int) -> dict[str, str]:
    """The parts that name the others, by their names."""
    numbers = range(1, sheets + 1)
    overrides = "".join(
        f'<Override PartName="/xl/worksheets/sheet{n}.xml"'
        f' ContentType="{_SHEET_TYPE}.worksheet+xml"/>'
        for n in numbers
    )
    listed = "".join(
        f'<sheet name="{"Audit" if n == 1 else f"Audit {n}"}" sheetId="{n}" r:id="rId{n}"/>'
        for n in numbers
    )
    links = "".join(
        f'<Relationship Id="rId{n}" Type="{_OFFICE}/worksheet" Target="worksheets/sheet{n}.xml"/>'
        for n in numbers
    )
    styles = f'<Relationship Id="rId{sheets + 1}" Type="{_OFFICE}/styles" Target="styles.xml"/>'
    workbook = f'<Relationship Id="rId1" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/>'
    return {
        "xl/styles.xml": _STYLES,
        "xl/workbook.xml": (
            f'{_XML}<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}">'
            f"<sheets>{listed}</sheets></workbook>"
        ),
        "xl/_rels/workbook.xml.rels": (
            f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships">{links}{styles}</Relationships>'
        ),
        "_rels/.rels": (
            f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships">{workbook}</Relationships>'
        ),
        "[Content_Types].xml": (
            f'{_XML}<Types xmlns="{_PACKAGE}/content-types">'
            '<Default Extension="rels"'
            ' ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            '<Default Extension="xml" ContentType="application/xml"/>'
            f'<Override PartName="/xl/workbook.xml" ContentType="{_SHEET_TYPE}.sheet.main+xml"/>'
            f'<Override PartName="/xl/styles.xml" ContentType="{_SHEET_TYPE}.styles+xml"/>'
            f"{overrides}</Types>"
        ),
    }
