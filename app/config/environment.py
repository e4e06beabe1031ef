"""Reads the settings from the environment.

A wrong one, or one that there isn't, stops the start with one line.
"""

import difflib
import os
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from pydantic import ValidationError

from app import fault_points
from app.config.settings import PREFIX, Settings, WrongSettings


def read_settings(**given: Any) -> Settings:
    """Settings of the environment, but for those that are given.

    Raises:
        WrongSettings: one line that names each variable at fault. No value is in it: it may be a
            secret.
    """
    wrong = [
        _unknown(name)
        for name in sorted(os.environ)
        if name.upper().startswith(PREFIX) and not _is_known(name)
    ]
    if wrong:
        raise WrongSettings("; ".join(wrong))
    try:
        fault_points.read(os.environ.get(fault_points.VARIABLE, ""))
        return Settings(**given)
    except ValidationError as error:
        raise WrongSettings("; ".join(_sentences(error))) from None
    except ValueError as error:
        raise WrongSettings(str(error)) from None


def _is_known(name: str) -> bool:
    return name.upper() == fault_points.VARIABLE or name.upper() in _variables()


def _variables() -> list[str]:
    return [f"{PREFIX}{name.upper()}" for name in Settings.model_fields]


def _unknown(name: str) -> str:
    near = difflib.get_close_matches(name.upper(), _variables(), n=1, cutoff=0.8)
    return f"{name} is not a setting" + (
        f"; did you mean {near[0]}?" if near else ". The README lists all"
    )


def _sentences(error: ValidationError) -> Iterable[str]:
    for one in error.errors():
        said = one["msg"].removeprefix("Value error, ")
        yield f"{PREFIX}{str(one['loc'][0]).upper()}: {said}" if one["loc"] else said


@lru_cache(maxsize=1)
def settings() -> Settings:
    """This process's settings, read once.

    Raises:
        WrongSettings: as `read_settings`.
    """
    return read_settings()


def settings_or_exit() -> Settings:
    """This process's settings, for where no command of ours tells what is wrong.

    Raises:
        SystemExit: they are wrong; its line is for standard error.
    """
    try:
        return settings()
    except WrongSettings as wrong:
        raise SystemExit(f"bulk-cancel: {wrong}") from None
