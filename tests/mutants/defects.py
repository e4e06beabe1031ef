"""What a seeded defect is: it takes one rule out of the code, and names the tests that must notice."""

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
        if text.count(self.before) != 1:
            raise ValueError(f"{self.path}: {text.count(self.before)} times: {self.before!r}")
        return text.replace(self.before, self.after)


@dataclass(frozen=True, slots=True)
class Defect:
    """One rule taken out."""

    name: str
    changes: tuple[Change, ...]
    tests: tuple[str, ...]


def defect(name: str, path: str, before: str, after: str, *tests: str) -> Defect:
    return Defect(name, (Change(path, before, after),), tests)
