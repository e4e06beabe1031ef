"""Draws the kept figures as SVG; `kept` runs it as a program.

It runs in the environment that only benchmarks have. What is drawn reads on a light page as on a
dark one, names no font that has to be fetched, and is the same bytes for the same figures.
"""

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

GREY = "#7d8590"  # as far from white as from black
OURS, THEIRS, MISSED = "#2f81f7", "#a371f7", "#e5534b"
SIDE_BY_SIDE = "side by side, "
INCHES_WIDE, INCHES_PER_LINE, INCHES_AROUND = 8.0, 0.36, 1.1

mpl.rcParams.update(
    {
        "svg.fonttype": "none",
        "svg.hashsalt": "bulk-cancel",
        "font.family": "sans-serif",
        "axes.edgecolor": GREY,
        "axes.labelcolor": GREY,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "text.color": GREY,
        "xtick.color": GREY,
        "ytick.color": GREY,
    }
)


def main() -> None:
    given = json.load(sys.stdin)
    figures, folder = given["figures"], Path(given["folder"])
    raced = [figure for figure in figures if figure["name"].startswith(SIDE_BY_SIDE)]
    asked = [figure for figure in figures if figure["goal"]]
    drawn = []
    if raced:
        drawn.append(_save(_rates(raced), folder / "refunds.svg"))
    if asked:
        drawn.append(_save(_margins(asked), folder / "goals.svg"))
    drawn.append(_save(_pace(given["pace"]), folder / "pace.svg"))
    print(json.dumps({"drawn": drawn}))


def _rates(raced: list[dict[str, Any]]) -> Figure:
    """Refunds a second of everybody, and of raw sockets in the same rounds."""
    rates = {figure["name"].removeprefix(SIDE_BY_SIDE): figure["median"] for figure in raced}
    rates = {"raw sockets, nothing kept": raced[0]["floor"]} | rates
    drawing, axes = _axes(
        len(rates), "refunds a second: 64 calls at once, each answered after 20 ms"
    )
    colours = [GREY, *(OURS if name.startswith("ours") else THEIRS for name in list(rates)[1:])]
    bars = axes.barh(list(rates), list(rates.values()), color=colours)
    axes.bar_label(bars, labels=[f"{rate:,.0f}" for rate in rates.values()], padding=4)
    axes.margins(x=0.1)  # room for the longest bar's number
    return drawing


def _pace(pace: dict[str, list[float]]) -> Figure:
    """Calls a second over time: what the upstream's bucket allows, what passed, what it refused."""
    drawing = Figure(figsize=(INCHES_WIDE, 3.2), layout="constrained")
    axes = drawing.add_subplot()
    axes.step(
        pace["at"],
        pace["limit"],
        where="post",
        color=GREY,
        linewidth=1.5,
        label="the upstream's limit",
    )
    axes.plot(pace["at"], pace["passed"], color=OURS, linewidth=1, label="passed, of two workers")
    axes.plot(pace["at"], pace["refused"], color=MISSED, linewidth=1, label="refused")
    axes.set_xlabel("seconds")
    axes.set_ylabel("calls a second")
    axes.set_ylim(0, 1.5 * max(pace["limit"]))
    axes.legend(frameon=False, labelcolor=GREY)
    return drawing


def _margins(asked: list[dict[str, Any]]) -> Figure:
    """How many times as good as its goal each figure is.

    The scale is logarithmic: left of 1 the goal is missed.
    """
    drawing, axes = _axes(len(asked), "times as good as asked")
    for line, figure in enumerate(asked):
        colour = OURS if figure["is_met"] else MISSED
        margin = _margin(figure)
        axes.plot([1, margin], [line, line], color=colour, linewidth=2)
        axes.plot([margin], [line], color=colour, marker="o")
    axes.set_yticks(range(len(asked)), [figure["name"] for figure in asked])
    axes.set_xscale("log")
    axes.set_xlim(min(0.5, *axes.get_xlim()), max(2, *axes.get_xlim()))
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.axvline(1, color=GREY, linewidth=1)
    return drawing


def _margin(figure: dict[str, Any]) -> float:
    value = figure["median"] if figure["ratio"] is None else figure["ratio"]
    goal = figure["goal"]["value"]
    return value / goal if figure["goal"]["which"] == "at least" else goal / value


def _axes(lines: int, label: str) -> tuple[Figure, Axes]:
    drawing = Figure(
        figsize=(INCHES_WIDE, INCHES_AROUND + INCHES_PER_LINE * lines), layout="constrained"
    )
    axes = drawing.add_subplot()
    axes.invert_yaxis()
    axes.set_xlabel(label)
    return drawing, axes


def _save(drawing: Figure, path: Path) -> str:
    drawing.savefig(path, transparent=True, metadata={"Date": None, "Creator": None})
    return path.name


if __name__ == "__main__":
    main()
