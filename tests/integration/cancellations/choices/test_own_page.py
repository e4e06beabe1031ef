"""A client's own page, by their link: the truth of now about what is theirs, and no more."""

import json

import pytest
from worlds.problems import problem
from worlds.records import booking, client
from worlds.studio import calling

from app.auth.keys import Scope
from app.cancellation.choices import links
from app.refunds.slices.run import run_slice


@pytest.fixture
async def booked(studio):
    """A class of Kim's, paid in three ways, and of Lee's."""
    await studio.load(
        client("kim", name="Kim Li", email="kim@example.org"),
        client("lee", name="Lee Ito", email="lee@example.org"),
        studio.record("session", "yoga"),
        booking("card", "yoga", ("CAD", 2000)),
        booking("both", "yoga", ("JPY", 500), ("credits", 2)),
        booking("none", "yoga"),
        booking("theirs", "yoga", ("CAD", 7700), client_id="lee"),
    )
    return studio


def token_of(studio, job_id, client_id="kim"):
    return links.token_of(studio.runtime.settings.secret_box(), job_id, client_id)


async def read(studio, job_id, client_id="kim"):
    async with calling(studio.app) as anybody:
        return await anybody.get(f"/v1/client-pages/{token_of(studio, job_id, client_id)}")


async def shown(studio, job_id, client_id="kim"):
    answer = await read(studio, job_id, client_id)
    assert answer.status_code == 200, answer.text
    return answer.json()


def states(page):
    """What is said of each sum: by currency, or credits."""
    return {
        (line["amount"]["currency"] if line["amount"] else "credits"): line["state"]
        for session in page["sessions"]
        for line in session["lines"]
    }


async def references(studio):
    """Of what the upstreams have made, by their own books: their ids."""
    return {one["id"] for one in (await studio.books())["effects"].values()}


async def test_it_says_back_only_what_the_upstream_s_books_have(booked):
    await booked.faults(refuse_ids={"card-payment-1": "payment_disputed"})
    job = await booked.accepted()
    before = await shown(booked, job["id"])
    assert (before["is_prepared"], before["sessions"]) == (False, [])
    await booked.work(job["id"])
    page = await shown(booked, job["id"])
    assert states(page) == {"CAD": "with_a_person", "JPY": "returned", "credits": "returned"}
    lines = [line for one in page["sessions"] for line in one["lines"]]
    said = {line["reference"] for line in lines if line["state"] == "returned"}
    assert said
    assert said <= await references(booked)
    assert all(line["at"] for line in lines if line["state"] == "returned")
    assert [(line["reference"], line["at"]) for line in lines if line["state"] != "returned"] == [
        (None, None)
    ]
    assert [len(one["lines"]) for one in page["sessions"]] == [2, 1, 0]
    assert page["is_final"]
    (failed,) = await booked.refunds(job["id"], status="rejected")
    path = f"/bulk-cancellations/{job['id']}/refunds/{failed['id']}/resolve"
    said = {"reference": "cash, see Ana", "note": "between us"}
    answer = await booked.post(path, resolution="refunded_elsewhere", **said)
    assert answer.status_code == 200, answer.text
    later = await read(booked, job["id"])
    assert states(later.json())["CAD"] == "elsewhere"
    for word in said.values():  # what staff write is staff's
        assert word not in later.text


async def test_what_is_under_way_is_promised_to_nobody_as_returned(booked):
    await booked.faults(pending=1.0, pending_then="never")
    job = await booked.accepted()
    await run_slice(booked.runtime, job["id"], seconds=5)
    page = await shown(booked, job["id"])
    assert set(states(page).values()) == {"under_way"}
    assert not page["is_final"]
    assert all(line["at"] is None for one in page["sessions"] for line in one["lines"])


async def test_a_link_shows_its_client_s_own_alone_and_names_nobody(booked):
    job = await booked.accepted()
    await booked.work(job["id"])
    answer = await read(booked, job["id"])
    assert [one["name"] for one in answer.json()["sessions"]] == ["Yoga"] * 3
    for secret in ("kim", "Kim", "lee", "Lee", "example.org", "7700", "payment-1", job["id"]):
        assert secret not in answer.text, secret
    theirs = await shown(booked, job["id"], "lee")
    assert [line["amount"]["amount_minor"] for line in theirs["sessions"][0]["lines"]] == [7700]
    for header, value in (("Cache-Control", "no-store"), ("Referrer-Policy", "no-referrer")):
        assert answer.headers[header] == value
    async with calling(booked.app) as anybody:
        page = await anybody.get(f"/yours/{token_of(booked, job['id'])}")
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert '<meta name="robots" content="noindex" />' in page.text


