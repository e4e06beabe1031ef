"""An issuer that changes its keys, answers nonsense, or does not answer at all."""

import asyncio
import json

import httpx
import pytest
from structlog.testing import capture_logs
from worlds.issuer import new_key
from worlds.patience import eventually
from worlds.queue import Unheard

from app.auth.issuer.kept import COOL_DOWN_SECONDS
from app.auth.keys import create_key
from app.auth.people import People
from app.auth.roles import Scope
from app.config.settings import Settings
from app.errors import Problem
from app.main import create_app


@pytest.fixture
async def later(settings):
    """People whose clock a test moves: `later.seconds`."""

    class Later(People):
        def __init__(self):
            self.seconds = 1000.0
            super().__init__(settings, clock=lambda: self.seconds)

        async def status(self, db, token):
            try:
                await self.authenticate(db, f"Bearer {token}")
            except Problem as refusal:
                return refusal.status
            return 200

    people = Later()
    yield people
    await people.aclose()


async def test_a_flood_of_unknown_keys_is_one_question(house, issuer):
    assert (await house.ask(issuer.token())).status_code == 200
    for number in range(40):
        token = issuer.token(header={"kid": f"key {number}"})
        assert "key that is not known" in await house.refused(token)
    assert issuer.fetches == 1
    assert (await house.ask(issuer.token(sub="bob"))).status_code == 200


async def test_many_at_once_before_anything_is_known_ask_once(house, issuer):
    issuer.answers.clear()
    asking = [asyncio.create_task(house.ask(issuer.token(sub=f"{n}"))) for n in range(20)]
    await eventually(lambda: issuer.asked)
    issuer.answers.set()
    assert {answer.status_code for answer in await asyncio.gather(*asking)} == {200}
    assert issuer.fetches == 1


async def test_keys_rotate_and_a_withdrawn_one_is_refused(house, db, issuer, later):
    old = issuer.signing
    assert await later.status(db, issuer.token()) == 200
    issuer.signing = new_key("ES256", "second")
    issuer.keys = [issuer.signing.as_dict(private=False), old.as_dict(private=False)]
    assert await later.status(db, issuer.token(sub="too soon")) == 401
    later.seconds += COOL_DOWN_SECONDS
    assert await later.status(db, issuer.token(sub="in time")) == 200
    assert await later.status(db, issuer.token(key=old, sub="with the old")) == 200
    issuer.keys = [issuer.signing.as_dict(private=False)]
    later.seconds += 301
    assert await later.status(db, issuer.token(sub="asks in the background")) == 200
    await eventually(lambda: issuer.fetches == 3 and later._keys.is_current)
    assert await later.status(db, issuer.token(key=old, sub="with the withdrawn")) == 401


async def test_an_issuer_that_is_away_refuses_nobody_whose_key_is_known(house, db, issuer, later):
    assert await later.status(db, issuer.token()) == 200
    issuer.is_down = True
    for turn in range(5):
        later.seconds += 301
        assert await later.status(db, issuer.token(sub=f"known {turn}")) == 200
        unknown = issuer.token(header={"kid": "another"})
        assert [await later.status(db, unknown) for _ in range(20)] == [503] * 20
    assert issuer.fetches == 6
    later.seconds += 24 * 3600
    assert await later.status(db, issuer.token(sub="a day later")) == 503


async def test_before_the_keys_are_known_it_is_told_that_nobody_can_tell(house, db, issuer):
    issuer.is_down = True
    key = await create_key(db, "studio", "front desk", Scope)
    for _ in range(10):
        answer = await house.ask(issuer.token())
        assert answer.status_code == 503
        assert answer.json()["type"] == "/problems/issuer-unavailable"
        assert int(answer.headers["retry-after"]) == 30
    assert len(issuer.asked) == 1  # its discovery
    assert (await house.ask(key)).status_code == 200


async def test_an_issuer_that_comes_back_is_asked_when_the_cool_down_is_over(
    house, db, issuer, later
):
    issuer.is_down = True
    assert await later.status(db, issuer.token()) == 503
    issuer.is_down = False
    later.seconds += COOL_DOWN_SECONDS - 1
    assert await later.status(db, issuer.token()) == 503
    later.seconds += 1
    assert await later.status(db, issuer.token()) == 200


async def test_one_malformed_key_in_the_set_takes_no_other_with_it(house, issuer):
    issuer.keys = [{"kid": "bad", "kty": "RSA", "n": "!"}, None, *issuer.keys]
    assert (await house.ask(issuer.token())).status_code == 200


ANSWERS = {
    "no JSON": ("HTTP/1.1 200 OK", b"<html>"),
    "no object": ("HTTP/1.1 200 OK", b"[]"),
    "no list of keys": ("HTTP/1.1 200 OK", b'{"keys": {}}'),
    "an error": ("HTTP/1.1 500 Internal Server Error", b'{"keys": []}'),
    "a redirect": ("HTTP/1.1 302 Found\r\nLocation: /keys", b""),
    "too much": ("HTTP/1.1 200 OK", json.dumps({"keys": [], "x": "x" * 65_536}).encode()),
    "packed": ("HTTP/1.1 200 OK\r\nContent-Encoding: gzip", b"\x1f\x8b"),
    "no HTTP": ("SMTP", b""),
}


async def test_what_can_t_be_a_key_set_is_none_and_is_logged_once(house, db, issuer, settings):
    for head, body in ANSWERS.values():
        people = People(settings)
        await people.discovery.get()
        issuer.head, issuer.body, issuer.asked = head, body, []
        statuses = set()
        with capture_logs() as logs:
            for _ in range(5):
                with pytest.raises(Problem) as refused:
                    await people.authenticate(db, f"Bearer {issuer.token()}")
                statuses.add(refused.value.status)
        await people.aclose()
        assert (statuses, issuer.asked) == ({503}, ["/keys"]), body
        assert [one["document"] for one in logs if one["event"] == "issuer.unusable"] == ["keys"]
        issuer.head, issuer.body = "HTTP/1.1 200 OK", None


async def test_a_discovery_of_another_issuer_is_not_believed(house, issuer):
    issuer.name = "https://another.example"
    with capture_logs() as logs:
        assert (await house.ask(issuer.token())).status_code == 503
    reasons = [one["reason"] for one in logs if one["event"] == "issuer.unusable"]
    assert reasons == ["it names another issuer"]
    assert issuer.fetches == 0


async def test_an_issuer_that_says_nothing_holds_nobody_for_long(db, house, issuer, monkeypatch):
    monkeypatch.setattr("app.auth.issuer.documents.TIMEOUT_SECONDS", 0.2)
    issuer.answers.clear()
    answer = await house.ask(issuer.token())
    assert answer.status_code == 503


async def test_without_an_issuer_a_token_is_no_key(db, issuer):
    app = create_app(Settings(), database=db, queue=Unheard())
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        answer = await http.get(
            "/v1/business", headers={"Authorization": f"Bearer {issuer.token()}"}
        )
    assert answer.status_code == 401
    assert issuer.asked == []
