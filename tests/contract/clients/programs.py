"""Programs that tests run: whether they are here, and one run to its end.

Where one is missing its tests are skipped and the run's last lines say so; with CI=true they fail.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
DOCUMENT = ROOT / "openapi" / "bulk-cancel.json"
CLIENTS = Path(__file__).parent
BIN = Path(sys.executable).parent  # with what the programs of our own environment call by name
IN_CI = os.environ.get("CI") == "true"


def needs(*programs: str) -> None:
    """Skip the test, or fail it in CI, unless all of these are here."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        reason = f"{' and '.join(missing)} missing (no such program on the PATH)"
        if IN_CI:
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)


async def run(*command: str | Path, folder: Path, seconds: float = 60, **environment: str) -> str:
    """What a program prints on its standard output; it must end well, in time.

    What it leaves running ends with it.
    """
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env=os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"} | environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        printed, complained = await asyncio.wait_for(process.communicate(), seconds)
    except TimeoutError:
        pytest.fail(f"{command} did not end within {seconds} s", pytrace=False)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    assert process.returncode == 0, f"{command}\n{printed.decode()}\n{complained.decode()}"
    return printed.decode()


async def typescript(folder: Path) -> Path:
    """A copy of the TypeScript client, with what its lock names and the types generated."""
    needs("node", "npm")
    workshop = shutil.copytree(CLIENTS / "typescript", folder / "typescript")
    await run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", folder=workshop)
    generate = (
        "npx",
        "openapi-typescript",
        DOCUMENT,
        "--default-non-nullable",
        "false",
        "-o",
        "bulk-cancel.d.ts",
    )
    await run(*generate, folder=workshop)
    return workshop
