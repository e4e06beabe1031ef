"""`check-config`: what is set and what is missing, before anything is started."""

import sys
from collections.abc import Iterator
from typing import Annotated, Any, Final

import typer

from app.cli.terminal import result, say
from app.config.environment import IN_FILE, settings, variables_set
from app.config.production import cautions, refusals
from app.config.settings import PREFIX, SECRETS, Settings, WrongSettings

_NOT_SHOWN: Final = "(set, not shown)"


def check_config(
    host: Annotated[
        str, typer.Option(help="The address that an API is to listen on.")
    ] = "127.0.0.1",
) -> None:
    """Print every setting and where it is from, what is missing, and what a start would refuse.

    It opens nothing; it exits with 1 when `api` or `worker` would not start.
    """
    try:
        config = settings()
        refused = [*_lacking(config), *refusals(config, listens_on=host)]
    except WrongSettings as wrong:
        refused = [*wrong.sentences]
    else:
        for line in _lines(config):
            result(line)
        for sentence in cautions(config):
            say(f"note: {sentence}")
    for sentence in refused:
        say(f"refused: {sentence}")
    if refused:
        sys.exit(1)
    say("An API and its workers would start with this.")


def _lacking(config: Settings) -> Iterator[str]:
    try:
        config.require_upstreams()
    except WrongSettings as wrong:
        yield from wrong.sentences


def _lines(config: Settings) -> Iterator[str]:
    """A line for each setting: its variable, its value, and who gave it that."""
    given = variables_set()
    for name in Settings.model_fields:
        variable = f"{PREFIX}{name.upper()}"
        value = getattr(config, name)
        if f"{variable}{IN_FILE}" in given:
            source = "file"
        else:
            source = "environment" if variable in given else "default"
        yield f"{variable}={_shown(name, value)}  [{source}]"


def _shown(name: str, value: Any) -> str:
    if value is None:
        return "(unset)"
    return _NOT_SHOWN if name in SECRETS and not _is_plain(name, value) else str(value)


def _is_plain(name: str, value: Any) -> bool:
    """An address without a login says nothing that is secret."""
    return name in {"database_url", "redis_url"} and "@" not in value
