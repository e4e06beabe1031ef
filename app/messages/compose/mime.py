"""The bytes of a message (RFC 5322, MIME): made once, and sent again as they are.

Header values are cleaned before the library sees them: it refuses some control characters, which
would make a business's name unsendable, and lets others pass.
"""

import datetime as dt
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from typing import Final

import idna

from app.messages.compose.message import Composed
from app.messages.compose.said import shown

# 998, the most that a line may have (RFC 5322, section 2.1.1): a long address of a List-Unsubscribe
# would be folded into a word that no other reader undoes. 7bit: a relay that takes no 8 bits is
# served by the same bytes.
_POLICY: Final = SMTP.clone(max_line_length=998, cte_type="7bit")
ONE_CLICK: Final = "List-Unsubscribe=One-Click"  # which is sent there, too
CALENDAR_NAME: Final = "cancellation.ics"


class UnsendableAddressError(ValueError):
    """Not an address that every relay takes."""


@dataclass(frozen=True, slots=True)
class Mailbox:
    """An address and the name that is shown with it."""

    address: str
    name: str | None = None


def mime(
    composed: Composed,
    *,
    message_id: str,
    sender: Mailbox,
    recipient: Mailbox,
    date: dt.datetime,
    reply_to: str | None = None,
    list_unsubscribe: str | None = None,
    calendar: bytes | None = None,
) -> bytes:
    """The message as it is sent: text, page, and where there is one its calendar part.

    Args:
        composed: what it says.
        message_id: `id@domain` without brackets, the same at each try.
        sender: From.
        recipient: To; one a message.
        date: that of the first try.
        reply_to: where answers go, instead of the sender.
        list_unsubscribe: an HTTPS address of our own where one click, sent by the reader's mail
            program, ends such messages (RFC 8058).
        calendar: what `cancellation_calendar` made.

    Raises:
        UnsendableAddressError: an address that not every relay takes: what is before its `@` is
            not ASCII, or it is none.
    """
    message = EmailMessage(policy=_POLICY)
    message["Message-ID"] = f"<{message_id}>"
    message["Date"] = date
    message["From"] = address_of(sender)
    message["To"] = address_of(recipient)
    if reply_to is not None:
        message["Reply-To"] = address_of(Mailbox(reply_to))
    message["Subject"] = shown(composed.subject)
    message["Auto-Submitted"] = "auto-generated"
    if list_unsubscribe is not None:
        message["List-Unsubscribe"] = f"<{list_unsubscribe}>"
        message["List-Unsubscribe-Post"] = ONE_CLICK
    message.set_content(composed.text)
    message.add_alternative(composed.html, subtype="html")
    if calendar is not None:
        message.add_alternative(
            calendar.decode(),
            subtype="calendar",
            params={"method": "CANCEL", "name": CALENDAR_NAME},
        )
    # Last: set_content takes what begins with Content- along into its part.
    message["Content-Language"] = composed.language
    return message.as_bytes()


def address_of(mailbox: Mailbox) -> Address:
    """The address for a header: a domain of any script is written in ASCII (IDNA 2008).

    Raises:
        UnsendableAddressError: see `mime`.
    """
    local, at, domain = mailbox.address.rpartition("@")
    if not at or not local or not (local.isascii() and local.isprintable()) or " " in local:
        raise UnsendableAddressError(mailbox.address)
    try:
        ascii_domain = idna.encode(domain, uts46=True).decode()
        return Address(shown(mailbox.name), local, ascii_domain)
    except (ValueError, IndexError) as error:  # idna's errors are ValueErrors
        raise UnsendableAddressError(mailbox.address) from error
