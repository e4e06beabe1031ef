"""What became of the lines of an import.

All are counted, by type and outcome, and of each kind of note a few are shown.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Final

MAX_SHOWN: Final = 100


@dataclass(frozen=True, slots=True)
class LineNote:
    """What is to be said of a line.

    Its number from 1, a JSON Pointer into it, a stable code and a sentence.
    """

    line: int
    pointer: str
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Notes:
    """Notes of which some are shown, as many of one code as of another.

    So none hides the others.
    """

    _by_code: defaultdict[str, list[LineNote]] = field(default_factory=lambda: defaultdict(list))

    def add(self, note: LineNote) -> None:
        """Keep it, unless there are enough of its code already."""
        of_code = self._by_code[note.code]
        if len(of_code) < MAX_SHOWN:
            of_code.append(note)

    def shown(self, left: int = MAX_SHOWN) -> list[LineNote]:
        """Up to `left` of them, in the order of their lines."""
        shown: list[LineNote] = []
        by_count = sorted(self._by_code.values(), key=len)
        for place, of_code in enumerate(by_count):
            share = of_code[: -(-left // (len(by_count) - place))]
            shown += share
            left -= len(share)
        return sorted(shown, key=lambda note: note.line)


@dataclass(slots=True)
class Counts:
    """What became of the lines of one type.

    Each is in one of these, and in `mended` besides when its text was.
    """

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    frozen: int = 0
    errors: int = 0
    mended: int = 0


@dataclass(slots=True)
class ImportReport:
    """What an import did.

    `errors` are of all types, and of lines whose type could not be made out.
    """

    lines: int = 0  # that are not blank
    clients: Counts = field(default_factory=Counts)
    sessions: Counts = field(default_factory=Counts)
    bookings: Counts = field(default_factory=Counts)
    errors: int = 0
    first_errors: Notes = field(default_factory=Notes)
    first_frozen: Notes = field(default_factory=Notes)
    first_mended: Notes = field(default_factory=Notes)

    @property
    def created(self) -> int:
        """How many rows there are now that were not."""
        return self.clients.created + self.sessions.created + self.bookings.created

    def of_type(self, kind: str) -> Counts:
        """The counts of `session`, `client` or `booking`."""
        counts: Counts = getattr(self, kind + "s")
        return counts
