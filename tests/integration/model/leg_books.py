"""The model's upstream where payments have a state, and value may be given for them.

A payment may be too old, never captured, or returned in part by somebody else; the credits service
may have no value to give. It says so each time, until all is well. And once in a while a network
delivers a call that was refused and has been followed by another leg: that is `untold` until our
side has heard of it.
"""

from enum import StrEnum
from typing import Any

from integration.model.books import SUCCEEDED, Books, Deed, Entry, answer

from app.gateways.http import Broken, Reply

ELSEWHERE = 40  # minor units that somebody else has returned, where a part is


class State(StrEnum):
    """How a payment stands."""

    WELL = "well"
    OLD = "refund_window_expired"
    CLOSED = "card_closed"
    NOT_CAPTURED = "not_captured"
    IN_PART = "a part was returned elsewhere"


class Value(StrEnum):
    """What the credits service says of store credit."""

    WELL = "well"
    LACKS = "404 without a code"
    NOBODY = "client_not_found"


class Reading(StrEnum):
    """What reads of a payment come to."""

    WORKS = "works"
    LACKS = "unsupported"
    FAILS_TWICE = "fails twice, then works"
    FAILS = "fails"


class LegBooks(Books):
    """Books of payments that stand as drawn."""

    def __init__(
        self,
        *of_kind: Any,
        states: dict[str, State],
        value: Value,
        reading: Reading,
        newest_first: bool,
    ) -> None:
        super().__init__(*of_kind, newest_first=newest_first)
        self.states = states
        self.value = value
        self.reading = reading
        self.untold: set[str] = set()
        self.paid = {payment_id: 100 + int(payment_id[-1]) for payment_id in states}
        self.reads = 0
        self.is_healed = False

    def can_be_read(self) -> None:
        """Reads of payments work from now on, where there are any."""
        if self.reading is not Reading.LACKS:
            self.reading = Reading.WORKS

    def heal(self) -> None:
        """All is well from now on: people have seen to every payment."""
        self.is_healed = True
        self.states = dict.fromkeys(self.states, State.WELL)
        self.value, self.reading = Value.WELL, Reading.WORKS

    def remaining(self, payment_id: str) -> int:
        """What is left of a payment, by these books."""
        elsewhere = ELSEWHERE if self.states[payment_id] is State.IN_PART else 0
        if payment_id in self.refunded_elsewhere:
            return 0
        ours = sum(
            one.amount for one in self.entries if one.subject == payment_id and one.is_effect
        )
        return max(0, self.paid[payment_id] - elsewhere - ours)

    def moved(self, reference: str) -> int:
        """What this refund has moved, by what our side can know."""
        effects = [] if reference in self.untold else self.effects(reference)
        return sum(one.amount for one in effects)

    def deliver_late(self, reference: str, subject: str, amount: int) -> Entry:
        """Make what was refused, and tell nobody."""
        status = SUCCEEDED
        number = len(self.entries)
        late = Entry(
            f"re_{number}", reference, f"late {number}", subject, amount, status, status, False
        )
        self.entries.append(late)
        self.untold.add(reference)
        return late

    def _read(self, path: str) -> Reply:
        self.reads += 1
        if self.reading is Reading.LACKS:
            return answer(404, {})
        if self.reading is Reading.FAILS or (
            self.reading is Reading.FAILS_TWICE and self.reads < 3
        ):
            return Broken("no answer")
        payment_id = path.rsplit("/", 1)[1]
        return answer(
            200,
            {
                "payment_id": payment_id,
                "remaining_minor": self.remaining(payment_id),
                "currency": "CAD",
                "captured": self.states[payment_id] is not State.NOT_CAPTURED,
                "disputed": False,
            },
        )

    def _decide(self, deed: Deed, path: str, key: str, order: dict[str, Any]) -> Reply:
        of_value = path == "/store-credits"  # which nobody else can have given
        deed = Deed.DONE if of_value and deed is Deed.ELSEWHERE else deed
        return super()._decide(deed, path, key, order)

    def _subject(self, path: str, order: dict[str, Any]) -> str:
        if path == "/store-credits":  # of which there is no end
            return f"value {order['reference']}"
        return super()._subject(path, order)

    def _refusal(self, path: str, order: dict[str, Any]) -> tuple[int, dict[str, Any]] | None:
        if path == "/store-credits":
            lacking = {Value.LACKS: (404, {}), Value.NOBODY: (404, {"code": "client_not_found"})}
            return lacking.get(self.value)
        if "payment_id" not in order:
            return None
        state = self.states[order["payment_id"]]
        if path == "/voids":  # what was to be let go can be, once people have seen to it
            return (
                None
                if self.is_healed or state is State.NOT_CAPTURED
                else (422, {"code": "already_captured"})
            )
        if state is State.IN_PART and not self._ours(order["payment_id"]):
            left = self.remaining(order["payment_id"])
            exceeds = (422, {"code": "amount_exceeds_remaining"})
            return exceeds if order["amount_minor"] > left else None
        return None if state in {State.WELL, State.IN_PART} else (422, {"code": state.value})

    def _ours(self, subject: str) -> bool:
        return any(one.is_effect and one.subject == subject for one in self.entries)
