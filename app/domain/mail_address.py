"""Addresses of mail: which can be put into an envelope, and as what (RFC 5321, section 4.1.2).

A domain is in ASCII letters there. A local part is left as it is; what is not ASCII in it needs a
relay that speaks SMTPUTF8 (RFC 6531).
"""

import re
from dataclasses import dataclass
from typing import Final, Self

import idna

MAX_ADDRESS: Final = 254  # octets; RFC 5321, section 4.5.3.1.3, without its brackets
MAX_LOCAL_PART: Final = 64  # octets
_MAX_DOMAIN: Final = 253
# A dot-atom; beyond ASCII any character that shows something. Quoted local parts are left out:
# mail programs differ in what they make of them, and clients have none.
_LOCAL_PART: Final = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u00a1-\u1fff\u2c00-\ud7ff\uf900-\ufdff\U00010000-\U0003ffff-]+"
    r"(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u00a1-\u1fff\u2c00-\ud7ff\uf900-\ufdff\U00010000-\U0003ffff-]+)*"
)
_LABEL: Final = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_DOMAIN: Final = re.compile(rf"{_LABEL}(\.{_LABEL})*")


@dataclass(frozen=True, slots=True)
class MailAddress:
    """An address as an envelope has it: its domain in ASCII letters (punycode)."""

    local_part: str
    domain: str

    @classmethod
    def read(cls, text: str) -> Self:
        """Read one bare address: no name, no angle brackets, no comment.

        Raises:
            ValueError: it can be in no envelope. The sentence does not repeat it.
        """
        local_part, at, domain = text.rpartition("@")
        if not at or not _LOCAL_PART.fullmatch(local_part):
            raise ValueError("must be one address, as mail@studio.example")
        if len(local_part.encode()) > MAX_LOCAL_PART:
            raise ValueError(f"must have at most {MAX_LOCAL_PART} octets before its @")
        address = cls(local_part, _ascii_domain(domain))
        if len(str(address).encode()) > MAX_ADDRESS:
            raise ValueError(f"must have at most {MAX_ADDRESS} octets")
        return address

    @property
    def needs_smtputf8(self) -> bool:
        return not self.local_part.isascii()

    def __str__(self) -> str:
        return f"{self.local_part}@{self.domain}"


def _ascii_domain(domain: str) -> str:
    try:
        # Unicode Technical Standard 46: as browsers have it, capitals and full width included.
        encoded = domain if domain.isascii() else idna.encode(domain, uts46=True).decode()
    except (idna.IDNAError, UnicodeError):
        raise ValueError("must have the name of a domain after its @") from None
    if len(encoded) > _MAX_DOMAIN or not _DOMAIN.fullmatch(encoded):
        raise ValueError("must have the name of a domain after its @")
    return encoded
