"""The public week as browsers, calendars and search engines read it, and the upstreams' books."""

import datetime as dt

from browser.records import next_monday, session

SCHEMA = "https://schema.org/"
# Items as the HTML standard's "microdata" chapter reads them: properties of the nearest item around
# them.
READ_ITEMS = """() => {
  const valueOf = (element) => {
    if (element.hasAttribute("itemscope")) return itemOf(element);
    if (element.localName === "meta") return element.content;
    if (element.localName === "link" || element.localName === "a") return element.href;
    return element.textContent;
  };
  const itemOf = (root) => {
    const item = { type: root.getAttribute("itemtype") };
    for (const element of root.querySelectorAll("[itemprop]")) {
      if (element.parentElement.closest("[itemscope]") !== root) continue;
      const name = element.getAttribute("itemprop");
      if (name in item) throw new Error(`${name} twice`);
      item[name] = valueOf(element);
    }
    return item;
  };
  return [...document.querySelectorAll("[itemscope]:not([itemprop])")].map(itemOf);
}"""


def cancel(studio, session_ids: list[str], **more) -> str:
    """Cancel by the API; gives the job's id."""
    days = {"date_from": str(studio.monday), "date_to": str(studio.monday + dt.timedelta(days=6))}
    body = days | {"session_ids": session_ids, "reason": "Snow day"} | more
    answer = studio.ask(
        "POST", "/bulk-cancellations", json=body, headers={"Idempotency-Key": session_ids[0]}
    )
    assert answer.status_code == 202, answer.text
    return answer.json()["id"]


def status_of(studio, job_id: str) -> str:
    return studio.ask("GET", f"/bulk-cancellations/{job_id}").json()["status"]


def public_week(studio) -> dict:
    """The public schedule of the studio's next week, as anybody gets it."""
    query = {
        "date_from": str(studio.monday),
        "date_to": str(studio.monday + dt.timedelta(days=6)),
        "limit": 200,
    }
    answer = studio.town.http.get(f"{studio.url}/v1/public/studio/schedule", params=query)
    assert answer.status_code == 200, answer.text
    assert answer.json()["next_cursor"] is None
    return answer.json()


def as_event(session: dict, business: str) -> dict:
    """What schema.org's Event is to say of a session."""
    event = {
        "type": f"{SCHEMA}Event",
        "name": session["name"],
        "startDate": session["starts_at"],
        "endDate": session["ends_at"],
        "eventStatus": SCHEMA
        + {"scheduled": "EventScheduled", "cancelled": "EventCancelled"}[session["status"]],
        "eventAttendanceMode": f"{SCHEMA}OfflineEventAttendanceMode",
        "organizer": {"type": f"{SCHEMA}Organization", "name": business},
        "location": {"type": f"{SCHEMA}Place", "name": session["location"] or business},
    }
    if session["instructor"] is not None:
        event["performer"] = {"type": f"{SCHEMA}Person", "name": session["instructor"]}
    return event


def three_sessions() -> list[bytes]:
    return [session(f"s{number}", next_monday(), 12 + number) for number in range(3)]


def sums(bookings: list[dict], member: str) -> dict[str, int]:
    """What bookings say came back or is on its way: minor units by currency, and credits."""
    found: dict[str, int] = {}
    for one in bookings:
        for amount in one[member]["amounts"]:
            found[amount["currency"]] = found.get(amount["currency"], 0) + amount["amount_minor"]
        found["credits"] = found.get("credits", 0) + one[member]["credits"]
    return {name: amount for name, amount in found.items() if amount}


def in_books(studio, bookings: list[dict]) -> dict[str, int]:
    """What the upstreams' books hold for the refunds of these bookings, in the same form."""
    refunds = {refund["id"]: refund for one in bookings for refund in one["refunds"]}
    found: dict[str, int] = {}
    for service in studio.town.books().values():
        for effect in service["effects"]:
            if (refund := refunds.get(effect["reference"])) is not None:
                name = refund["currency"] or "credits"
                found[name] = found.get(name, 0) + effect["amount"]
    return found
