"""`make mutants`: seeds one defect at a time into a copy of the project, and sees whether its tests turn red.

A defect that no test notices is a rule that nobody keeps: the run then ends with 1 and names it. The tests that are to
notice are first run on the untouched copy, where they must pass; a test run that breaks off in any other way than by a
failed test counts as unnoticed.
"""

import argparse
import importlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mutants.defects import Defect

ROOT = Path(__file__).resolve().parents[2]
PASSED, FAILED = 0, 1  # pytest's exit codes


def _seeded() -> tuple[Defect, ...]:
    """The defects of every module `of_….py` beside this one, in the order of their names."""
    names = sorted(path.stem for path in Path(__file__).parent.glob("of_*.py"))
    return tuple(
        one for name in names for one in importlib.import_module(f"mutants.{name}").DEFECTS
    )


DEFECTS = _seeded()


def copy_to(folder: Path) -> None:
    """The project's files as they are here, committed or not."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    for name in listed.stdout.decode().split("\0"):
        if name and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)


def run_tests(folder: Path, tests: Iterable[str]) -> tuple[int, str]:
    """Run them in the copy, to the first that fails; gives pytest's exit code and the last of what it said."""
    environment = os.environ | {
        "PYTHONPATH": f"{folder}{os.pathsep}{folder / 'tests'}",
        "TEST_MODEL_RUNS": "500",
        "TEST_MATRICES": "whole",
    }
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-x",
        "-q",
        "--no-header",
        "--show-capture=no",
        "--tb=line",
    ]
    ended = subprocess.run(
        [*command, "-m", "not long", *tests],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return ended.returncode, (ended.stdout + ended.stderr)[-2000:]


def notice(defect: Defect) -> tuple[bool, float, str]:
    """Whether the defect's tests fail with it; how long that took, and what they said."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mutant-") as name:
        folder = Path(name)
        copy_to(folder)
        for change in defect.changes:
            path = folder / change.path
            path.write_text(change.made_in(path.read_text()))
        code, said = run_tests(folder, defect.tests)
    return code == FAILED, time.monotonic() - began, said


def passes_unchanged(defects: Sequence[Defect]) -> bool:
    """Whether all that is to notice a defect passes without one."""
    with tempfile.TemporaryDirectory(prefix="unchanged-") as name:
        copy_to(Path(name))
        code, said = run_tests(Path(name), sorted({test for one in defects for test in one.tests}))
    if code != PASSED:
        print(said)
    return code == PASSED


def chosen(words: Sequence[str]) -> list[Defect]:
    return [one for one in DEFECTS if not words or any(word in one.name for word in words)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("words", nargs="*", help="only defects with one of these in their name")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument(
        "--tested",
        action="store_true",
        help="the tests have just passed here: don't run them first",
    )
    arguments = parser.parse_args()
    defects = chosen(arguments.words)
    if not arguments.tested and not passes_unchanged(defects):
        print("The tests don't pass without a defect: nothing is shown.")
        return 1
    unnoticed = []
    with ThreadPoolExecutor(arguments.processes) as side_by_side:
        for defect, (seen, seconds, said) in zip(
            defects, side_by_side.map(notice, defects), strict=True
        ):
            print(
                f"{'noticed  ' if seen else 'UNNOTICED'} {seconds:5.0f} s  {defect.name}",
                flush=True,
            )
            if not seen:
                unnoticed.append(defect)
                print(said)
    print(f"{len(defects) - len(unnoticed)} of {len(defects)} seeded defects turn a test red")
    return 1 if unnoticed else 0


if __name__ == "__main__":
    sys.exit(main())
