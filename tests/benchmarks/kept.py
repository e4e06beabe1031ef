"""The figures under docs/benchmarks: raw, as a table and as plots.

Each has the day and the machine it was taken on. A run of some benchmarks replaces what is kept of
those and leaves the others as they are.
"""

import json
import os
import platform
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks import pace
from benchmarks.bench import ROOT, Other
from benchmarks.figures import Figure
from benchmarks.others import PYTHON
from benchmarks.report import markdown

FOLDER: Final = ROOT / "docs" / "benchmarks"
_PLOT: Final = Path(__file__).with_name("plot.py")


def keep(taken: Mapping[str, Sequence[Figure]], order: Sequence[str], folder: Path = FOLDER) -> str:
    """Write a run's figures among those kept before; returns a sentence that says what was written.

    Args:
        taken: the figures by the benchmark they are of; a benchmark that found nothing replaces
            nothing.
        order: of all benchmarks, as the table has them.
        folder: where to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    raw = folder / "figures.json"
    before = json.loads(raw.read_text()) if raw.exists() else []
    # Benchmarks without a place in the order have been taken out since.
    before = [entry for entry in before if entry["benchmark"] in order]
    found = {benchmark: figures for benchmark, figures in taken.items() if figures}
    entries = [entry for entry in before if entry["benchmark"] not in found]
    entries += [
        _entry(benchmark, figure) for benchmark, figures in found.items() for figure in figures
    ]
    entries.sort(key=lambda entry: order.index(entry["benchmark"]))
    raw.write_text(json.dumps(entries, indent=1, ensure_ascii=False) + "\n")
    dated = [(entry["taken_on"], Figure.from_json(entry)) for entry in entries]
    (folder / "table.md").write_text(markdown(dated))
    return f"kept in {folder}: {', '.join(['figures.json', 'table.md', *_plots(entries, folder)])}"


def _entry(benchmark: str, figure: Figure) -> dict[str, Any]:
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    where = {
        "benchmark": benchmark,
        "taken_on": time.strftime("%Y-%m-%d", time.gmtime()),
        "machine": machine,
    }
    return where | figure.as_json()


def _plots(entries: list[dict[str, Any]], folder: Path) -> list[str]:
    if not PYTHON.exists():
        return ["no plots (make bench installs what draws them)"]
    plot = Other(PYTHON, _PLOT)
    return list(plot.measure(figures=entries, pace=pace.series(), folder=str(folder))["drawn"])
