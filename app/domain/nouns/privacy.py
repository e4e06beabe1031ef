"""What is done with a client's personal data, as values."""

import datetime as dt
from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple


class Erased(StrEnum):
    """What rows say of a client that is erased."""

    FORMER_CONTACTS = "former_contacts"
    SUPPRESSED_ADDRESSES = "suppressed_addresses"
    TEXTS = "texts"  # of refunds, their histories, and overrides
    MESSAGES = "messages"
    EVENTS = "events"


class Erasure(NamedTuple):
    """One client's, under way while it is due; `counts` are rows by `Erased`."""

    business_id: str
    client_id: str
    requested_by: str
    requested_at: dt.datetime
    due_at: dt.datetime | None
    finished_at: dt.datetime | None
    after_job: str | None
    counts: Mapping[str, int]


class InProcess(NamedTuple):
    """What stands against erasing a client, counted."""

    refunds: int  # that a machine has still to bring to an end, or will write
    for_a_person: int
    messages: int

    @property
    def is_any(self) -> bool:
        """Whether anything does."""
        return any(self)


class CarriedOut(NamedTuple):
    """What was removed of a business by age, in all; `at`: the last time."""

    jobs: int = 0
    messages: int = 0
    clients: int = 0
    at: dt.datetime | None = None
