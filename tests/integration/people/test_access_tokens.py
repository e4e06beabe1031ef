"""Whose access token is taken, and each way in which one is not."""

import hashlib
import hmac
import json
import time

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc.jwk import OctKey
from worlds.issuer import AUDIENCE, DAY, b64, new_key

from app.auth.keys import create_key
from app.auth.people import People
from app.auth.roles import SCOPES_OF_ROLES, Role, Scope
from app.config.settings import Settings


async def test_a_person_is_known_by_a_token_of_each_algorithm(house, issuer):
    algorithms = ["RS256", "PS256", "ES256", "EdDSA", "Ed25519"]
    keys = [new_key(algorithm, f"for {algorithm}") for algorithm in algorithms]
    issuer.keys = [key.as_dict(private=False) for key in keys]
    for key in keys:
        answer = await house.ask(issuer.token(key=key))
        assert answer.status_code == 200, (key.alg, answer.text)
        assert answer.json()["id"] == "studio"
        known = {"name": "Ada Lovelace", "scopes": sorted(Scope), "locations": None}
        assert answer.json()["key"] == known


async def test_a_role_may_do_what_its_scopes_say(house, issuer):
    for role in Role:
        await its_scopes_hold(house, issuer, role)


async def its_scopes_hold(house, issuer, role):
    answer = await house.ask(issuer.token(roles=[role, "cleaner"]))
    assert set(answer.json()["key"]["scopes"]) == SCOPES_OF_ROLES[role]
    may_write = Scope.TERMS_WRITE in SCOPES_OF_ROLES[role]
    headers = {"Authorization": f"Bearer {issuer.token(roles=role)}"}
    written = await house.http.put("/v1/terms", json={}, headers=headers)
    assert written.status_code == (200 if may_write else 403)
    if not may_write:
        assert written.json()["scope"] == Scope.TERMS_WRITE


async def test_the_audit_names_the_person(house, db, issuer):
    people = house.app.state.people
    for claims, name, label in (
        ({}, "person:ada (Ada Lovelace)", "Ada Lovelace"),
        ({"name": None}, "person:ada", "ada"),
        ({"name": 7}, "person:ada", "ada"),
        ({"name": " A\u202eda\n\tL "}, "person:ada (Ada L)", "Ada L"),
        ({"sub": "s" * 200, "name": "n" * 300}, f"person:{'s' * 200} ({'n' * 46}", "n" * 200),
    ):
        caller = await people.authenticate(db, f"Bearer {issuer.token(**claims)}")
        assert (caller.name, caller.label) == (name, label)
        assert len(caller.name) <= 255


async def test_keys_are_taken_beside_tokens_as_ever(house, db, issuer):
    key = await create_key(db, "studio", "front desk", Scope)
    assert (await house.ask(key)).status_code == 200
    assert (await house.ask(issuer.token())).status_code == 200
    answer = await house.ask("bck_nonsense")
    assert answer.headers["www-authenticate"] == 'Bearer realm="bulk-cancel"'
    assert answer.json()["detail"].startswith("This API key is unknown")


WRONG_CLAIMS = [
    ({"iss": "https://another.example"}, "from another issuer"),
    ({"iss": None}, "lacks: iss"),
    ({"iss": ["x"]}, "from another issuer"),
    ({"aud": "another"}, "not for this service"),
    ({"aud": ["another", "third"]}, "not for this service"),
    ({"aud": [AUDIENCE, 7]}, "not for this service"),
    ({"aud": None}, "lacks: aud"),
    ({"aud": ""}, "not for this service"),
    ({"exp": None}, "lacks: exp"),
    ({"exp": "2999999999"}, "claim exp can't be read"),
    ({"exp": True}, "claim exp can't be read"),
    ({"sub": None}, "lacks: sub"),
    ({"sub": 7}, "claim sub can't be read"),
    ({"sub": ""}, "claim sub can't be read"),
    ({"sub": "s" * 201}, "claim sub can't be read"),
    ({"sub": "a\nb"}, "claim sub can't be read"),
    ({"iat": None}, "lacks: iat"),
    ({"iat": "soon"}, "not valid yet"),
    ({"nbf": "soon"}, "not valid yet"),
]


async def test_a_claim_that_does_not_say_what_it_must_is_told(house, issuer):
    for claims, tells in WRONG_CLAIMS:
        assert tells in await house.refused(issuer.token(**claims))


