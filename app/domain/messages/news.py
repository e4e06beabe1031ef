"""The same facts for an app that sends by itself: sums by form, and the sessions. Pure."""

from collections import Counter
from typing import Any, Final

from app.domain.messages.facts import ToldFacts, ToldLine, ToldState
from app.domain.plan_totals import money_fields
from app.domain.statuses import Method, RefundForm

# An event is at most 20 kB (Standard Webhooks 1.0.0, "Payload size"), and a name 800 bytes.
MAX_SESSIONS: Final = 15


def client_settled(client_id: str, name: str | None, facts: ToldFacts) -> dict[str, Any]:
    """What an event says of a client of whose refunds no machine has one any more.

    Amounts in minor units by currency; a bonus is in `store_credits`, goodwill in `credits`.
    """
    money: Counter[str] = Counter()
    value: Counter[str] = Counter()
    returned = [line for line in facts.lines() if line.state is ToldState.RETURNED]
    for line in returned:
        if line.method is Method.PAYMENT and line.currency is not None:
            is_value = line.form is RefundForm.STORE_CREDIT
            (value if is_value else money)[line.currency] += line.amount_minor + line.bonus_minor
    needs = [line for line in facts.lines() if line.state is ToldState.WITH_A_PERSON]
    return {
        "client_id": client_id,
        "client_name": name,
        "reason": facts.reason,
        "amounts": money_fields(money),
        "store_credits": money_fields(value),
        "credits": sum(line.credits for line in returned),
        "needs_a_person": len(needs),
        "kept": sum(map(_keeps, facts.lines())),
        "booking_count": len(facts.sessions),
        "sessions": [
            {
                "session_id": one.session_id,
                "booking_id": one.booking_id,
                "name": one.name,
                "starts_at": one.starts_at,
                "timezone": one.timezone,
            }
            for one in facts.sessions[:MAX_SESSIONS]
        ],
    }


def _keeps(line: ToldLine) -> bool:
    return line.state is ToldState.KEPT or line.kept_amount_minor > 0 or line.kept_credits > 0
