"""Sign-ins that end before their tokens: by the issuer's back channel, or by who manages."""

import asyncio
import time

import httpx
import pytest
import sqlalchemy as sa
from postgresql_databases import in_a_thread
from worlds.issuer import AUDIENCE, DAY, new_key
from worlds.oidc_provider import CLIENT, Provider, installed
from worlds.patience import eventually
from worlds.problems import problem
from worlds.queue import Unheard
from worlds.studio import caller

from app.auth import sign_ins
from app.auth.platform import keys as platform_keys
from app.config.settings import Settings
from app.db.access.businesses import create as create_business
from app.db.core.dialect import later
from app.db.core.engine import Database
from app.db.tables.administration import ended_sign_ins
from app.main import create_app
from app.serving import served

EVENT = "http://schemas.openid.net/event/backchannel-logout"
SAID = "This sign-in has ended: sign in anew."


@pytest.fixture
def settings(settings):
    return settings.model_copy(update={"jwt_client_id": CLIENT, "jwt_platform_role": "operator"})


def logout(issuer, *, header=None, key=None, **claims):
    """A logout token of `ada`; what is None is left out."""
    members = {"aud": CLIENT, "jti": "a", "events": {EVENT: {}}, "business": None, "roles": None}
    return issuer.token(
        header={"typ": "logout+jwt"} | (header or {}), key=key, **members | {"name": None} | claims
    )


async def told(house, token):
    return await house.http.post("/v1/hooks/logout", data={"logout_token": token})


async def log_out(house, issuer, **claims):
    answer = await told(house, logout(issuer, **claims))
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store"), answer.text
    assert answer.content == b""


async def test_tokens_from_before_a_logout_are_refused_and_those_from_after_it_taken(house, issuer):
    now = int(time.time())
    before, at, after = (issuer.token(iat=now + seconds) for seconds in (-9, -5, -4))
    other = issuer.token(sub="bob")
    for token in (before, at, after, other):
        assert (await house.ask(token)).status_code == 200
    await log_out(house, issuer, iat=now - 5)
    assert await house.refused(before) == SAID
    assert await house.refused(at) == SAID
    for token in (after, other):
        assert (await house.ask(token)).status_code == 200


async def test_a_logout_of_a_session_ends_it_and_no_other_of_the_person(house, issuer):
    tokens = {sid: issuer.token(sid=sid) for sid in ("here", "there", None)}
    await log_out(house, issuer, sid="here")
    # One that does not say of which session it is may be of that one.
    for sid, is_ended in (("here", True), ("there", False), (None, True)):
        assert (await house.ask(tokens[sid])).status_code == (401 if is_ended else 200), sid
    await log_out(house, issuer, sid="there", sub=None)
    assert await house.refused(tokens["there"]) == SAID


async def test_a_process_that_has_not_heard_of_it_refuses_as_well(house, issuer, settings, db):
    token = issuer.token(iat=int(time.time()) - 5)
    elsewhere = Database(db.url.render_as_string(hide_password=False))
    other = create_app(settings, database=elsewhere, queue=Unheard())
    try:
        async with caller(other, token) as http:
            await log_out(house, issuer)
            answer = problem(await http.get("/v1/business"), 401, "unauthenticated")
            assert answer["detail"] == SAID
    finally:
        await other.state.people.aclose()
        await elsewhere.close()


async def test_an_operator_s_sign_in_ends_too(house, issuer):
    token = issuer.token(roles=["operator"], business=None)
    assert (await house.ask(token, "/v1/platform/businesses")).status_code == 200
    await log_out(house, issuer)
    assert (await house.ask(token, "/v1/platform/businesses")).status_code == 401


WRONG = [
    {"aud": "another"},
    {"aud": AUDIENCE},  # an access token's
    {"aud": None},
    {"iss": "https://another.example"},
    {"exp": int(time.time()) - 2 * DAY},
    {"exp": None},
    {"iat": None},
    {"iat": int(time.time()) + DAY},
    {"iat": int(time.time()) - 2 * DAY, "exp": int(time.time()) + DAY},
    {"jti": None},
    {"events": None},
    {"events": {"another": {}}},
    {"events": {EVENT: True}},
    {"events": [EVENT]},
    {"nonce": "n"},
    {"nonce": ""},
    {"sub": None},
    {"sub": "s" * 201},
    {"sub": 7},
    {"sid": ["here"]},
    {"header": {"typ": "at+jwt"}},
    {"header": {"alg": "none"}},
    {"header": {"kid": "unknown"}},
]


# What they hold has the time in it: each process of a run would call them by other names.
NAMES = [f"{number} {' '.join(wrong)}" for number, wrong in enumerate(WRONG)]


@pytest.mark.parametrize("wrong", WRONG, ids=NAMES)
async def test_what_is_no_logout_for_us_ends_nothing(house, issuer, wrong):
    token = issuer.token()
    problem(await told(house, logout(issuer, **wrong)), 400, "logout-token-invalid")
    assert (await house.ask(token)).status_code == 200


async def test_neither_an_access_token_nor_another_s_signature_logs_anybody_out(house, issuer):
    forged = logout(issuer, key=new_key("PS256", "first"))
    for text in (issuer.token(), issuer.token(aud=CLIENT), forged, "garbage", "a.b.c"):
        problem(await told(house, text), 400, "logout-token-invalid")
    for form in ({}, {"token": "x"}):
        answer = await house.http.post("/v1/hooks/logout", data=form)
        problem(answer, 400, "logout-token-invalid")
    assert (await house.ask(issuer.token())).status_code == 200