async def test_a_link_that_was_not_given_leads_nowhere(booked):
    job = await booked.accepted()
    await booked.work(job["id"])
    token = token_of(booked, job["id"])
    box = booked.runtime.settings.secret_box()
    other = box.signed("unsubscribe", b"x" * 16 + b"kim")
    async with calling(booked.app) as anybody:
        for wrong in (token[:-1], f"{token}A", "x", other, token.swapcase()):
            answer = await anybody.get(f"/v1/client-pages/{wrong}")
            problem(answer, 404, "not-found")
    problem(await read(booked, job["id"], "nobody"), 404, "not-found")


async def test_what_was_taken_back_is_shown_no_more(booked):
    job = await booked.accepted(hold_seconds=600)
    page = await shown(booked, job["id"])
    assert (page["is_prepared"], page["is_final"], page["sessions"]) == (False, False, [])
    assert (await booked.post(f"/bulk-cancellations/{job['id']}/withdraw")).status_code == 200
    problem(await read(booked, job["id"]), 404, "not-found")


async def test_what_is_kept_and_what_may_be_chosen_is_said(booked):
    terms = {
        "payments": {"keep": {"percent": 10}},
        "credits": {"return": False},
        "choice": {"within_hours": 48},
    }
    job = await booked.accepted(terms=terms)
    await run_slice(booked.runtime, job["id"], seconds=5)
    page = await shown(booked, job["id"])
    assert page["choice"]["status"] == "open"
    lines = {
        line["amount"]["currency"] if line["amount"] else "credits": line
        for one in page["sessions"]
        for line in one["lines"]
    }
    assert lines["CAD"]["amount"]["amount_minor"] == 1800
    assert lines["CAD"]["kept_amount"] == {"currency": "CAD", "amount_minor": 200}
    assert lines["CAD"]["choose_until"] == page["choice"]["until"]
    assert (lines["credits"]["state"], lines["credits"]["kept_credits"]) == ("kept", 2)
    async with calling(booked.app) as anybody:
        path = f"/v1/choices/{token_of(booked, job['id'])}"  # the same link: one for a client
        assert (await anybody.post(path, json={"form": "store_credit"})).status_code == 200
    await run_slice(booked.runtime, job["id"], seconds=5)
    page = await shown(booked, job["id"])
    assert page["choice"]["form"] == "store_credit"
    assert states(page) == {"CAD": "returned", "JPY": "returned", "credits": "kept"}
    paid = [line for one in page["sessions"] for line in one["lines"] if line["amount"]]
    assert [line["form"] for line in paid] == ["store_credit"] * 2


async def test_the_page_has_its_studio_s_look(booked):
    assert (
        await booked.http.patch("/v1/public-page", json={"colour": "#7a2e54"})
    ).status_code == 200
    job = await booked.accepted()
    await booked.work(job["id"])
    page = await shown(booked, job["id"])
    assert page["page"] == {"colour": "#7a2e54", "on_colour": "#ffffff", "logo": None}


async def test_who_may_read_the_audit_is_given_each_client_s_link(booked, caller_with, stranger):
    job = await booked.accepted()
    path = f"/bulk-cancellations/{job['id']}/client-links"
    assert await booked.pages(path) == []
    await booked.work(job["id"])
    rows = await booked.pages(path, limit=1)
    assert rows == [
        {"client_id": name, "link": f"/yours/{token_of(booked, job['id'], name)}"}
        for name in ("kim", "lee")
    ]
    for scopes in ((Scope.CANCELLATIONS_READ,), (Scope.AUDIT_READ,)):
        limited = await caller_with(*scopes)
        assert (await limited.http.get(f"/v1{path}")).status_code == 403
    assert (await stranger.http.get(f"/v1{path}")).status_code == 404


async def test_no_log_has_the_link(booked, capfd):
    job = await booked.accepted()
    await booked.work(job["id"])
    capfd.readouterr()
    await read(booked, job["id"])
    async with calling(booked.app) as anybody:
        await anybody.get(f"/yours/{token_of(booked, job['id'])}")
    said = "".join(capfd.readouterr())
    paths = [json.loads(line)["path"] for line in said.splitlines() if '"request.answered"' in line]
    assert paths[-2:] == ["/v1/client-pages/{token}", "/yours/{token}"]
    for part in token_of(booked, job["id"]).split("."):
        assert part not in said
