"""When a session is: its instants, and what clocks show in two zones.

The zones are its own and the business's. The hours are reckoned by this process's zone rules,
because a caller's device may have older ones.
"""

from typing import Annotated, Self

from pydantic import Field

from app.api.bodies import Answer, UtcInstant
from app.domain.zones import RULES, RulesSource

LocalDate = Annotated[str, Field(json_schema_extra={"format": "date"}, examples=["2026-12-06"])]
LocalHour = Annotated[str, Field(examples=["2026-12-06T23:15:00"])]


class ZoneRules(Answer):
    """By which zone rules local hours are reckoned."""

    release: str = Field(description="Of the IANA tz database.", examples=["2026f"])
    source: RulesSource = Field(
        description="The newer of the two: the machine's zone files, or the pinned package."
    )

    @classmethod
    def of_process(cls) -> Self:
        """This process's."""
        return cls(release=RULES.release, source=RULES.source)


class Times(Answer):
    """The times of a session. Put it before a base whose members come first."""

    starts_at: UtcInstant
    ends_at: UtcInstant
    timezone: str = Field(description="IANA zone of the local members: the one it is held in.")
    timezone_known: bool = Field(
        description=(
            "False: the zone that the platform gave is unknown here, and `timezone` is the "
            "business's instead."
        )
    )
    local_date: LocalDate = Field(description="The day it starts on.")
    starts_local: LocalHour = Field(description="What the clocks show at its start.")
    ends_local: LocalHour = Field(description="What the clocks show at its end.")
    utc_offset: str = Field(description="Of the clocks at its start.", examples=["-08:00"])
    business_date: LocalDate = Field(
        description=(
            "The day it starts on in the business's zone: the one that `date_from` and `date_to` "
            "count."
        )
    )
    business_starts_local: LocalHour = Field(
        description="What the clocks show at its start in the business's zone."
    )
    business_ends_local: LocalHour = Field(
        description="What the clocks show at its end in the business's zone."
    )
