"""An office: API processes over one database, webhook endpoints, and what they must hear.

Each process has a port of its own. What happened is known from the API's own lists of jobs,
sessions and refunds, and from the upstream's books; what was heard, from the receivers' books.
Neither is asked of our database.
"""

import json
import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any, Final

import httpx
from crash.processes import BUSINESS, FINISHED, PATIENCE_SECONDS, Server, Town, free_port, until
from crash.webhook_receivers import Behaviour, Receiver, Receivers
from crash.week import FIRST_DAY, LAST_DAY

from app.domain.events import EventType

JOBS: Final = "/bulk-cancellations"
ENDPOINTS: Final = "/webhook-endpoints"
# What a client is told is a message's tests' to compare: the lists here don't tell it.
TYPES: Final = sorted(set(EventType) - {EventType.CLIENT_SETTLED, EventType.TEST})
ENDED: Final = EventType.COMPLETED.value
_FAILED: Final = "rejected"


@dataclass(slots=True)
class Endpoint:
    """One that is registered, and its receiver."""

    name: str
    id: str
    receiver: Receiver
    business: str


@dataclass(slots=True)
class Office:
    """A town's API processes, any of which may be dead at any time, and those who ask them."""

    town: Town
    processes: int
    servers: list[Server] = field(default_factory=list)
    ports: list[int] = field(default_factory=list)

    def open(self) -> None:
        for _ in range(self.processes):
            self.ports.append(free_port())
            self.servers.append(self._start(self.ports[-1]))
        for port in self.ports:
            until(lambda port=port: self._answers(port))

    def kill_one(self, number: int) -> None:
        """Kill -9, and start another in its place."""
        self.servers[number].kill()
        self.servers[number] = self._start(self.ports[number])

    def _start(self, port: int) -> Server:
        return self.town._start("api", "--port", str(port))

    def _answers(self, port: int) -> bool:
        with suppress(httpx.TransportError):
            return self.town.http.get(f"http://127.0.0.1:{port}/livez").status_code == 200
        return False

    def ask(
        self, method: str, path: str, *, business: str = BUSINESS, **more: Any
    ) -> httpx.Response:
        """Ask whoever lives, again and again as a caller would, until the answer is no 5xx."""
        headers = {"Authorization": f"Bearer {self.town.keys[business]}"} | more.pop("headers", {})
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            for port in self.ports:
                with suppress(httpx.TransportError):
                    url = f"http://127.0.0.1:{port}/v1{path}"
                    answer = self.town.http.request(method, url, headers=headers, **more)
                    if answer.status_code < 500:
                        return answer
            assert time.monotonic() < deadline, f"nobody answers {method} {path}"
            time.sleep(0.1)

    def get(self, path: str, *, business: str = BUSINESS, **params: Any) -> Any:
        answer = self.ask("GET", path, business=business, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def pages(self, path: str, *, business: str = BUSINESS) -> Iterator[dict[str, Any]]:
        cursor: dict[str, str] = {}
        while True:
            page = self.get(path, business=business, limit=200, **cursor)
            yield from page["data"]
            if page["next_cursor"] is None:
                return
            cursor = {"cursor": page["next_cursor"]}

    # Jobs.

    def cancel(
        self, key: str, sessions: Iterable[str] | str, *, business: str = BUSINESS, **more: Any
    ) -> str:
        """Accept some sessions' cancellation; gives the job's id."""
        chosen = sessions if isinstance(sessions, str) else list(sessions)
        body = {
            "date_from": FIRST_DAY,
            "date_to": LAST_DAY,
            "session_ids": chosen,
            "reason": "Snow day",
        } | more
        answer = self.ask(
            "POST", JOBS, business=business, json=body, headers={"Idempotency-Key": key}
        )
        assert answer.status_code == 202, answer.text
        return answer.json()["id"]

    def wait_for(self, jobs: Iterable[str], *, business: str = BUSINESS) -> None:
        for job_id in jobs:
            path = f"{JOBS}/{job_id}"
            until(
                lambda path=path: self.get(path, business=business)["status"] in FINISHED, pause=0.2
            )

    def retry(self, job_id: str) -> int:
        answer = self.ask("POST", f"{JOBS}/{job_id}/retry")
        assert answer.status_code in {200, 202}, answer.text
        return answer.json()["retried"]

    # Endpoints.

    def register(
        self,
        receivers: Receivers,
        name: str,
        behave: Behaviour,
        *,
        business: str = BUSINESS,
        **more: Any,
    ) -> Endpoint:
        receiver = receivers.start(behave)
        answer = self.ask(
            "POST",
            ENDPOINTS,
            business=business,
            json={"url": receiver.url, "description": name, "event_types": TYPES} | more,
        )
        assert answer.status_code == 201, answer.text
        receiver.secret = answer.json()["secret"]
        return Endpoint(name, answer.json()["id"], receiver, business)

    def shown(self, endpoint: Endpoint) -> dict[str, Any]:
        return self.get(f"{ENDPOINTS}/{endpoint.id}", business=endpoint.business)

    def deliveries(self, endpoint: Endpoint) -> dict[str, dict[str, Any]]:
        """By the event's id."""
        rows = list(self.pages(f"{ENDPOINTS}/{endpoint.id}/deliveries", business=endpoint.business))
        found = {row["event_id"]: row for row in rows}
        assert len(found) == len(rows), "an event is listed twice"
        return found

    def replay(self, endpoint: Endpoint, since: str) -> int:
        answer = self.ask(
            "POST",
            f"{ENDPOINTS}/{endpoint.id}/replay",
            json={"since": since, "undelivered_only": True},
        )
        assert answer.status_code == 202, answer.text
        return answer.json()["deliveries"]


def content(type_: str, data: Mapping[str, Any]) -> str:
    """What an event says, without when."""
    return json.dumps({"type": type_, "data": data}, sort_keys=True)


@cache
def content_of(body: bytes) -> str:
    """What this one says, without the end of the chain, which no list of the API has."""
    event = json.loads(body)
    assert event.keys() == {"type", "timestamp", "data"}, event
    if event["type"] == ENDED:
        evidence = event["data"].pop("evidence")
        assert evidence.keys() == {"links", "link"}, event
        assert evidence["links"] > 1, event
        assert re.fullmatch("[0-9a-f]{64}", evidence["link"]), event
    return content(event["type"], event["data"])


@dataclass(slots=True)
class Happened:
    """What really happened to one business, as the API's lists say at several times."""

    office: Office
    business: str = BUSINESS
    contents: set[str] = field(default_factory=set)
    refunded: set[str] = field(default_factory=set)

    def tell(self, type_: str, **data: Any) -> None:
        data["business_id"] = self.business
        self.contents.add(content(type_, data))

    def look(self, job_id: str) -> None:
        """Add what is said of a job that has ended, or was withdrawn.

        What was added before stays.
        """
        job = self.office.get(f"{JOBS}/{job_id}", business=self.business)
        withdrawn = job["status"] == "withdrawn"
        self.tell(
            "bulk_cancellation.accepted",
            job_id=job_id,
            status="held" if job["hold_until"] else "queued",
        )
        ended = "bulk_cancellation.withdrawn" if withdrawn else ENDED
        self.tell(ended, job_id=job_id, status=job["status"])
        for session in self.office.pages(f"{JOBS}/{job_id}/sessions", business=self.business):
            if session["outcome"] == "accepted":
                self.tell("session.cancelled", job_id=job_id, session_id=session["session_id"])
        for refund in self.office.pages(f"{JOBS}/{job_id}/refunds", business=self.business):
            self._look_at(job_id, refund)

    def _look_at(self, job_id: str, refund: Mapping[str, Any]) -> None:
        same = ("session_id", "booking_id", "client_id", "status", "failure_code")
        data = {"job_id": job_id, "refund_id": refund["id"]} | {name: refund[name] for name in same}
        if refund["status"] == "succeeded":
            self.refunded.add(refund["id"])
            self.tell("refund.succeeded", **data)
        elif refund["status"] == _FAILED:
            self.tell("refund.failed", **data)
        else:
            assert refund["status"] == "skipped", refund


def assert_the_upstream_agrees(town: Town, *happened: Happened) -> None:
    """What the API calls refunded is what the upstream's books hold."""
    books = town.books()
    made = {
        one["reference"] for service in ("payments", "credits") for one in books[service]["effects"]
    }
    assert made == set().union(*(one.refunded for one in happened))


def missing(endpoint: Endpoint, happened: Happened) -> set[str]:
    """What happened and the endpoint has not heard of."""
    return happened.contents - {content_of(call.body) for call in list(endpoint.receiver.calls)}


def assert_only_what_happened(endpoints: Iterable[Endpoint], happened: Happened) -> dict[str, str]:
    """Nobody heard of what did not happen.

    Each event is one id, one content, and the same bytes everywhere.
    """
    bodies: dict[str, bytes] = {}
    for endpoint in endpoints:
        assert endpoint.receiver.wrongs() == [], endpoint.name
        for call in endpoint.receiver.calls:
            assert bodies.setdefault(call.event_id, call.body) == call.body, (
                f"{call.event_id} says two things"
            )
    said = {event_id: content_of(body) for event_id, body in bodies.items()}
    twice = [one for one, count in Counter(said.values()).items() if count > 1]
    assert not twice, f"under several ids: {twice[:3]}"
    foreign = set(said.values()) - happened.contents
    assert not foreign, f"never happened: {sorted(foreign)[:3]}"
    return said


def assert_the_list_tells_the_books(office: Office, endpoint: Endpoint) -> dict[str, int]:
    """What is listed as delivered was answered 2xx.

    Each attempt with an answer is a call that was answered so. Gives how many deliveries have which
    status.
    """
    listed = office.deliveries(endpoint)
    delivered = {event_id for event_id, row in listed.items() if row["status"] == "delivered"}
    assert delivered <= endpoint.receiver.ids(taken=True), endpoint.name
    assert endpoint.receiver.ids() <= listed.keys(), endpoint.name
    answered = Counter((call.event_id, call.answered) for call in endpoint.receiver.calls)
    types = {call.event_id: call.event["type"] for call in endpoint.receiver.calls}
    for event_id, row in listed.items():
        assert row["type"] == types.get(event_id, row["type"])
        told = Counter(
            one["status_code"] for one in row["attempts"] if one["status_code"] is not None
        )
        assert all(count <= answered[event_id, status] for status, count in told.items()), (
            endpoint.name,
            row,
        )
    return Counter(row["status"] for row in listed.values())


def pending(office: Office, endpoint: Endpoint) -> bool:
    """Whether anything is on its way to it."""
    path = f"{ENDPOINTS}/{endpoint.id}/deliveries"
    return bool(office.get(path, business=endpoint.business, status="pending", limit=1)["data"])


def all_have_heard(office: Office, endpoints: Iterable[Endpoint], happened: Happened) -> None:
    """Wait until they have, and the service knows that they have."""
    for endpoint in endpoints:
        left = partial(missing, endpoint, happened)
        until(lambda left=left: not left(), pause=0.5)
        until(lambda endpoint=endpoint: not pending(office, endpoint), pause=0.5)
