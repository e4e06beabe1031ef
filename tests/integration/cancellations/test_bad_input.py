"""What can't be done is refused by a problem that points at the field, and has changed nothing."""

import base64
import datetime as dt
import json

import pytest
from worlds.problems import problem

from app.auth.keys import Scope

PATHS = ["/v1/bulk-cancellations", "/v1/bulk-cancellations/plan"]
# What is sent in place of a member of a good body, and the field that the answer must point at.
BAD = {
    "a reversed range": ({"date_from": "2026-11-29", "date_to": "2026-11-23"}, "/date_to"),
    "367 days": ({"date_from": "2026-01-01", "date_to": "2027-01-02"}, "/date_to"),
    "a range that begins with time": ({"date_from": "0001-01-01"}, "/date_from"),
    "a range that ends with time": ({"date_to": "9999-12-31"}, "/date_to"),
    "a date as a number": ({"date_from": 1763856000}, "/date_from"),
    "a date as digits": ({"date_to": "1763856000"}, "/date_to"),
    "a date with a time": ({"date_to": "2026-12-29T00:00:00Z"}, "/date_to"),
    "no such day": ({"date_to": "2026-02-30"}, "/date_to"),
    "a date in full-width digits": ({"date_to": "\uff12\uff10\uff12\uff16-12-29"}, "/date_to"),
    "null for a date": ({"date_from": None}, "/date_from"),
    "an unknown session": ({"session_ids": ["yoga", "nope"]}, "/session_ids/1"),
    "another business's session": ({"session_ids": ["theirs"]}, "/session_ids/0"),
    "a session outside the range": ({"session_ids": ["yoga", "far"]}, "/session_ids/1"),
    "a session named twice": ({"session_ids": ["yoga", "spin", "yoga"]}, "/session_ids/2"),
    "no session": ({"session_ids": []}, "/session_ids"),
    "5,001 sessions": ({"session_ids": [f"s{n}" for n in range(5001)]}, "/session_ids"),
    "another word than all": ({"session_ids": "ALL"}, "/session_ids"),
    "ids as an object": ({"session_ids": {"0": "yoga"}}, "/session_ids"),
    "an id as a number": ({"session_ids": [7]}, "/session_ids/0"),
    "an id with NUL": ({"session_ids": ["yo\0ga"]}, "/session_ids/0"),
    "an id with a line feed at its end": ({"session_ids": ["yoga\n"]}, "/session_ids/0"),
    "an id of 129 characters": ({"session_ids": ["i" * 129]}, "/session_ids/0"),
    "NUL in the reason": ({"reason": "Snow\0day"}, "/reason"),
    "a lone surrogate in the reason": ({"reason": "Snow \ud800"}, "/reason"),
    "an escape in the reason": ({"reason": "Snow\x1bday"}, "/reason"),
    "a long reason of line breaks": ({"reason": "\n" * 501}, "/reason"),
    "a long reason": ({"reason": "x" * 501}, "/reason"),
    "a reason as a list": ({"reason": ["Snow"]}, "/reason"),
    "an unknown field": ({"refund": False}, "/refund"),
    "a hold as a float": ({"hold_seconds": 1.5}, "/hold_seconds"),
    "a hold as a whole float": ({"hold_seconds": 60.0}, "/hold_seconds"),
    "a hold as text": ({"hold_seconds": "60"}, "/hold_seconds"),
    "a hold as true": ({"hold_seconds": True}, "/hold_seconds"),
    "a hold in the past": ({"hold_seconds": -1}, "/hold_seconds"),
    "a huge hold": ({"hold_seconds": 10**30}, "/hold_seconds"),
    "a yes that is no boolean": ({"include_attended": "yes"}, "/include_attended"),
    "a one that is no boolean": ({"include_attended": 1}, "/include_attended"),
    "a digest as a number": ({"plan_digest": 7}, "/plan_digest"),
}


