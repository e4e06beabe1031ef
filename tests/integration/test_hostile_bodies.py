"""Bodies made to hold up the process: each is answered, and none holds the loop for over 50 ms."""

import asyncio
import json
import time

import pytest
from loop_watchdog import MAX_SECONDS, never_held, watching

from app.api.layers.body_limit import MAX_VALUES
from app.auth.keys import Scope, create_key
from app.cancellation.request import MAX_SESSIONS_NAMED
from app.config.settings import Settings
from app.db.access.businesses import create as create_business
from app.db.core.engine import Database
from app.main import create_app
from app.queue import LocalQueue

WHOLE = 2 * 1024 * 1024
RANGE = '"date_from":"2026-11-23","date_to":"2026-11-29"'


@pytest.fixture
async def app(sqlite_url):
    db = Database(sqlite_url)
    async with db.write() as conn:
        await create_business(conn, "studio", name="Studio", timezone="UTC", currency="EUR")
    app = create_app(Settings(), database=db, queue=LocalQueue())
    app.state.key = await create_key(db, "studio", "desk", Scope)
    await answered(app, "/v1/bulk-cancellations/plan", b"{}")  # what is made once, is made here
    yield app
    await db.close()


async def answered(app, path, body, content_type=b"application/json", method="POST"):
    """The status and document that answer a request; its body comes in parts, as from a socket."""
    parts = [body[at : at + 64 * 1024] for at in range(0, len(body), 64 * 1024)] or [b""]
    sent = []

    async def receive():
        await asyncio.sleep(0)
        return {
            "type": "http.request",
            "body": parts.pop(0) if parts else b"",
            "more_body": bool(parts),
        }

    async def send(message):
        sent.append(message)

    headers = [
        (b"content-length", b"%d" % len(body)),
        (b"content-type", content_type),
        (b"authorization", f"Bearer {app.state.key}".encode()),
        (b"idempotency-key", b"one"),
    ]
    where = {"path": path, "method": method, "query_string": b""}
    await asyncio.create_task(app({"type": "http", "headers": headers, **where}, receive, send))
    return sent[0]["status"], json.loads(b"".join(message.get("body", b"") for message in sent[1:]))


def filled(before, piece, after="", most=WHOLE):
    """A body of so many pieces, parted by commas, as fit."""
    room = most - len(before) - len(after)
    return (before + ",".join([piece] * (room // (len(piece) + 1))) + after).encode()


def unknown_members(most):
    names, size = [], 0
    while size < most - 200:
        names.append(f'"{len(names):x}":1')
        size += len(names[-1]) + 1
    return ("{" + ",".join(names) + "}").encode()


HOSTILE = {
    "unknown members": (unknown_members(WHOLE), 413),
    "as many unknown members as pass": (unknown_members(75_000), 422),
    "one member again and again": (filled("{", '"reason":"x"', "}"), 413),
    "lists in a list": (filled('{"session_ids":[', "[]", "]}"), 413),
    "wrong ids": (filled('{"session_ids":[', "1", "]," + RANGE + "}", most=38_000), 422),
    "objects deep down": (b'{"reason":' * 200_000, 413),
    "lists deep down": (b"[" * 9_000 + b"]" * 9_000, 400),
    "long numbers": (filled('{"session_ids":[', "9" * 640, "]," + RANGE + "}"), 422),
    "longer numbers": (filled('{"session_ids":[', "9" * 4_200, "]," + RANGE + "}"), 400),
    "one number": (b'{"hold_seconds":' + b"9" * (WHOLE - 100) + b"}", 400),
    "one text": (b'{"reason":"' + b"\\u0041" * 340_000 + b'"}', 422),
    "no JSON": (b"\xff" * (WHOLE - 1), 400),
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("path", ["/v1/bulk-cancellations", "/v1/sessions/s1"])
async def test_no_body_holds_up_the_loop(app, name, path):
    body, status = HOSTILE[name]

    async def refused():
        given, document = await answered(
            app, path, body, method="PUT" if "sessions" in path else "POST"
        )
        assert given == status, document
        assert len(document.get("errors", ())) <= 20

    await never_held(refused)


async def test_a_choice_of_as_many_sessions_as_may_be_named_is_read(app):
    ids = [f"session-{number}" for number in range(MAX_SESSIONS_NAMED)]
    members = {
        "date_from": "2026-11-23",
        "date_to": "2026-11-29",
        "session_ids": ids,
        "reason": "," * 500,
    }
    body = json.dumps(
        members | {"hold_seconds": 0, "include_attended": False, "plan_digest": "x"}
    ).encode()

    async def read():
        status, document = await answered(app, "/v1/bulk-cancellations/plan", body)
        assert status == 422
        assert {error["code"] for error in document["errors"]} == {"unknown-session"}, document

    await never_held(read)


async def test_too_many_values_are_refused_in_their_own_words(app):
    status, document = await answered(app, "/v1/bulk-cancellations/plan", b"[" * (MAX_VALUES + 1))
    assert (status, document["type"], document["limit_values"]) == (
        413,
        "/problems/body-too-large",
        MAX_VALUES,
    )


async def test_an_import_of_hostile_lines_holds_up_nothing(app):
    lines = b"\n".join(unknown_members(64_000) for _ in range(30))

    async def refused():
        status, document = await answered(
            app, "/v1/schedule/import", lines, b"application/x-ndjson"
        )
        assert (status, document["errors"]) == (200, 30)

    await never_held(refused)


async def test_the_document_is_made_without_holding_up_the_loop(app):
    with watching() as watched:
        status, document = await answered(app, "/openapi.json", b"", method="GET")
    assert (status, document["openapi"]) == (200, "3.1.0")
    watched.check()


async def test_the_watchdog_sees_a_step_that_is_too_long():
    async def long_step():
        ends = time.thread_time() + 2 * MAX_SECONDS
        while time.thread_time() < ends:
            pass

    with watching() as watched:
        await asyncio.create_task(long_step())
    with pytest.raises(AssertionError, match="long_step"):
        watched.check()
