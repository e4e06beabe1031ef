"""The README says what the code does: its table of settings is the settings."""

import re
from pathlib import Path

from app.config.settings import Settings

README = Path(__file__).parents[2] / "README.md"


def _shown(default) -> str:
    if default is None:
        return "unset"
    return (
        str(int(default))
        if isinstance(default, float) and default == int(default)
        else str(default)
    )


def test_every_setting_is_in_the_readme_with_its_default_and_meaning():
    rows = re.findall(r"^\| `([A-Z_]+)` \| `([^`]*)` \| (.*) \|$", README.read_text(), re.MULTILINE)
    assert rows == [
        (name.upper(), _shown(setting.default), setting.description)
        for name, setting in Settings.model_fields.items()
    ]
