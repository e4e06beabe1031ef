"""Where mails land without a relay: the last of them, in a folder, as `.eml` files.

A file is whole or not there, and a message is one file however often it is sent.
"""

import asyncio
import hashlib
import os
import re
import threading
from pathlib import Path
from typing import Final

from app.domain.mail_address import MailAddress
from app.gateways.email.mail import Mail, MailRefused, MailResult, MailSent, RelayAway

MAX_MAILS: Final = 1_000  # files that are kept: the last
_ENDING: Final = ".eml"
# What is a file's name everywhere, and no hidden one.
_FILE_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class Outbox:
    """A `Mailer` that keeps what it is given; `max_mails` are kept."""

    def __init__(self, folder: Path, *, max_mails: int = MAX_MAILS) -> None:
        self._folder = folder
        self._max_mails = max_mails
        self._one_at_a_time = threading.Lock()

    async def send(self, mail: Mail) -> MailResult:
        """Keep it. An address that no relay would take is refused here too."""
        try:
            MailAddress.read(mail.recipient)
        except ValueError as error:
            return MailRefused(None, f"the recipient's address {error}")
        try:
            await asyncio.to_thread(self._write, mail)
        except OSError as error:
            return RelayAway(f"the outbox can't be written: {error.strerror}")
        return MailSent("kept in the outbox")

    async def aclose(self) -> None:
        """Nothing is open."""

    def _write(self, mail: Mail) -> None:
        with self._one_at_a_time:
            self._folder.mkdir(parents=True, exist_ok=True)
            path = self._folder / file_name(mail.message_id)
            unfinished = path.with_suffix(".unfinished")
            unfinished.write_bytes(mail.raw)
            os.replace(unfinished, path)  # noqa: PTH105 - the word for what it does
            for old in kept_mails(self._folder)[self._max_mails :]:
                old.unlink(missing_ok=True)


def file_name(message_id: str) -> str:
    """The name of a message's file: its id, or a digest of one that is no name."""
    if _FILE_NAME.fullmatch(message_id):
        return message_id + _ENDING
    return hashlib.sha256(message_id.encode()).hexdigest() + _ENDING


def kept_mails(folder: Path) -> list[Path]:
    """The files of the mails that are kept, the newest first."""
    dated = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.endswith(_ENDING):
                    # Another process may take it away meanwhile.
                    try:
                        dated.append((entry.stat().st_mtime_ns, entry.path))
                    except FileNotFoundError:
                        continue
    except FileNotFoundError:
        return []
    return [Path(path) for _, path in sorted(dated, reverse=True)]
