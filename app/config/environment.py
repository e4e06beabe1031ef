"""Reads the settings from the environment.

A wrong one, or one that there isn't, stops the start with one line. What is secret may be in a file
whose path is in the variable's place, with `_FILE` after its name, as orchestrators hand secrets
out.
"""

import difflib
import os
from collections.abc import Container, Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from app import fault_points
from app.config.settings import PREFIX, SECRETS, Settings, WrongSettings

IN_FILE: Final = "_FILE"
_MAX_FILE_BYTES: Final = 64 * 1024


def read_settings(**given: Any) -> Settings:
    """Settings of the environment, but for those that are given.

    Raises:
        WrongSettings: one line that names each variable at fault. No value is in it: it may be a
            secret.
    """
    known = {fault_points.VARIABLE, *_variables(), *_files()}
    wrong = [_unknown(name) for name in sorted(os.environ) if _is_other(name, known)]
    if wrong:
        raise WrongSettings(*wrong)
    try:
        fault_points.read(os.environ.get(fault_points.VARIABLE, ""))
        return Settings(**{**_of_files(), **given})
    except ValidationError as error:
        raise WrongSettings(*_sentences(error)) from None
    except ValueError as error:
        raise WrongSettings(str(error)) from None


def variables_set() -> dict[str, str]:
    """Our variables that are set, in capital letters, and their values; an empty one is not."""
    return {
        name.upper(): value
        for name, value in os.environ.items()
        if value and name.upper().startswith(PREFIX)
    }


def _is_other(name: str, known: Container[str]) -> bool:
    return name.upper().startswith(PREFIX) and name.upper() not in known


def _variables() -> list[str]:
    return [f"{PREFIX}{name.upper()}" for name in Settings.model_fields]


def _files() -> dict[str, str]:
    """The variables that name files, with each the setting that is in it."""
    return {f"{PREFIX}{name.upper()}{IN_FILE}": name for name in SECRETS}


def _of_files() -> dict[str, Any]:
    """The settings that are in files.

    Raises:
        WrongSettings: a file can't be read or is none of a secret, or the setting is given twice.
    """
    present = variables_set()
    in_files = {variable: name for variable, name in _files().items() if variable in present}
    for variable in in_files:
        if (setting := variable.removesuffix(IN_FILE)) in present:
            raise WrongSettings(f"{variable} and {setting} are both set: leave one of them out")
    return {name: _read(variable, present[variable]) for variable, name in in_files.items()}


def _read(variable: str, path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            content = file.read(_MAX_FILE_BYTES + 1)
        text = content.decode().rstrip("\r\n")
    except OSError as error:
        raise WrongSettings(f"{variable}: can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise WrongSettings(f"{variable}: must be a file of UTF-8") from None
    if not text or len(content) > _MAX_FILE_BYTES:
        raise WrongSettings(
            f"{variable}: must be a file of 1 to {_MAX_FILE_BYTES} bytes, the secret alone"
        )
    return text


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
