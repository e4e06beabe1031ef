"""What an issuer publishes is kept, asked for sparingly, and read key by key."""

import asyncio
import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from app.auth.issuer.kept import COOL_DOWN_SECONDS, KEPT_SECONDS, REFRESH_SECONDS, Kept
from app.auth.issuer.key_set import read_key_set


class World:
    """A clock, and an issuer that answers when and what the test says."""

    def __init__(self):
        self.now = 1000.0
        self.fetches = 0
        self.answer = "old"
        self.gate = asyncio.Event()
        self.gate.set()
        self.kept = Kept(self.fetch, clock=lambda: self.now)

    async def fetch(self):
        self.fetches += 1
        await self.gate.wait()
        return self.answer

    async def settled(self):
        """What was begun in the background is done."""
        if self.kept._task is not None:
            await asyncio.wait([self.kept._task])


@pytest.fixture
async def world():
    return World()


async def test_however_many_come_first_one_fetch_serves_all(world):
    world.gate.clear()
    waiting = [asyncio.create_task(world.kept.get()) for _ in range(64)]
    await asyncio.sleep(0)
    world.gate.set()
    assert await asyncio.gather(*waiting) == ["old"] * 64
    assert world.fetches == 1


async def test_who_gives_up_takes_the_fetch_from_nobody_else(world):
    world.gate.clear()
    first, second = (asyncio.create_task(world.kept.get()) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait([first])
    world.gate.set()
    assert await second == "old"
    assert world.fetches == 1


async def test_what_does_not_fit_is_asked_for_again_but_not_before_the_cool_down_is_over(world):
    assert await world.kept.get() == "old"
    world.answer = "new"
    for _ in range(100):
        assert await world.kept.get(lambda one: one == "new") == "old"
    assert world.fetches == 1
    world.now += COOL_DOWN_SECONDS
    assert await world.kept.get(lambda one: one == "new") == "new"
    assert world.fetches == 2
    for _ in range(100):
        assert await world.kept.get(lambda one: one == "another") == "new"
    assert world.fetches == 2


async def test_a_failure_cools_down_as_a_success_does_and_what_was_had_is_used_on(world):
    assert await world.kept.get() == "old"
    assert world.kept.is_current
    world.answer = None
    for turn in range(10):
        world.now += COOL_DOWN_SECONDS
        for _ in range(100):
            assert await world.kept.get(lambda one: one == "new") == "old"
        assert not world.kept.is_current
        assert world.fetches == 2 + turn


async def test_what_is_kept_is_asked_for_anew_in_the_background_and_nobody_waits(world):
    assert await world.kept.get() == "old"
    world.answer = "new"
    world.now += REFRESH_SECONDS + 1
    world.gate.clear()
    for _ in range(10):
        assert await world.kept.get() == "old"
    world.gate.set()
    await world.settled()
    assert await world.kept.get() == "new"
    assert world.fetches == 2


async def test_it_is_kept_for_a_day_and_no_longer(world):
    assert await world.kept.get() == "old"
    world.answer = None
    world.now += KEPT_SECONDS - 1
    assert await world.kept.get() == "old"
    await world.settled()
    world.now += 2
    assert await world.kept.get() is None


async def test_where_it_was_never_had_one_fetch_in_a_cool_down_tries(world):
    world.answer = None
    for _ in range(100):
        assert await world.kept.get() is None
    assert world.fetches == 1
    assert not world.kept.is_current
    world.now += COOL_DOWN_SECONDS
    world.answer = "new"
    assert await world.kept.get() == "new"


async def test_closing_ends_a_fetch(world):
    world.gate.clear()
    waiting = asyncio.create_task(world.kept.get())
    await asyncio.sleep(0)
    await world.kept.aclose()
    with pytest.raises(asyncio.CancelledError):
        await waiting


def rsa(kid, bits=2048, **others):
    return RSAKey.generate_key(bits, {"kid": kid}).as_dict(private=False) | others


def modulus(bits):
    n = generate_private_key(65537, bits).public_key().public_numbers().n
    return base64.urlsafe_b64encode(n.to_bytes(bits // 8, "big")).decode().rstrip("=")


GOOD = rsa("good", use="sig")
MALFORMED = [
    None,
    7,
    "key",
    {},
    GOOD | {"kid": None},
    GOOD | {"kid": ""},
    GOOD | {"kid": "x" * 256},
    GOOD | {"kid": 7},
    GOOD | {"kid": "a", "n": "!"},
    GOOD | {"kid": "a", "n": 7},
    GOOD | {"kid": "a", "e": "AQ"},  # an exponent of 1: everything would be signed
    {"kid": "a", "kty": "RSA"},
    {"kid": "a", "kty": ["RSA"]},
    {"kid": "a", "kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA"},
    {"kid": "a", "kty": "OKP", "crv": "Ed25519", "x": "AAAA"},
    GOOD | {"kid": "a", "key_ops": 7},
]
UNFIT = {
    "is for encryption": GOOD | {"kid": "a", "use": "enc"},
    "signs and does not verify": GOOD | {"kid": "a", "key_ops": ["sign"]},
    "is of another algorithm": GOOD | {"kid": "a", "alg": "RS512"},
    "is of an algorithm of other keys": GOOD | {"kid": "a", "alg": "ES256"},
    "is a shared secret": OctKey.generate_key(256, {"kid": "a"}).as_dict(),
    "is on another curve": ECKey.generate_key("P-384", {"kid": "a"}).as_dict(private=False),
    "is for agreement": OKPKey.generate_key("X25519", {"kid": "a"}).as_dict(private=False),
    "is private": RSAKey.generate_key(2048, {"kid": "a"}).as_dict(private=True),
    "is short": GOOD | {"kid": "a", "n": modulus(1024)},
    "is long": GOOD | {"kid": "a", "n": base64.urlsafe_b64encode(b"\xff" * 1025).decode()},
}


@pytest.mark.parametrize("malformed", MALFORMED, ids=range(len(MALFORMED)))
def test_a_malformed_key_takes_no_other_with_it(malformed):
    found = read_key_set({"keys": [malformed, GOOD]})
    assert set(found) == {("good", "RS256"), ("good", "PS256")}


@pytest.mark.filterwarnings("ignore")  # the library tells of a short key, and takes it
@pytest.mark.parametrize("unfit", UNFIT.values(), ids=UNFIT)
def test_a_key_that_is_unfit_is_left_out(unfit):
    assert set(read_key_set({"keys": [unfit, GOOD]})) == {("good", "RS256"), ("good", "PS256")}


@pytest.mark.parametrize(
    ("key", "algorithms"),
    [
        (GOOD, {"RS256", "PS256"}),
        (GOOD | {"alg": "PS256"}, {"PS256"}),
        (ECKey.generate_key("P-256", {"kid": "good"}).as_dict(private=False), {"ES256"}),
        (
            OKPKey.generate_key("Ed25519", {"kid": "good"}).as_dict(private=False),
            {"EdDSA", "Ed25519"},
        ),
    ],
)
def test_a_key_verifies_what_its_type_and_its_word_allow(key, algorithms):
    assert set(read_key_set({"keys": [key]})) == {("good", one) for one in algorithms}


@pytest.mark.parametrize("document", [{}, {"keys": None}, {"keys": {}}, {"keys": "RSA"}])
def test_a_set_without_a_list_has_no_keys(document):
    assert read_key_set(document) == {}


def test_only_so_many_keys_are_read():
    listed = [GOOD | {"kid": f"key {number}"} for number in range(150)]
    assert len(read_key_set({"keys": listed})) == 200
