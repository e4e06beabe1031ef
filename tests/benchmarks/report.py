"""The figures as a table: text for a terminal, Markdown for the documentation."""

from collections.abc import Sequence

from benchmarks.figures import Figure

_HEAD = ("what", "median", "unit", "floor", "of", "ratio", "goal", "met")


def table(figures: Sequence[Figure]) -> str:
    """One line per figure, columns aligned."""
    rows = [_HEAD, *(_row(figure) for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)


def markdown(dated: Sequence[tuple[str, Figure]]) -> str:
    """One line per figure, each with the day it was taken on and its note."""
    rows = [
        (*_HEAD, "taken", "note"),
        *((*_row(figure), day, figure.note) for day, figure in dated),
    ]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    lines.insert(1, "| --- | ---: | --- | ---: | --- | ---: | --- | --- | --- | --- |")
    return "\n".join(lines) + "\n"


def _row(figure: Figure) -> tuple[str, ...]:
    return (
        figure.name,
        _number(figure.median),
        figure.unit,
        "" if figure.floor is None else _number(figure.floor),
        figure.floor_name,
        "" if figure.ratio is None else f"{figure.ratio:.2f}",
        "" if figure.goal is None else f"{figure.goal.which} {figure.goal.value:g}",
        {None: "", True: "yes", False: "NO"}[figure.is_met],
    )


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
