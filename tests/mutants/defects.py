"""What a seeded defect is: it takes one rule out of the code, and names the tests that must notice."""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Change:
    """A piece of a file, which is there exactly once, and what it is changed to."""

    path: str
    before: str
    after: str

    def made_in(self, text: str) -> str:
        """The file with the change.

        Raises:
            ValueError: the piece is not there, or more than once: the code has moved on and the defect has not.
        """
        if text.count(self.before) == 1:
            return text.replace(self.before, self.after)
        found = list(re.finditer(_however_it_is_laid_out(self.before), text))
        if len(found) != 1:
            raise ValueError(f"{self.path}: {len(found)} times: {self.before!r}")
        return text[: found[0].start()] + self.after.strip() + text[found[0].end() :]


def _however_it_is_laid_out(code: str) -> str:
    """A pattern of the same tokens, with other breaks of lines, and commas before a bracket's end."""
    tokens = re.findall(r"\w+|\S", code)
    pattern = ""
    for before, token in zip(["", *tokens], tokens, strict=False):
        pattern += (
            r"\s+" if before and re.match(r"\w", before[-1]) and re.match(r"\w", token) else r"\s*"
        )
        pattern += (r",?\s*" if token in ")]}" else "") + re.escape(token)
    return pattern.removeprefix(r"\s*")


@dataclass(frozen=True, slots=True)
class Defect:
    """One rule taken out."""

    name: str
    changes: tuple[Change, ...]
    tests: tuple[str, ...]


def defect(name: str, path: str, before: str, after: str, *tests: str) -> Defect:
    return Defect(name, (Change(path, before, after),), tests)