SKEWS = [
    ("exp", -50, None),
    ("exp", -61, "has expired"),
    ("nbf", 50, None),
    ("nbf", 70, "not valid yet"),
    ("iat", 50, None),
    ("iat", 70, "issued in the future"),
    ("iat", 50 - DAY, None),
    ("iat", -70 - DAY, "over a day ago"),
]


async def test_clocks_may_differ_by_a_minute(house, issuer):
    for claim, seconds, tells in SKEWS:
        token = issuer.token(**{claim: int(time.time()) + seconds})
        if tells is None:
            assert (await house.ask(token)).status_code == 200
        else:
            assert tells in await house.refused(token)


async def test_an_audience_may_be_one_of_several(house, issuer):
    assert (await house.ask(issuer.token(aud=["another", AUDIENCE]))).status_code == 200


WRONG_HEADERS = [
    ({"kid": None}, "must have a kid"),
    ({"kid": 7}, "must have a kid"),
    ({"kid": "another"}, "key that is not known"),
    ({"typ": None}, "typ must be at+jwt"),
    ({"typ": "JWT"}, "typ must be at+jwt"),
    ({"typ": 7}, "typ must be at+jwt"),
    ({"typ": "logout+jwt"}, "typ must be at+jwt"),
    ({"alg": "RS256"}, "key that is not known"),  # the key says PS256
    ({"crit": ["acme"], "acme": 1}, "read"),
]


async def test_a_header_that_does_not_say_what_it_must_is_told(house, issuer):
    for header, tells in WRONG_HEADERS:
        payload = json.dumps(issuer.claims())
        head = {"alg": "PS256", "kid": "first", "typ": "at+jwt"} | header
        head = {name: value for name, value in head.items() if value is not None}
        token = f"{b64(head)}.{b64(payload.encode())}.{b64(b'x' * 256)}"
        assert tells in await house.refused(token)


async def test_a_header_may_have_members_of_the_issuer_s_own_and_say_its_type_in_full(
    house, issuer
):
    header = {"acme": 1, "typ": "Application/AT+JWT"}
    assert (await house.ask(issuer.token(header=header))).status_code == 200


async def test_no_other_algorithm_is_taken(house, issuer):
    for algorithm in ("none", "None", "nOnE", "HS256", "RS512", "", None, 7, []):
        head = {"alg": algorithm, "kid": "first", "typ": "at+jwt"}
        signed = f"{b64(head)}.{b64(issuer.claims())}"
        for signature in ("", b64(b"x" * 32)):
            tells = await house.refused(f"{signed}.{signature}")
            assert "must be signed by one of" in tells or "can't be read" in tells


async def test_a_public_key_is_no_shared_secret(house, issuer):
    key = new_key("RS256", "rsa")
    issuer.keys = [key.as_dict(private=False) | {"alg": name} for name in ("RS256", "HS256")]
    public = key.raw_value.public_key()
    for secret in (
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        json.dumps(key.as_dict(private=False)).encode(),
    ):
        for algorithm in ("HS256", "RS256"):
            head = {"alg": algorithm, "kid": "rsa", "typ": "at+jwt"}
            signed = f"{b64(head)}.{b64(issuer.claims())}"
            mac = hmac.digest(secret, signed.encode(), hashlib.sha256)
            tells = await house.refused(f"{signed}.{b64(mac)}")
            assert "must be signed by one of" in tells or "not signed by its issuer" in tells


async def test_a_shared_secret_that_an_issuer_publishes_signs_nothing(house, issuer):
    secret = OctKey.generate_key(256, {"kid": "shared"})
    issuer.keys.append(secret.as_dict())
    token = issuer.token(key=secret, header={"alg": "HS256"})
    assert "must be signed by one of" in await house.refused(token)


async def test_a_token_that_another_key_signed_or_that_was_changed_is_refused(house, issuer):
    another = new_key("PS256", "first")
    assert "not signed by its issuer" in await house.refused(issuer.token(key=another))
    head, _, signature = issuer.token().split(".")
    changed = b64(issuer.claims(business="another"))
    assert "not signed by its issuer" in await house.refused(f"{head}.{changed}.{signature}")
    for token in ("..", "a.b.c", f"{head}..{signature}", f"{head}.{changed}.", f"é.{changed}.x"):
        header = {"Authorization": f"Bearer {token}".encode()}
        answer = await house.http.get("/v1/business", headers=header)
        assert answer.status_code == 401


