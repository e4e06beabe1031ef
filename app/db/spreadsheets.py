"""Cells that a spreadsheet would run as a formula, and how they are kept from it."""

import re
from typing import Final

# What starts a formula, after any white space: ASCII and full-width = + - @, and the tab and return that some
# programs take. One pattern for both databases: Python's `re` and PostgreSQL's regular expressions read it alike.
FORMULA: Final = "^[\\s]*[=+\\-@\\t\\r\uff1d\uff0b\uff0d\uff20]"
_FORMULA: Final = re.compile(FORMULA)


def csv_cell(text: str | None) -> str:
    """`text` as a cell: '' for None, and with an apostrophe before what a spreadsheet would run (OWASP)."""
    if text is None:
        return ""
    return f"'{text}" if _FORMULA.match(text) else text
