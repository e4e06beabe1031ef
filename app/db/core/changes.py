"""What a transaction changes that others in this process wait for.

It is noted where the rows are written, and listeners are called at the transaction's end. Of
businesses' schedules, whoever keeps what was read lets go of it then; of deliveries or messages
that are due, whoever sends them looks. They are called whether the commit went well or not: of one
whose answer was lost nobody knows.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Final


@dataclass(slots=True)
class Listeners:
    """Who is called after a transaction."""

    # Called with each business's id.
    of_schedules: list[Callable[[str], None]] = field(default_factory=list)
    of_deliveries: list[Callable[[], None]] = field(default_factory=list)
    of_messages: list[Callable[[], None]] = field(default_factory=list)

    def schedule_changed(self, business_id: str) -> None:
        """This business's sessions may have changed."""
        for of_schedule in self.of_schedules:
            of_schedule(business_id)

    def deliveries_due(self) -> None:
        """Deliveries may be due."""
        for of_deliveries in list(self.of_deliveries):
            of_deliveries()

    def messages_due(self) -> None:
        """Messages may be due."""
        for of_messages in list(self.of_messages):
            of_messages()


@dataclass(slots=True)
class _Noted:
    businesses: set[str] = field(default_factory=set)
    deliveries: bool = False
    messages: bool = False


_noted: Final[ContextVar[_Noted | None]] = ContextVar("bulk_cancel_changed", default=None)


def note_schedule(business_id: str) -> None:
    """Sessions of this business are written in the transaction under way."""
    noted = _noted.get()
    if noted is not None:
        noted.businesses.add(business_id)


def note_deliveries() -> None:
    """Deliveries that are due at once are written in the transaction under way."""
    noted = _noted.get()
    if noted is not None:
        noted.deliveries = True


def note_messages() -> None:
    """Messages that are due at once are written in the transaction under way."""
    noted = _noted.get()
    if noted is not None:
        noted.messages = True


@contextmanager
def notifying(listeners: Listeners) -> Iterator[None]:
    """Call listeners for what is noted within the block, at its end."""
    noted, before = _Noted(), _noted.get()
    _noted.set(noted)
    try:
        yield
    finally:
        _noted.set(before)
        for business_id in noted.businesses:
            listeners.schedule_changed(business_id)
        if noted.deliveries:
            listeners.deliveries_due()
        if noted.messages:
            listeners.messages_due()
