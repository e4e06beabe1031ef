"""The filter of `opensmtpd`, by smtpd-filters(7): refuses as the test says, and keeps its book.

A mail is `asked` for before the queue may keep it, and `taken` once it has: whatever is in the
mailbox was asked for, even if the relay was killed before it could say that it has taken it.
"""

import asyncio
import sys
from functools import partial
from pathlib import Path

from worlds.smtp_script import Script

_STAGES = {"mail-from": "mail", "rcpt-to": "rcpt", "data": "data", "commit": "dot"}
_REPORTS = ("link-connect", "link-disconnect", "tx-begin", "tx-commit")


class Filter:
    """What smtpd says, line by line, and our answers."""

    def __init__(self, script):
        self._script, self._recipients, self._mails = script, {}, {}

    def hear(self, line):
        match line.split("|"):
            case ["config", "ready"]:
                self._script.write("started")
                for phase in _STAGES:
                    _say("register", "filter", "smtp-in", phase)
                for event in _REPORTS:
                    _say("register", "report", "smtp-in", event)
                _say("register", "ready")
            case ["report", _, _, _, "link-connect", session, *_]:
                self._script.write("connected", connection=session)
            case ["report", _, _, _, "link-disconnect", session]:
                self._script.write("closed", connection=session)
            case ["report", _, _, _, "tx-begin", session, mail]:
                self._mails[session] = mail
            case ["report", _, _, _, "tx-commit", session, mail, *_]:
                self._script.write("taken", connection=session, mail=mail)
            case ["filter", _, _, _, phase, session, token, *given]:
                self._meet(phase, session, token, given)

    def _meet(self, phase, session, token, given):
        stage = _STAGES[phase]
        if stage == "mail":
            self._script.write("mail", connection=session)
            self._recipients.pop(session, None)
        elif stage == "rcpt":
            self._recipients[session] = given[0]
        fault = self._script.met(stage, self._recipients.get(session, ""), session)
        if fault is not None:
            if fault["act"] == "answer":
                _say("filter-result", session, token, f"reject|{fault['code']} {fault['text']}")
                return
            assert fault["act"] == "delay", fault
        if stage == "dot":
            self._script.write("asked", connection=session, mail=self._mails[session])
        proceed = partial(_say, "filter-result", session, token, "proceed")
        asyncio.get_running_loop().call_later(fault["seconds"] if fault else 0.0, proceed)


def _say(*words):
    print("|".join(words), flush=True)


async def main():
    one = Filter(Script(Path(sys.argv[1])))
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(lines), sys.stdin
    )
    while line := await lines.readline():
        one.hear(line.decode().rstrip("\n"))


if __name__ == "__main__":
    asyncio.run(main())
