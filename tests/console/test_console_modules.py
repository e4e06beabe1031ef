"""The console's modules, without a browser: what is pure is tested, and all of them are linted."""

import shutil
from pathlib import Path

import pytest
from contract.clients.programs import needs, run

import app

HERE = Path(__file__).parent


@pytest.fixture
def workshop(tmp_path):
    """A folder in which Node takes the console's modules for modules."""
    shutil.copytree(HERE / "eslint", tmp_path, dirs_exist_ok=True)
    shutil.copytree(Path(app.__file__).parent / "console", tmp_path / "console")
    return tmp_path


@pytest.mark.parametrize("name", sorted(path.name for path in HERE.glob("*.test.mjs")))
async def test_what_the_console_says_is_right_wherever_its_device_is(workshop, name):
    needs("node")
    shutil.copy(HERE / name, workshop)
    for zone in ("America/Vancouver", "Pacific/Kiritimati"):  # the device's, which says nothing
        assert "fail 0" in await run("node", "--test", name, folder=workshop, TZ=zone)


@pytest.mark.long  # it installs the linter
async def test_the_linter_finds_nothing_wrong_with_the_console(workshop):
    needs("node", "npm")
    await run(
        "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", folder=workshop, seconds=300
    )
    await run("npx", "eslint", "--max-warnings=0", "console", folder=workshop, seconds=300)
