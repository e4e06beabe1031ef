"""`python -m benchmarks [names]`: run benchmarks and print their table.

Every figure is kept if asked to.
"""

import argparse
import importlib
import sys
from collections.abc import Awaitable, Callable
from typing import Final, cast

import uvloop
from benchmarks.bench import Bench
from benchmarks.figures import Figure
from benchmarks.kept import keep
from benchmarks.report import table

from app.telemetry import configure_logging

# In the order of the table; each is a module with an `async def measure(bench) -> list[Figure]`.
NAMES: Final = (
    "refunds",
    "isolation",
    "tracing",
    "terms",
    "workers",
    "pacing",
    "kills",
    "accept",
    "accept_many",
    "reads",
    "wake",
    "idle",
    "audit",
    "expand",
    "load",
    "listing",
    "million",
    "webhooks",
    "mail",
    "messages",
    "told",
    "worst",
    "others",
)


def main() -> None:
    """Read the arguments, measure, print."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"any of: {', '.join(NAMES)}")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of subject and floor (5)")
    parser.add_argument(
        "--refunds",
        type=int,
        help="of each line of `kills` (7,673, for which it takes half an hour)",
    )
    parser.add_argument(
        "--short", action="store_true", help="tiny sizes: shows that the benchmarks work, no more"
    )
    parser.add_argument(
        "--keep", action="store_true", help="put the figures among those in docs/benchmarks"
    )
    given = parser.parse_args()
    if unknown := set(given.names) - set(NAMES):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    if given.refunds and given.keep:
        parser.error("figures of fewer refunds are no line of the table, and are not kept")
    if given.short and given.keep:
        parser.error("figures of the short form mean nothing, and are not kept")
    configure_logging(json_lines=False, level="warning")
    bench = Bench(rounds=given.rounds, short=given.short, refunds=given.refunds)
    taken: dict[str, list[Figure]] = {}
    try:
        for name in given.names or NAMES:
            print(f"bench: {name}", file=sys.stderr, flush=True)
            taken[name] = uvloop.run(_measured(name, bench))
            for figure in taken[name]:
                rounds = ", ".join(f"{value:,.3g}" for value in figure.rounds)
                print(f"bench: {figure.name}: {rounds}", file=sys.stderr)
    finally:
        bench.close()
    print(table([figure for figures in taken.values() for figure in figures]))
    if given.keep:
        print(keep(taken, NAMES), file=sys.stderr)


async def _measured(name: str, bench: Bench) -> list[Figure]:
    measure = cast(
        "Callable[[Bench], Awaitable[list[Figure]]]",
        importlib.import_module(f"benchmarks.{name}").measure,
    )
    return await measure(bench)


if __name__ == "__main__":
    main()
