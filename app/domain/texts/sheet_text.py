"""Free text as a cell of a sheet, never a formula and on one line.

So it is not run, and lines can be counted.
"""

import re
from typing import Final

# What starts a formula, after any white space: ASCII and full-width = + - @, and the tab and return
# that some programs take. The white space is listed, because Python's `\\s` and PostgreSQL's are
# not the same.
_SPACE: Final = (
    " \t\n\v\f\r\x1c-\x1f\x85\xa0\u1680\u2000-\u200b\u2028\u2029\u202f\u205f\u3000\ufeff"
)
FORMULA: Final = f"^[{_SPACE}]*[=+\\-@\t\r\uff1d\uff0b\uff0d\uff20]"
_FORMULA: Final = re.compile(FORMULA)


# Ends of lines, and what marks cells on their way here (`line_chain`).
_ONE_LINE: Final = str.maketrans("\n\r\x1f", "   ")


def csv_cell(text: str | None) -> str | None:
    """Free text as a cell, on one line.

    An apostrophe stands before what a spreadsheet would run (OWASP).
    """
    if text is None:
        return None
    return (f"'{text}" if _FORMULA.match(text) else text).translate(_ONE_LINE)
