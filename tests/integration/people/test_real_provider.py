"""Tokens of a certified provider, which runs in its own process and knows nothing of us."""

import time

import pytest
from postgresql_databases import in_a_thread
from worlds.issuer import AUDIENCE, new_key
from worlds.oidc_provider import Provider, installed

from app.auth.issuer.kept import COOL_DOWN_SECONDS
from app.auth.people import People
from app.auth.roles import SCOPES_OF_ROLES, Role
from app.config.settings import Settings
from app.errors import Problem


@pytest.fixture(scope="module")
def workshop(tmp_path_factory):
    return in_a_thread(installed(tmp_path_factory.mktemp("provider")))


@pytest.fixture
def provider(workshop):
    one = Provider(workshop)
    one.start()
    yield one
    one.stop()


class Clocks:
    """Ours, which a test moves beside the provider's."""

    def __init__(self):
        self.ahead = 0.0

    def now(self):
        return time.time() + self.ahead

    def seconds(self):
        return time.monotonic() + self.ahead


@pytest.fixture
async def opened(house, db):
    """Open people with these settings beside the issuer: `opened(provider, **settings)`."""
    all_of_them = []

    def open_people(provider, clocks=None, **others):
        clocks = clocks or Clocks()
        settings = Settings(
            **{"jwt_issuer": provider.url, "jwt_audience": AUDIENCE, **others},
        )
        all_of_them.append(People(settings, now=clocks.now, clock=clocks.seconds))
        return all_of_them[-1]

    yield open_people
    for people in all_of_them:
        await people.aclose()


async def refusal(people, db, token):
    with pytest.raises(Problem) as refused:
        await people.authenticate(db, f"Bearer {token}")
    return refused.value.status, refused.value.detail


async def test_people_who_sign_in_are_known_with_their_business_and_role(provider, opened, db):
    people = opened(provider)
    for person, role in (("ada", Role.OWNER), ("bob", Role.READ_ONLY)):
        tokens = provider.signed_in(person)
        caller = await people.authenticate(db, f"Bearer {tokens['access_token']}")
        assert (caller.business_id, caller.id) == ("studio", person)
        assert caller.scopes == SCOPES_OF_ROLES[role]
        status, detail = await refusal(people, db, tokens["id_token"])
        assert (status, "typ must be at+jwt" in detail) == (401, True)
        assert (await refusal(people, db, tokens["refresh_token"]))[0] == 401
    for person, tells in (("eve", "not known here"), ("zoe", "no role here")):
        tokens = provider.signed_in(person)
        status, detail = await refusal(people, db, tokens["access_token"])
        assert (status, tells in detail) == (403, True)


async def test_a_refreshed_token_is_taken_as_the_first_was(provider, opened, db):
    people = opened(provider)
    first = provider.signed_in("ada")
    status, second = provider.refreshed(first["refresh_token"])
    assert status == 200
    assert second["access_token"] != first["access_token"]
    for tokens in (first, second):
        assert (await people.authenticate(db, f"Bearer {tokens['access_token']}")).id == "ada"


async def test_another_audience_and_another_issuer_are_told_apart(provider, opened, db):
    token = (provider.signed_in("ada"))["access_token"]
    other_audience = opened(provider, jwt_audience="another")
    assert "not for this service" in (await refusal(other_audience, db, token))[1]
    other_issuer = opened(
        provider, jwt_issuer="https://another.example", jwt_jwks_url=f"{provider.url}/jwks"
    )
    assert "from another issuer" in (await refusal(other_issuer, db, token))[1]


async def test_a_token_ends_by_either_clock_give_or_take_a_minute(provider, opened, db):
    token = (provider.signed_in("ada"))["access_token"]
    skews = ((-70, "issued in the future"), (-50, None), (350, None), (370, "expired"))
    for ahead, tells in skews:
        clocks = Clocks()
        clocks.ahead = ahead
        people = opened(provider, clocks)
        if tells is None:
            assert (await people.authenticate(db, f"Bearer {token}")).id == "ada"
        else:
            assert tells in (await refusal(people, db, token))[1]


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA", "Ed25519"])
async def test_it_signs_by_each_algorithm_and_rotates_its_keys(workshop, opened, db, algorithm):
    provider = Provider(workshop)
    try:
        provider.start()
        clocks = Clocks()
        people = opened(provider, clocks)
        old = (provider.signed_in("ada"))["access_token"]
        assert (await people.authenticate(db, f"Bearer {old}")).id == "ada"
        provider.stop()
        clocks.ahead += 20  # it is no longer believed without a look, and the cool-down lasts
        assert (await people.authenticate(db, f"Bearer {old}")).id == "ada"
        provider.keys.insert(0, new_key(algorithm, "second"))
        provider.start()
        new = (provider.signed_in("bob"))["access_token"]
        assert (await refusal(people, db, new))[0] == 401
        clocks.ahead += COOL_DOWN_SECONDS - 20
        assert (await people.authenticate(db, f"Bearer {new}")).id == "bob"
        assert (await people.authenticate(db, f"Bearer {old}")).id == "ada"
    finally:
        provider.stop()