@pytest.mark.parametrize("typ", ["logout+jwt", "application/logout+jwt", "JWT", None])
async def test_a_logout_token_says_what_it_is_or_nothing(house, issuer, typ):
    await log_out(house, issuer, header={"typ": typ})
    assert await house.refused(issuer.token(iat=int(time.time()) - 1)) == SAID


async def test_wrong_logouts_are_counted_by_address_and_good_ones_taken(house, issuer, settings):
    app = create_app(
        settings.model_copy(update={"wrong_keys_per_minute": 3}),
        database=house.app.state.service.db,
        queue=Unheard(),
    )
    async with caller(app, "nobody") as http:
        statuses = [
            (await http.post("/v1/hooks/logout", data={"logout_token": "x"})).status_code
            for _ in range(5)
        ]
        assert statuses == [400, 400, 400, 429, 429]
        good = await http.post("/v1/hooks/logout", data={"logout_token": logout(issuer)})
        assert good.status_code == 200
    await app.state.people.aclose()


async def test_without_an_issuer_nobody_can_be_logged_out(db, issuer):
    app = create_app(Settings(), database=db, queue=Unheard())
    async with caller(app, "nobody") as http:
        answer = await http.post("/v1/hooks/logout", data={"logout_token": logout(issuer)})
        problem(answer, 404, "sign-in-not-configured")


async def test_who_manages_a_business_ends_a_person_s_sign_ins_there(house, issuer, db):
    async with db.write() as conn:
        await create_business(conn, "other", name="Other", timezone="UTC", currency="EUR")
    here, there = issuer.token(sub="bob"), issuer.token(sub="bob", business="other")
    headers = {"Authorization": f"Bearer {issuer.token()}"}
    for token in (here, there):
        assert (await house.ask(token)).status_code == 200
    ended = await house.http.post("/v1/sign-ins/end", json={"subject": "bob"}, headers=headers)
    assert ended.status_code == 200, ended.text
    assert await house.refused(here) == SAID
    assert (await house.ask(there)).status_code == 200
    # However far ahead the issuer's clock may be.
    assert await house.refused(issuer.token(sub="bob", iat=int(time.time()) + 55)) == SAID
    listed = await house.http.get("/v1/administration", headers=headers)
    newest = listed.json()["data"][0]
    assert (newest["action"], newest["subject"]) == ("sign_ins.ended", "bob")
    assert (newest["actor"]["kind"], newest["actor"]["id"]) == ("person", "ada")


async def test_an_operator_ends_a_person_s_sign_ins_everywhere(house, issuer, db):
    tokens = [issuer.token(sub="bob"), issuer.token(sub="bob", roles=["operator"], business=None)]
    async with caller(house.app, await platform_keys.create(db, "ops")) as http:
        ended = await http.post("/v1/platform/sign-ins/end", json={"subject": "bob"})
    assert ended.status_code == 200, ended.text
    for token in tokens:
        assert await house.refused(token) == SAID
    assert (await house.ask(issuer.token())).status_code == 200


async def test_ends_are_forgotten_once_no_token_can_be_of_them(house, issuer, db):
    async def kept():
        async with db.read() as conn:
            return (await conn.execute(sa.select(ended_sign_ins))).all()

    await log_out(house, issuer)
    await sign_ins.purge(db)
    assert len(await kept()) == 1
    for seconds, remain in ((DAY, 1), (DAY + 3700, 0)):
        async with db.write() as conn:
            aged = later(sa.literal(-float(seconds), sa.Float))
            await conn.execute(sa.update(ended_sign_ins).values(ended_at=aged))
        await sign_ins.purge(db)
        assert len(await kept()) == remain


@pytest.fixture(scope="module")
def workshop(tmp_path_factory):
    return in_a_thread(installed(tmp_path_factory.mktemp("provider")))


async def test_a_certified_provider_s_logout_is_heard(workshop, house, db):
    provider = Provider(workshop)
    provider.start()  # where it is, is where it will be
    app = create_app(
        Settings(jwt_issuer=provider.url, jwt_audience=AUDIENCE, jwt_client_id=CLIENT),
        database=db,
        queue=Unheard(),
    )
    try:
        await app.state.people.look_ahead()
        async with served(app) as address, httpx.AsyncClient(base_url=address) as client:
            provider.stop()
            provider.logout = f"{address}/v1/hooks/logout"
            provider.start()

            async def status(tokens):
                headers = {"Authorization": f"Bearer {tokens['access_token']}"}
                return (await client.get("/v1/business", headers=headers)).status_code

            async def is_out(tokens):
                return await status(tokens) == 401

            with httpx.Client() as browser:
                ada = await asyncio.to_thread(provider.signed_in_by, browser, "ada")
                bob = await asyncio.to_thread(provider.signed_in, "bob")
                assert (await status(ada), await status(bob)) == (200, 200)
                await asyncio.to_thread(provider.sign_out, browser, ada["id_token"])
            await eventually(lambda: is_out(ada), seconds=60)
            assert await status(bob) == 200
    finally:
        provider.stop()
        await app.state.people.aclose()
