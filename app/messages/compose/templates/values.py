"""What a business's template is filled with: text alone, with nothing to call."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from app.domain.messages.facts import Correspondents, ToldFacts, ToldState
from app.domain.statuses import BookingStatus
from app.messages.compose.formats import deadline, session_date, session_time, sums
from app.messages.compose.languages import Words
from app.messages.compose.letter import Details, Links, by_session
from app.messages.compose.said import Link, literal_lines, plain, shown
from app.messages.compose.sentences import session_lines
from app.messages.compose.totals import Kind, Topic, Total, totals

# What stands for our own parts until all is rendered. Nothing from outside holds such characters.
DETAILS: Final = "\ue000"
CHOICE: Final = "\ue001"
PAGE: Final = "\ue002"

PLACEHOLDERS: Final[Mapping[str, str]] = {
    "client_name": "the client's name; empty where there is none",
    "business_name": "the business's name",
    "reason": "the reason of the cancellation; empty where there is none",
    "count": "how many sessions",
    "is_update": "whether the client was told before, and something has changed",
    "returned": "the sum of what came back; empty where nothing did, as in the four that follow",
    "under_way": "the sum of what is not confirmed yet",
    "with_a_person": "the sum that could not be returned, which the business looks after",
    "elsewhere": "the sum that came back in another way",
    "kept": "the sum that does not come back",
    "sessions": "each with name, date, time, location, instructor, is_waiting_list and sums",
    "text": "what was written for this cancellation; empty where nothing was",
    "choice_until": "until when the client may choose; empty where there is no choice",
    "choice_url": "where the client chooses; empty where there is no choice",
    "page_url": "the business's schedule; empty where it has no page",
    "details": "all that the message has to say, in our words",
}


@dataclass(frozen=True, slots=True)
class SessionShown:
    """A session, as a template may print it."""

    name: str
    date: str
    time: str
    location: str
    instructor: str
    is_waiting_list: bool
    sums: Sequence[str]

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Shown:
    """What a template is filled with."""

    client_name: str
    business_name: str
    reason: str
    count: int
    is_update: bool
    sums: Mapping[str, str]  # by `ToldState`
    sessions: Sequence[SessionShown]
    text: str
    choice_until: str
    choice: Link | None
    page: Link | None
    details: Details

    def context(self) -> dict[str, object]:
        return {
            "client_name": self.client_name,
            "business_name": self.business_name,
            "reason": self.reason,
            "count": self.count,
            "is_update": self.is_update,
            **self.sums,
            "sessions": self.sessions,
            "text": self.text,
            "choice_until": self.choice_until,
            "choice_url": CHOICE if self.choice is not None else "",
            "page_url": PAGE if self.page is not None else "",
            "details": DETAILS,
        }


def template_values(
    words: Words,
    facts: ToldFacts,
    to: Correspondents,
    *,
    said: Details,
    text: str | None,
    links: Links,
) -> Shown:
    """The values of one message."""
    choice, page = facts.choice, links.page
    zone = facts.sessions[0].timezone if facts.sessions else "UTC"
    lines = ("\n".join(map(plain, paragraph)) for paragraph in literal_lines(text or ""))
    return Shown(
        client_name=shown(to.client_name),
        business_name=shown(to.business_name),
        reason=shown(facts.reason),
        count=len(by_session(facts)),
        is_update=said.changed is not None,
        sums=_by_state(words, facts),
        sessions=_sessions(words, facts),
        text="\n\n".join(lines),
        choice_until="" if choice is None else deadline(words, choice, zone),
        choice=None if said.choose_here is None else replace(said.choose_here, named=False),
        page=None if page is None else Link(page, words.phrases.page_here, named=False),
        details=said,
    )


def _by_state(words: Words, facts: ToldFacts) -> dict[str, str]:
    """The sum of each state; goodwill that is not given is no sum that is kept."""
    of: dict[ToldState, Total] = {state: Total() for state in ToldState}
    for topic, total in totals(facts.sessions).items():
        if topic != Topic(ToldState.KEPT, Kind.GOODWILL):
            of[topic.state].money.update(total.money)
            of[topic.state].credits += total.credits
    return {state.value: sums(words, total.money, total.credits) for state, total in of.items()}


def _sessions(words: Words, facts: ToldFacts) -> list[SessionShown]:
    return [
        SessionShown(
            name=shown(bookings[0].name),
            date=session_date(words, bookings[0]),
            time=session_time(words, bookings[0]),
            location=shown(bookings[0].location),
            instructor=shown(bookings[0].instructor),
            is_waiting_list=all(one.booking_status is BookingStatus.WAITLISTED for one in bookings),
            sums=[plain(line) for line in session_lines(words, totals(bookings))],
        )
        for bookings in by_session(facts).values()
    ]
