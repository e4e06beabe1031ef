"""Measures the structure of the code, so that a change of it can be shown.

    python tests/house.py [TREE]

TREE is a checkout, this one by default. Prints one line for each measure: its name, its value, and
where it is worst.
"""

import ast
import re
import statistics
import sys
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

LINE: Final = 100  # columns
PRAGMA: Final = re.compile(r"\s+# (noqa|type: ignore).*")
MAX_FILES: Final = 12  # a folder
ABOVE_DB: Final = ("api", "cancellation", "refunds", "schedule", "webhooks", "auth", "cli")


class Measure(NamedTuple):
    name: str
    value: str
    worst: str = ""


class Module(NamedTuple):
    name: str
    path: Path
    text: str
    tree: ast.Module


def modules(tree: Path, *packages: str) -> list[Module]:
    """The modules of these packages, parsed."""
    found = []
    for package in packages:
        for path in sorted((tree / package).rglob("*.py")):
            name = ".".join(path.relative_to(tree).with_suffix("").parts).removesuffix(".__init__")
            text = path.read_text()
            found.append(Module(name, path, text, ast.parse(text)))
    return found


def imports(module: Module, names: set[str]) -> Iterator[str]:
    """The names, of these, of the modules that it imports."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in names else node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def files_in_folders(code: list[Module]) -> Measure:
    counted = Counter(module.path.parent for module in code if module.path.name != "__init__.py")
    folder, most = counted.most_common(1)[0]
    above = sum(count > MAX_FILES for count in counted.values())
    return Measure(
        f"folders of more than {MAX_FILES} files", str(above), f"{most} in {folder.name}"
    )


def arrows(code: list[Module]) -> Iterator[Measure]:
    """Arrows between the rooms of app/db, and how many floors they make.

    A room is a module, or a wing with all that is in it.
    """
    names = {module.name for module in code}

    def room(name: str) -> str:
        return ".".join(name.split(".")[:3])

    above: dict[str, set[str]] = defaultdict(set)
    inside = [module for module in code if module.name.startswith("app.db.")]
    pairs = set()
    for module in inside:
        for other in imports(module, names):
            if other in names and other.startswith("app.db.") and other != module.name:
                pairs.add((module.name, other))
                if room(other) != room(module.name):
                    above[room(module.name)].add(room(other))
    yield Measure("arrows between modules of db", str(len(pairs)))
    yield Measure("arrows between wings of db", str(sum(map(len, above.values()))))
    floors: dict[str, int] = {}

    def floor(one: str) -> int:
        if one not in floors:
            floors[one] = 0  # an arrow back would else not end
            floors[one] = 1 + max((floor(below) for below in above.get(one, ())), default=0)
        return floors[one]

    yield Measure("floors of db", str(max(floor(room(module.name)) for module in inside)))


def untyped_look_ups(code: list[Module]) -> Measure:
    """Look-ups by a constant string above db, of what could be a typed value: `row["…"]`."""
    found: Counter[str] = Counter()
    for module in code:
        if module.name.split(".")[1:2] and module.name.split(".")[1] in ABOVE_DB:
            for node in ast.walk(module.tree):
                if (
                    isinstance(node, ast.Subscript)
                    and isinstance(node.ctx, ast.Load)
                    and isinstance(node.slice, ast.Constant)
                    and isinstance(node.slice.value, str)
                    and isinstance(node.value, ast.Name | ast.Attribute)
                    and re.fullmatch(
                        r"(job|row|refund|session|endpoint|event|one|shown|last|made)",
                        _last(node.value),
                    )
                ):
                    found[module.name] += 1
    name, most = found.most_common(1)[0] if found else ("", 0)
    return Measure(
        "untyped look-ups above db", str(found.total()), f"{most} in {name}" if most else ""
    )


def _last(node: ast.Name | ast.Attribute) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr


def classes(code: list[Module]) -> Measure:
    where: dict[str, list[str]] = defaultdict(list)
    for module in code:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ClassDef):
                where[node.name].append(module.name)
    several = {name: places for name, places in where.items() if len(places) > 1}
    return Measure(
        "class names of more than one definition", str(len(several)), ", ".join(sorted(several))
    )


def long_lines(code: list[Module]) -> Measure:
    """Lines that are too long without what they say to a linter, as the linter counts them."""
    lines = [
        (len(PRAGMA.sub("", line)) > LINE, module.name)
        for module in code
        for line in module.text.splitlines()
    ]
    counted = Counter(name for is_long, name in lines if is_long)
    share = 100 * counted.total() / len(lines)
    return Measure(
        f"lines over {LINE}", f"{counted.total()} ({share:.1f} %)", str(counted.most_common(1))
    )


def summaries(code: list[Module]) -> Measure:
    """First lines of docstrings that are longer than 15 words."""
    found: Counter[str] = Counter()
    total = 0
    for module in code:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                first = (ast.get_docstring(node) or "").split("\n", 1)[0]
                total += bool(first)
                found[module.name] += len(first.split()) > 15
    return Measure(
        "first lines of more than 15 words",
        f"{found.total()} of {total}",
        str(found.most_common(1)),
    )


def sizes(code: list[Module]) -> Iterator[Measure]:
    lines = sorted(len(module.text.splitlines()) for module in code)
    functions = sorted(
        node.end_lineno - node.lineno + 1
        for module in code
        for node in ast.walk(module.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno
    )
    for name, counted in (("lines of a module", lines), ("lines of a function", functions)):
        p90 = statistics.quantiles(counted, n=10)[-1]
        yield Measure(
            name,
            f"{statistics.median(counted):.0f} in the median, p90 {p90:.0f}, at most {counted[-1]}",
        )


def measures(tree: Path) -> Iterator[Measure]:
    """All of them, of a checkout."""
    code = modules(tree, "app", "workers")
    project = tomllib.loads((tree / "pyproject.toml").read_text())
    yield files_in_folders(code)
    yield from arrows(code)
    yield untyped_look_ups(code)
    yield classes(code)
    yield long_lines(code)
    yield summaries(code)
    yield Measure("contracts", str(len(project["tool"]["importlinter"]["contracts"])))
    yield from sizes(code)


def main() -> None:
    tree = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent.parent
    for name, value, worst in measures(tree):
        print(f"{name:42} {value:46} {worst}")


if __name__ == "__main__":
    main()
