"""Where cases of a fault are played side by side: towns of their own, shared servers.

Each case's scene judges by the upstreams' books; the invariants must hold in the end, too.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import pytest
from crash.fault_scenes import LEASE_SECONDS, Case, Scene
from crash.processes import SHORT, Town, Zygote
from worlds.sample_keys import HOOKS_SECRET

# Towns; each has some ten connections to PostgreSQL, and other files are played beside this one.
AT_ONCE: Final = 5
QUICK: Final = SHORT | {
    "lease_seconds": LEASE_SECONDS,
    "sweep_seconds": 0.5,
    "slice_seconds": 0.5,
    "database_pool": 3,
    "hooks_secret": HOOKS_SECRET,
}


@dataclass(frozen=True, slots=True)
class Stage:
    """What towns are made of, shared by the cases that are played side by side."""

    zygote: Zygote
    fresh_databases: Callable[[str, int], list[str]]
    fresh_redis: Callable[[], str]
    folders: Any
    violations: Callable[[str], list[Any]]
    one_at_a_time: threading.Lock = field(default_factory=threading.Lock)

    def play(self, scene_of: type[Scene], case: Case, kind: str) -> None:
        """Play one case in a town of its own, and judge."""
        with self.one_at_a_time:
            [database_url] = self.fresh_databases(kind, 1)
            folder = self.folders.mktemp("town")
            redis = {"redis_url": self.fresh_redis()} if kind == "postgresql" else {}
        town = Town(
            self.zygote, folder, database_url, **QUICK | redis | {"concurrency": case.concurrency}
        )
        try:
            scene = scene_of.build(town, case, has_workers=kind == "postgresql")
            scene.judge(case.play(scene))
            assert not self.violations(database_url)
        finally:
            town.close()

    @contextmanager
    def played(
        self, scene_of: type[Scene], cases: Mapping[str, Case], kind: str, names: Sequence[str]
    ) -> Iterator[dict[str, Future[None]]]:
        """These cases on one kind of database, side by side: they mostly wait."""
        side_by_side = ThreadPoolExecutor(AT_ONCE)
        try:
            yield {
                name: side_by_side.submit(self.play, scene_of, cases[name], kind) for name in names
            }
        finally:
            side_by_side.shutdown(cancel_futures=True)


def chosen(request: pytest.FixtureRequest, fixture: str) -> list[str]:
    """The names of the cases of this file that are to run with the fixture as it is now."""
    kind = getattr(request, "param", None)
    return [
        item.callspec.params["name"]
        for item in request.session.items
        if item.path == request.path
        and fixture in item.fixturenames
        and item.callspec.params.get(fixture) == kind
    ]
