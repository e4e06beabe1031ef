"""Which language somebody without a key is spoken to in, and whose clocks' hours they read."""

from typing import Annotated, Any, Literal

from pydantic import Field

from app.domain.messages.settings import Sender
from app.messages.compose.languages import language_for

Spoken = Annotated[str, Field(description="BCP 47; one that messages are written in.")]
HourCycle = Annotated[
    Literal["h12", "h23"] | None, Field(description="As the business says; null: the language's.")
]


def spoken(client_language: str | None, sender: Sender) -> dict[str, Any]:
    """The members `language` and `hour_cycle` of an answer.

    Args:
        client_language: the reader's own, as a platform gave it; None: not known.
        sender: how their business writes to clients.
    """
    return {
        "language": language_for(client_language, sender.language),
        "hour_cycle": sender.hour_cycle,
    }
