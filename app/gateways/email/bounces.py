"""Reads a bounce (RFC 3464, RFC 6533) or a complaint (RFC 5965): of which message, and what.

Whoever can write to the bounces' address writes these bytes: they are cut, and nothing in them
raises. A report is of the message whose id it names, in the address that it was sent to, in the
sender that it repeats, or in the `Message-ID` that it gives back; other addresses in it say
nothing. Ids are random, so that nobody silences a client whose message they have not read.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import policy
from email.message import Message
from email.parser import BytesParser
from typing import Final

from app.gateways.email.mail import is_dead_address

MAX_BYTES: Final = 256 * 1024  # reports come first; what they give back may be long
_MAX_PARTS: Final = 20
_ID: Final = r"([0-9A-Za-z][0-9A-Za-z-]{0,63})"
_FAILED: Final = "failed"
_ACTIONS: Final = frozenset({_FAILED, "delayed", "delivered", "relayed", "expanded"})
_COMPLAINED: Final = "complained"
# What a reader wants no more of. `virus`, `other`, `not-spam` (RFC 6430) and `auth-failure` (RFC
# 6591) say nothing of that.
_COMPLAINTS: Final = frozenset({"abuse", "fraud", "opt-out", "opt-out-list"})
_FEEDBACK_TYPE: Final = re.compile(r"^Feedback-Type:[ \t]*(\S+)", re.IGNORECASE | re.MULTILINE)
_ACTION: Final = re.compile(r"^Action:[ \t]*([a-z]+)", re.IGNORECASE | re.MULTILINE)
_STATUS: Final = re.compile(
    r"^Status:[ \t]*([245]\.\d{1,3}\.\d{1,3})\b", re.IGNORECASE | re.MULTILINE
)
# Python's parser makes messages of what is `message/…`: none of it decoded, of RFC 6533's types all
# but the first block lost, and as deep as the sender likes. As text they are read by us.
_TYPES: Final = re.compile(rb"^(content-type:\s*)message/", re.IGNORECASE | re.MULTILINE)
_REPORTS: Final = frozenset({"text/delivery-status", "text/global-delivery-status"})
_FEEDBACK: Final = "text/feedback-report"
_RETURNED: Final = frozenset(
    {"text/rfc822", "text/rfc822-headers", "text/global", "text/global-headers"}
)
_ORIGINAL_SENDER: Final = re.compile(r"^Original-Mail-From:(.*)$", re.IGNORECASE | re.MULTILINE)
_RECEIVERS: Final = ("Delivered-To", "X-Original-To", "To")


@dataclass(frozen=True, slots=True)
class Bounce:
    """What a report says of one message.

    `message_id` None: it names none of ours. `status` is RFC 3463's code, None where there is none.
    `action` is RFC 3464's, or `complained`.
    """

    message_id: str | None
    action: str
    status: str | None

    @property
    def has_failed(self) -> bool:
        """Whether the mail was given up: no more will be heard of it."""
        return self.action == _FAILED

    @property
    def has_complained(self) -> bool:
        """Whether its reader calls the mail spam."""
        return self.action == _COMPLAINED

    @property
    def is_dead_address(self) -> bool:
        """Whether nobody reads mail there: no other message should be sent.

        A mailbox that is full (5.2.2) is read again one day, and so are 4.x.x.
        """
        return self.has_failed and self.status is not None and is_dead_address(self.status)


def read_bounce(
    raw: bytes, *, mail_bounces: str | None = None, delivered_to: str | None = None
) -> Bounce | None:
    """What these bytes report; None: they are no report.

    `mail_bounces` is the setting, `delivered_to` the envelope's recipient, where it is known.
    """
    parts = list(_parts(raw[:MAX_BYTES]))
    reports = [one for part in parts for one in _reports(part)]
    if not reports:
        return None
    # One recipient a mail: more blocks than one are steps on the way to it, and a failure is last.
    action, status = next((one for one in reports if one[0] == _FAILED), reports[0])
    named = _id_of_address(parts, mail_bounces, delivered_to)
    found = named or _id_of_returned(parts)
    return Bounce(found, action, status)


def _parts(raw: bytes) -> Iterator[Message]:
    if len(re.findall(rb"multipart/", raw, re.IGNORECASE)) > _MAX_PARTS:
        return  # nested so deep that the parser would run out of stack
    plain = _TYPES.sub(rb"\1text/", raw)
    # Of 3.2: it keeps headers as they are, where newer policies parse them, and raise on some.
    yield from BytesParser(policy=policy.compat32).parsebytes(plain).walk()


def _text(part: Message) -> str:
    body = part.get_payload(decode=True)
    return body.decode("utf-8", "replace") if isinstance(body, bytes) else ""


def _reports(part: Message) -> Iterator[tuple[str, str | None]]:
    """Action and status of each block: the first is of the whole report, and has none."""
    if part.get_content_type() == _FEEDBACK:
        found = _FEEDBACK_TYPE.search(_text(part))
        if found and found[1].lower() in _COMPLAINTS:
            yield _COMPLAINED, None
    if part.get_content_type() not in _REPORTS:
        return
    unfolded = re.sub(r"\r?\n[ \t]+", " ", _text(part))
    for block in re.split(r"(?:\r?\n){2,}", unfolded):
        found = _ACTION.search(block)
        if found and (action := found[1].lower()) in _ACTIONS:
            said = _STATUS.search(block)
            yield action, said[1] if said else None


def _id_of_address(
    parts: list[Message], mail_bounces: str | None, delivered_to: str | None
) -> str | None:
    """The id in an address of our bounces: whom the report came to, or who had sent the mail."""
    if mail_bounces is None:
        return None
    local_part, _, domain = mail_bounces.rpartition("@")
    ours = re.compile(
        rf"(?<![^\s<,;:]){re.escape(local_part)}\+{_ID}@{re.escape(domain)}(?![\w.-])",
        re.IGNORECASE,
    )
    named = [str(value) for name in _RECEIVERS for value in parts[0].get_all(name, [])]
    senders = [
        sender
        for part in parts
        if part.get_content_type() == _FEEDBACK
        for sender in _ORIGINAL_SENDER.findall(_text(part))
    ]
    for address in (delivered_to or "", *named, *senders):
        if found := ours.search(address):
            return found[1]
    return None


def _id_of_returned(parts: list[Message]) -> str | None:
    for part in parts:
        if part.get_content_type() in _RETURNED:
            head = re.split(r"\r?\n\r?\n", _text(part), maxsplit=1)[0]
            pattern = rf"^Message-ID:\s*<{_ID}@[^<>\s]+>"
            if found := re.search(pattern, head, re.IGNORECASE | re.MULTILINE):
                return found[1]
    return None
