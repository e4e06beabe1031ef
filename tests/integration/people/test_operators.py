"""Persons who stand above businesses, by a role of their own at the issuer."""

import pytest
from worlds.problems import problem

from app.auth.callers import CallerKind, PlatformCaller
from app.auth.people import People
from app.auth.platform import businesses
from app.auth.roles import Role
from app.config.settings import Settings, WrongSettings
from app.main import create_app

BUSINESSES = "/v1/platform/businesses"


@pytest.fixture
def settings(settings):
    return settings.model_copy(update={"jwt_platform_role": "operator"})


async def test_the_operators_role_opens_businesses_and_nothing_that_is_in_one(house, issuer):
    for roles, business in ((["operator"], None), (["operator", "owner"], "studio")):
        token = issuer.token(roles=roles, business=business)
        listed = await house.ask(token, BUSINESSES)
        assert [one["id"] for one in listed.json()["data"]] == ["studio"]
        problem(await house.ask(token), 403, "no-business")
    answer = await house.ask(issuer.token(), BUSINESSES)
    assert problem(answer, 403, "missing-scope")["scope"] == "platform:admin"


async def test_an_operator_is_known_by_name_and_no_longer_than_their_token(house, db, issuer):
    claims = issuer.claims(roles=["operator"], business=None)
    token = issuer.token(roles=["operator"], business=None, exp=claims["exp"])
    who = await house.app.state.people.authenticate(db, f"Bearer {token}")
    assert isinstance(who, PlatformCaller)
    assert (who.kind, who.id, who.name) == (CallerKind.PERSON, "ada", "person:ada (Ada Lovelace)")
    assert who.ends_at == claims["exp"]


@pytest.mark.parametrize(
    ("named", "claims", "is_operator"),
    [
        (None, {"roles": ["operator", "platform:admin"]}, False),
        (None, {"roles": ["owner"], "scope": "platform:admin schedule:read"}, False),
        ("operator", {"roles": ["owner"], "scope": "platform:admin schedule:read"}, False),
        ("operator", {"roles": ["operator", "owner"], "scope": "schedule:read"}, False),
        ("operator", {"roles": "operator", "scope": "openid platform:admin"}, True),
        ("operator", {"roles": None, "scope": "platform:admin audit:read"}, False),
    ],
)
async def test_only_the_role_that_is_set_makes_an_operator_and_scopes_narrow_it(
    house, db, issuer, settings, named, claims, is_operator
):
    changed = {"jwt_platform_role": named, "jwt_scopes_claim": "scope"}
    people = People(settings.model_copy(update=changed))
    try:
        token = issuer.token(**claims)
        if named is None and "scope" not in claims:
            problem(await house.ask(issuer.token(roles=["platform:admin"])), 403, "no-access")
            return
        who = await people.authenticate(db, f"Bearer {token}")
        assert isinstance(who, PlatformCaller) is is_operator
    finally:
        await people.aclose()


async def test_a_person_of_a_suspended_business_is_told_why(house, db, issuer):
    token = issuer.token()
    assert (await house.ask(token)).status_code == 200
    await businesses.change(db, "studio", {"suspended_because": "unpaid"})
    assert problem(await house.ask(token), 403, "business-suspended")["detail"].endswith("unpaid")
    await businesses.change(db, "studio", {"suspended_because": None})
    assert (await house.ask(token)).status_code == 200


@pytest.mark.parametrize("role", Role)
def test_no_role_of_a_business_can_be_the_operators(role):
    settings = Settings(
        jwt_issuer="https://issuer.example", jwt_audience="here", jwt_platform_role=role
    )
    with pytest.raises(WrongSettings, match="JWT_PLATFORM_ROLE"):
        create_app(settings)
