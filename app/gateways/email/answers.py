"""What a relay's answer to each step says of the mail, and what of the relay itself.

A refusal is the mail's own only where it is of the recipient or of the content: of anything else
every mail would be refused, and so it is the relay's, and all mail waits.
"""

import re
from enum import IntEnum
from typing import Final

from app.gateways.email.mail import (
    MAX_DETAIL,
    MailLater,
    MailRefused,
    MailUnknown,
    RelayAway,
    is_dead_address,
    without_addresses,
)

_TOO_LARGE: Final = 552  # RFC 1870, section 6.1: the one refusal at MAIL that is of this mail
_CLOSING: Final = 421
_TOO_MUCH: Final = 452  # RFC 5321, and some relays after so many mails on one connection
_OF_MAILBOXES: Final = frozenset({450, 451})  # RFC 5321, section 4.2.2; 451 is greylisting's too
_OF_MAILBOX: Final = "4.2."  # RFC 3463, section 3.3: full, disabled, and the like
_LOGIN_CODES: Final = frozenset({530, 534, 535, 538})  # RFC 4954, section 6; 530 is RFC 3207's too
_STATUS: Final = re.compile(r"([245]\.\d{1,3}\.\d{1,3})\b")
_BAD_SENDER: Final = frozenset(
    {"5.1.7", "5.1.8"}
)  # RFC 3463: our own address, whoever is written to
# "Greylisted for 300 seconds", "try again in 5 minutes": no standard says how long.
_WAIT: Final = re.compile(
    r"\b(?:in|for|after) (\d{1,5}) ?(s|secs?|seconds?|m|mins?|minutes?)\b", re.IGNORECASE
)
_MAX_WAIT_SECONDS: Final = 3600.0


class Stage(IntEnum):
    """How far a mail has come, in order."""

    CONNECT = 0
    MAIL = 1
    RCPT = 2
    DATA = 3  # from here on it may have been taken, until the relay says that it has not


_COMMANDS: Final = {Stage.MAIL: "MAIL", Stage.RCPT: "RCPT", Stage.DATA: "DATA"}


def result_of_answer(
    stage: Stage, code: int, text: str, recipient: str
) -> MailRefused | MailLater | MailUnknown | RelayAway:
    """What an answer other than the one that was hoped for means at this stage."""
    said = without_addresses(text, recipient)
    detail = f"{code} at {_COMMANDS[stage]}: {said}"[:MAX_DETAIL]
    status = found[1] if (found := _STATUS.match(said)) else ""
    match code // 100:
        case 4 if code == _CLOSING and stage is Stage.MAIL:
            return RelayAway(detail)
        case 4:
            return MailLater(
                code,
                detail,
                _wait_seconds(said),
                is_of_recipient=stage is Stage.RCPT and _is_of_recipient(code, status),
            )
        case 5 if _is_of_relay(stage, code, status):
            return RelayAway(detail)
        case 5:
            is_dead = stage is Stage.RCPT and is_dead_address(status)
            return MailRefused(code, detail, is_dead_address=is_dead)
    if stage is Stage.DATA:
        return MailUnknown(detail)
    return MailLater(None, detail)


def is_of_connection(stage: Stage, code: int) -> bool:
    """Whether a relay refuses no mail with this, but more of them on a connection that is used."""
    return (code == _CLOSING and stage < Stage.DATA) or (code == _TOO_MUCH and stage is Stage.MAIL)


def _is_of_relay(stage: Stage, code: int, status: str) -> bool:
    if code in _LOGIN_CODES or status in _BAD_SENDER:
        return True
    return stage is Stage.MAIL and code != _TOO_LARGE


def _is_of_recipient(code: int, status: str) -> bool:
    """Whether a 4xx at RCPT is of this mailbox, or greylists whom it does not know.

    By RFC 3463 4.3 is of the relay itself and 4.4 of its network, whoever is written to.
    """
    if code in _OF_MAILBOXES:
        return not status.startswith(("4.3.", "4.4."))
    return status.startswith(_OF_MAILBOX)


def _wait_seconds(said: str) -> float | None:
    if not (found := _WAIT.search(said)):
        return None
    seconds = float(found[1]) * (60 if found[2].lower().startswith("m") else 1)
    return min(seconds, _MAX_WAIT_SECONDS)