async def test_each_bad_field_is_pointed_at_and_nothing_is_changed(week, stranger):
    await week.session("far", starts_in_hours=24 * 60)
    before = await week.everything()
    told = {}
    for name, (members, _) in BAD.items():
        content = json.dumps(week.body() | members)
        for path in PATHS:
            headers = {"Idempotency-Key": "bad", "Content-Type": "application/json"}
            answer = await week.http.post(path, content=content, headers=headers)
            problem = answer.json()
            told[name, path] = [
                answer.status_code,
                *(error["pointer"] for error in problem.get("errors", ())),
            ]
            assert all(error["code"] and error["detail"] for error in problem.get("errors", ()))
    assert told == {case: [422, BAD[case[0]][1]] for case in told}
    assert await week.everything() == before


async def test_every_bad_field_of_a_body_is_told_at_once(week):
    body = {"date_from": "soon", "session_ids": ["a b"], "hold_seconds": -1, "more": 1}
    answer = await week.http.post(PATHS[0], json=body, headers={"Idempotency-Key": "bad"})
    pointers = {error["pointer"] for error in problem(answer, 422, "validation")["errors"]}
    assert {"/date_from", "/date_to", "/session_ids/0", "/hold_seconds", "/more"} <= pointers


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b'"all"',
        b"\xff\xfe",
        b'{"a":' * 5000,
        b'{"date_from": NaN}',
        b'{"hold_seconds": ' + b"9" * 9999 + b"}",
    ],
)
async def test_a_body_that_is_no_request_is_refused(week, content):
    before = await week.everything()
    headers = {"Idempotency-Key": "bad", "Content-Type": "application/json"}
    answer = await week.http.post(PATHS[0], content=content, headers=headers)
    assert answer.status_code in {400, 422}, answer.text
    problem(
        answer, answer.status_code, {400: "malformed-body", 422: "validation"}[answer.status_code]
    )
    assert await week.everything() == before


async def test_a_range_without_sessions_is_refused(studio):
    problem(await studio.cancel(), 422, "validation")


async def test_366_days_and_5000_sessions_are_taken(studio):
    days = {"date_from": "2027-01-01", "date_to": "2028-01-01"}
    await studio.session("yoga", starts_at=_noon("2028-01-01"))
    assert (await studio.plan(["yoga"], **days)).status_code == 200
    named = ["yoga", *(f"s{n}" for n in range(4999))]
    found = problem(await studio.cancel(named, **days), 422, "validation")
    assert "4999" in found["detail"]
    assert found["errors"][0]["pointer"] == "/session_ids/1"


async def test_a_cursor_that_is_not_of_the_list_is_refused(week):
    job = await week.accepted()
    garbled = [
        "nonsense",
        "",
        "e30",
        "W10",
        "WzEuNV0",
        "WzEsMl0",
        "W251bGxd",
        "é",
        "WyIwMWEyMDNlYyJd",
    ]
    for path in ("", f"/{job['id']}/sessions", f"/{job['id']}/refunds"):
        for cursor in garbled:
            answer = await week.http.get(f"/v1/bulk-cancellations{path}", params={"cursor": cursor})
            found = problem(answer, 422, "validation")
            assert found["errors"][0]["pointer"] == "?cursor"


@pytest.mark.parametrize("place", [-1, 2**31, 2**63, 2**64 - 1])
async def test_a_made_up_cursor_is_refused_or_leads_past_the_end(week, place):
    job = await week.accepted()
    cursor = base64.urlsafe_b64encode(json.dumps([place]).encode()).decode().rstrip("=")
    answer = await week.http.get(
        f"/v1/bulk-cancellations/{job['id']}/sessions", params={"cursor": cursor}
    )
    assert answer.status_code in {200, 422}, answer.text


@pytest.mark.parametrize(
    "query", [{"limit": "0"}, {"limit": "201"}, {"limit": "x"}, {"status": "odd"}]
)
async def test_a_query_that_can_t_be_is_refused(week, query):
    (name,) = query
    answer = await week.http.get("/v1/bulk-cancellations", params=query)
    assert problem(answer, 422, "validation")["errors"][0]["pointer"] == f"?{name}"


