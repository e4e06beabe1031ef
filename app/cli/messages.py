"""Commands about messages: `bounce`, which an MTA pipes what comes back into.

Its exit codes are those that MTAs know (sysexits.h): at 75 the mail is kept and comes again.
"""

import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from app.cli.terminal import CommandError, configured, explain, opened, result, run, say
from app.config.settings import Settings
from app.gateways.email.bounces import MAX_BYTES, read_bounce
from app.gateways.email.later_words import LaterWord
from app.messages import bounced
from app.messages.bounced import Heard

_TRY_AGAIN: Final = 75  # EX_TEMPFAIL
_NOTHING: Final = "nothing"


def bounce(
    file: Annotated[
        str, typer.Argument(metavar="[FILE]", help="A mail as it came; - for standard input.")
    ] = "-",
    recipient: Annotated[
        str | None, typer.Option(help="Whom it came to, as the envelope has it.")
    ] = None,
) -> None:
    """Record that a message came back (RFC 3464), or is called spam (RFC 5965), from a report.

    Prints what became of it: `recorded`, `kept` (until the message is recorded as sent), `unknown`
    (no message that was sent), or `nothing` (no report, or of nothing final). Exits 0 at all these,
    75 where it is to be tried again: the database is away.
    """
    raw = _source(file)
    try:
        heard = run(_bounce(configured(), raw, recipient))
    except Exception as error:
        told = str(error) if isinstance(error, CommandError) else explain(error)
        if told is None:
            raise
        say(f"bulk-cancel: {told}")
        raise typer.Exit(_TRY_AGAIN) from None
    result(heard or _NOTHING)


def _source(name: str) -> bytes:
    """The first bytes of a mail; the rest of a pipe is read, or its MTA would see it break."""
    if name != "-":
        with Path(name).open("rb") as file:
            return file.read(MAX_BYTES)
    raw = sys.stdin.buffer.read(MAX_BYTES)
    while sys.stdin.buffer.read(MAX_BYTES):
        pass
    return raw


async def _bounce(config: Settings, raw: bytes, recipient: str | None) -> Heard | None:
    report = read_bounce(raw, mail_bounces=config.mail_bounces, delivered_to=recipient)
    word = None if report is None else LaterWord.of_bounce(report)
    if word is None:
        return None
    async with opened(config) as db:
        return await bounced.hear(db, word)
