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


async def test_what_the_console_says_of_a_check_is_right(workshop):
    needs("node")
    shutil.copy(HERE / "check.test.mjs", workshop)
    assert "fail 0" in await run("node", "--test", "check.test.mjs", folder=workshop)


async def test_what_the_console_says_of_money_days_and_times_is_right(workshop):
    needs("node")
    shutil.copy(HERE / "words.test.mjs", workshop)
    for zone in ("America/Vancouver", "Pacific/Kiritimati"):  # the device's, which says nothing
        said = await run("node", "--test", "words.test.mjs", folder=workshop, TZ=zone)
        assert "fail 0" in said


async def test_the_words_of_states_are_right(workshop):
    needs("node")
    shutil.copy(HERE / "states.test.mjs", workshop)
    assert "fail 0" in await run("node", "--test", "states.test.mjs", folder=workshop)


async def test_a_job_is_said_in_people_and_money(workshop):
    needs("node")
    shutil.copy(HERE / "job.test.mjs", workshop)
    assert "fail 0" in await run("node", "--test", "job.test.mjs", folder=workshop)


async def test_what_the_settings_say_of_keys_and_webhooks_is_right(workshop):
    needs("node")
    shutil.copy(HERE / "settings.test.mjs", workshop)
    assert "fail 0" in await run("node", "--test", "settings.test.mjs", folder=workshop)


async def test_a_request_says_what_was_chosen_for_single_bookings(workshop):
    needs("node")
    shutil.copy(HERE / "overrides.test.mjs", workshop)
    assert "fail 0" in await run("node", "--test", "overrides.test.mjs", folder=workshop)


@pytest.mark.long  # it installs the linter
async def test_the_linter_finds_nothing_wrong_with_the_console(workshop):
    needs("node", "npm")
    await run(
        "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", folder=workshop, seconds=300
    )
    await run("npx", "eslint", "--max-warnings=0", "console", folder=workshop, seconds=300)
