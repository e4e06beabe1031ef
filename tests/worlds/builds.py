"""Builds of this service to hold beside each other: this one, and one out of the history."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
_OF_MAKE: Final = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES")


@dataclass(frozen=True, slots=True)
class Build:
    """A checkout with all that it needs to run."""

    python: Path
    root: Path


OURS: Final = Build(Path(sys.executable), ROOT)


def build_of(folder: Path, commit: str, *, root: Path = ROOT) -> Build | None:
    """A commit's files, with an environment of its own from its own lock, in a folder of `folder`.

    None where the history of `root` does not have it: an archive has none, and a shallow clone not
    all of it.
    """
    if shutil.which("git") is None:
        return None
    kept = subprocess.run(
        ["git", "-C", str(root), "archive", commit], capture_output=True, check=False
    )
    if kept.returncode:
        return None
    folder /= commit
    if not folder.exists():
        folder.mkdir()
        subprocess.run(["tar", "-x", "-C", str(folder)], input=kept.stdout, check=True)
        if (tools := root / ".tools").exists():  # what installs ours installs this, too
            shutil.copytree(tools, folder / ".tools", symlinks=True)
        # Not as a part of the `make` that we may be a part of.
        environment = {name: value for name, value in os.environ.items() if name not in _OF_MAKE}
        made = ["make", "--directory", str(folder), "install", f"PYTHON={sys.executable}"]
        subprocess.run(made, env=environment, check=True, stdout=sys.stderr)
    return Build(folder / ".venv" / "bin" / "python", folder)