async def test_what_is_signed_must_be_claims(house, issuer):
    head = {"alg": "PS256", "kid": "first", "typ": "at+jwt"}
    for payload in ("", "[]", "7", "null", "{", '"text"', "[" * 3000):
        assert "read" in await house.refused(issuer.signed(head, payload, issuer.signing))


async def test_a_long_token_is_refused_before_it_is_read(house, issuer):
    assert "at most 8192 bytes" in await house.refused(issuer.token(name="n" * 8192))
    assert issuer.fetches == 0


NOBODYS = [
    ({"business": None}, "names no business"),
    ({"business": ["studio"]}, "names no business"),
    ({"business": "st udio"}, "names no business"),
    ({"business": "unknown"}, "not known here"),
    ({"roles": None}, "has no role here"),
    ({"roles": []}, "has no role here"),
    ({"roles": ["cleaner", 7, None]}, "has no role here"),
    ({"roles": {"owner": True}}, "has no role here"),
    ({"roles": 7}, "has no role here"),
]


async def test_a_person_without_a_business_or_a_role_is_known_and_may_nothing(house, issuer):
    for claims, tells in NOBODYS:
        answer = await house.ask(issuer.token(**claims))
        assert answer.status_code == 403, answer.text
        assert answer.json()["type"] == "/problems/no-access"
        assert tells in answer.json()["detail"]
        challenge = 'Bearer realm="bulk-cancel", error="insufficient_scope"'
        assert answer.headers["www-authenticate"] == challenge


@pytest.fixture
def own_claims(issuer):
    """Settings of an issuer that names things its own way."""
    return Settings(
        jwt_issuer=issuer.url,
        jwt_audience=AUDIENCE,
        jwt_type="JWT",
        jwt_jwks_url=f"{issuer.url}/keys",
        jwt_business_claim="app.business",
        jwt_roles_claim="https://studio.example/roles",
        jwt_scopes_claim="scope",
    )


async def test_claims_may_have_the_names_that_an_issuer_gives_them(house, db, issuer, own_claims):
    people = People(own_claims)
    named = {
        "business": None,
        "roles": None,
        "app": {"business": "studio"},
        "https://studio.example/roles": "cleaner read_only",
    }
    granted = {
        "openid schedule:read audit:read": {Scope.SCHEDULE_READ},
        "schedule:read platform:admin everything": {Scope.SCHEDULE_READ},
    }
    for scope, scopes in granted.items():
        token = issuer.token(header={"typ": "JWT"}, scope=scope, **named)
        caller = await people.authenticate(db, f"Bearer {token}")
        assert (caller.business_id, caller.scopes) == ("studio", scopes)
    named["https://studio.example/roles"] = None  # a program's token has scopes alone
    token = issuer.token(header={"typ": "JWT"}, scope=["schedule:read", "audit:read"], **named)
    caller = await people.authenticate(db, f"Bearer {token}")
    assert caller.scopes == {Scope.SCHEDULE_READ, Scope.AUDIT_READ}
    assert "/.well-known/openid-configuration" not in issuer.asked
    await people.aclose()


async def test_where_no_scopes_claim_is_configured_a_token_s_scopes_grant_nothing(house, issuer):
    token = issuer.token(roles=["read_only"], scope="business:manage")
    answer = await house.ask(token)
    assert set(answer.json()["key"]["scopes"]) == SCOPES_OF_ROLES[Role.READ_ONLY]


async def test_a_token_is_not_believed_beyond_its_end(house, db, issuer):
    wall, seconds = [time.time()], [1000.0]
    people = People(house.app.state.service.settings, now=lambda: wall[0], clock=lambda: seconds[0])
    token = issuer.token(exp=int(wall[0]) + 5)
    assert (await people.authenticate(db, f"Bearer {token}")).id == "ada"
    for later, is_taken in ((5, True), (59, True), (70, False)):
        moved = wall[0] + later, seconds[0] + later
        late = People(
            house.app.state.service.settings,
            now=lambda moved=moved: moved[0],
            clock=lambda moved=moved: moved[1],
        )
        if is_taken:
            assert (await late.authenticate(db, f"Bearer {token}")).id == "ada"
        else:
            with pytest.raises(Exception, match="has expired"):
                await late.authenticate(db, f"Bearer {token}")
        await late.aclose()
    await people.aclose()
