"""Text for display, as it is kept and compared.

It is composed, its white space folded, its ends cut, and what can't be seen left out. It is mended
at every door by the one function here, so that equal texts are one; it is never a reason to refuse.
"""

import re
import unicodedata
from typing import Final

MAX_CHARACTERS: Final = 200  # of what the schema keeps

# Letters that show nothing (Hangul's fillers, the empty pattern of Braille) are blanks, as control
# characters are.
_BLANKS: Final = (*range(0x20), *range(0x7F, 0xA0), 0x115F, 0x1160, 0x2800, 0x3164, 0xFFA0)
# What has no width only makes equal texts differ: a soft hyphen, blanks without a width, and marks
# of direction, which also turn what stands beside them round. Half of a surrogate pair is what
# cutting an emoji in two leaves.
_NOTHING: Final = (
    *(0xAD, 0x34F, 0x61C, 0x200B, 0x200E, 0x200F, 0xFEFF),
    *range(0x202A, 0x202F),
    *range(0x2060, 0x2070),
    *range(0xFFF9, 0xFFFC),
    *range(0xD800, 0xE000),
)
_UNSEEN: Final = dict.fromkeys(_BLANKS, " ") | dict.fromkeys(_NOTHING, None)
# A joiner is kept where it joins (emoji, Persian, Malayalam): it follows something.
_LOOSE_JOINERS: Final = re.compile(r"(?<!\S)[\u200c\u200d]+")


def displayed(value: str) -> str:
    """`value` on one line, in normal form C (Unicode Annex 15).

    Each run of white space of any kind is one blank.
    """
    seen = _LOOSE_JOINERS.sub("", value.translate(_UNSEEN))
    return " ".join(unicodedata.normalize("NFC", seen).split())


def cut(text: str) -> str:
    """As much of a displayed text as is kept."""
    return text[:MAX_CHARACTERS].rstrip()


def searchable(value: str) -> str:
    """What is searched in, and for.

    It is the same for texts that differ in case or accents alone.
    """
    folded = unicodedata.normalize("NFKD", value).casefold()
    return "".join(
        one for one in unicodedata.normalize("NFKD", folded) if not unicodedata.combining(one)
    )