async def test_another_business_s_job_is_not_found_wherever_it_is_named(week, stranger):
    job = await week.accepted(hold_seconds=600)
    nobodys = "01a203ec-8e67-7258-bbd8-000000000000"
    before = await week.everything()
    for method, path in [
        ("GET", ""),
        ("GET", "/sessions"),
        ("GET", "/refunds"),
        ("GET", "/audit.csv"),
        ("GET", "/audit.csv?follow=true"),
        ("GET", "/events"),
        ("POST", "/withdraw"),
        ("POST", "/retry"),
        ("POST", f"/refunds/{nobodys}/resolve"),
    ]:
        body = {"resolution": "waived", "reference": "r"} if path.endswith("resolve") else None
        answers = [
            await stranger.http.request(method, f"/v1/bulk-cancellations/{id_}{path}", json=body)
            for id_ in (job["id"], nobodys)
        ]
        theirs, unknown = (problem(answer, 404, "not-found") for answer in answers)
        assert theirs == unknown, path
    assert await stranger.pages("/bulk-cancellations") == []
    assert await week.everything() == before


async def test_reading_and_cancelling_need_their_scopes(week, caller_with):
    job = await week.accepted(["yoga"])
    reader = await caller_with(Scope.CANCELLATIONS_READ)
    assert (await reader.plan()).status_code == 200
    assert (await reader.job(job["id"]))["id"] == job["id"]
    refused = problem(await reader.cancel(["spin"]), 403, "missing-scope")
    assert refused["scope"] == "cancellations:write"
    for step in ("withdraw", "retry"):
        problem(await reader.post(f"/bulk-cancellations/{job['id']}/{step}"), 403, "missing-scope")
    problem(
        await reader.http.get(f"/v1/bulk-cancellations/{job['id']}/audit.csv"), 403, "missing-scope"
    )
    writer = await caller_with(Scope.CANCELLATIONS_WRITE)
    assert (await writer.cancel(["spin"])).status_code == 202
    problem(await writer.http.get(f"/v1/bulk-cancellations/{job['id']}"), 403, "missing-scope")


async def test_names_and_e_mails_need_a_scope_that_is_looked_at_before_anything_is_done(
    week, caller_with
):
    writer = await caller_with(Scope.CANCELLATIONS_READ, Scope.CANCELLATIONS_WRITE)
    before = await week.everything()
    refused = problem(await writer.cancel(["yoga"], accept="text/csv"), 403, "missing-scope")
    assert refused["scope"] == "audit:read"
    assert await week.everything() == before
    # A replay of what another key has asked for is no way round.
    auditor = await caller_with(
        Scope.CANCELLATIONS_READ, Scope.CANCELLATIONS_WRITE, Scope.AUDIT_READ
    )
    accepted = await auditor.cancel(["yoga"], key="theirs", accept="text/csv")
    assert accepted.status_code == 202
    assert "@" in accepted.text
    replayed = problem(
        await writer.cancel(["yoga"], key="theirs", accept="text/csv"), 403, "missing-scope"
    )
    assert replayed["scope"] == "audit:read"
    without = await writer.cancel(["yoga"], key="theirs")
    assert (without.status_code, without.headers["Idempotent-Replayed"]) == (202, "true")
    assert "@" not in without.text
    both = await auditor.http.get(f"/v1/bulk-cancellations/{without.json()['id']}/audit.csv")
    assert both.status_code == 200
    alone = await caller_with(Scope.AUDIT_READ)
    alone = await alone.http.get(f"/v1/bulk-cancellations/{without.json()['id']}/audit.csv")
    assert problem(alone, 403, "missing-scope")["scope"] == "cancellations:read"


def _noon(day):
    return dt.datetime.fromisoformat(f"{day}T12:00:00+00:00")
