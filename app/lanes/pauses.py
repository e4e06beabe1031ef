"""Who is to get no lane for a while, by this process's own clock."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Pauses:
    """Until when one key, or every one, is left alone."""

    clock: Callable[[], float] = time.monotonic
    _until: dict[str, float] = field(default_factory=dict)
    _all_until: float = 0.0

    def pause(self, key: str, *, seconds: float) -> None:
        """Leave this key alone for so long; a longer pause stays."""
        self._until[key] = max(self._until.get(key, 0.0), self.clock() + seconds)

    def pause_all(self, *, seconds: float) -> None:
        """Leave every key alone for so long; a longer pause stays."""
        self._all_until = max(self._all_until, self.clock() + seconds)

    def hold(self, key: str) -> bool:
        """Whether this key is to be left alone now."""
        if not self._until and not self._all_until:
            return False
        now = self.clock()
        return now < self._all_until or now < self._until.get(key, 0.0)

    def forget_past(self) -> None:
        """Keep only those that have not ended."""
        now = self.clock()
        self._until = {key: until for key, until in self._until.items() if now < until}
        if now >= self._all_until:
            self._all_until = 0.0
