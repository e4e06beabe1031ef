"""What a benchmark found: rounds of a subject and of its floor, and the goal for their ratio.

The rounds are taken in turns. The machine is shared and noisy: medians and ratios of the same run
mean something, rates by themselves only a little.
"""

import statistics
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal

Take = Callable[[], Awaitable[float]]
AT_LEAST: Final = "at least"
AT_MOST: Final = "at most"


@dataclass(frozen=True, slots=True)
class Goal:
    """What is asked: of the ratio to the floor where there is one, else of the subject's median."""

    which: Literal["at least", "at most"]
    value: float

    def is_met(self, figure: float) -> bool:
        return figure >= self.value if self.which == AT_LEAST else figure <= self.value


@dataclass(slots=True)
class Figure:
    """One line of the table, with every round of it."""

    name: str
    unit: str
    rounds: list[float]
    floor_name: str = ""
    floor_rounds: list[float] = field(default_factory=list)
    goal: Goal | None = None  # None: shown beside, nothing is asked of it
    note: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.rounds)

    @property
    def floor(self) -> float | None:
        return statistics.median(self.floor_rounds) if self.floor_rounds else None

    @property
    def ratio(self) -> float | None:
        return self.median / self.floor if self.floor else None

    @property
    def is_met(self) -> bool | None:
        """Whether the goal is met; None without one."""
        if self.goal is None:
            return None
        return self.goal.is_met(self.median if self.ratio is None else self.ratio)

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {
            "median": self.median,
            "floor": self.floor,
            "ratio": self.ratio,
            "is_met": self.is_met,
        }

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> "Figure":
        given = {name: kept[name] for name in cls.__dataclass_fields__}
        return cls(**given | {"goal": Goal(**kept["goal"]) if kept["goal"] else None})


async def in_turns(rounds: int, **takes: Take) -> dict[str, list[float]]:
    """Take each once per round, in the order given and in the opposite order every other round."""
    taken: dict[str, list[float]] = {name: [] for name in takes}
    for number in range(rounds):
        for name in sorted(takes, key=list(takes).index, reverse=bool(number % 2)):
            taken[name].append(await takes[name]())
    return taken
