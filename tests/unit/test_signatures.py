"""Signed documents: as the RFCs have them, and refused where anything of them was changed."""

import base64
import json

import pytest
from joserfc import jws
from joserfc.jwk import OKPKey

from app.signatures import NotSigned, PublicKey, SigningKeys, document_of, keys_of

# RFC 8037, appendix A.
SECRET = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A="
X = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
THUMBPRINT = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
OTHER = base64.urlsafe_b64encode(bytes(32)).decode()
DOCUMENT = {"job_id": "j", "lines": 2}


def encoded(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


@pytest.fixture
def keys():
    return SigningKeys([SECRET])


def test_the_public_part_and_its_name_are_those_of_the_rfc(keys):
    assert keys.public == [PublicKey(X)]
    assert keys.public[0].kid == THUMBPRINT


def test_a_library_that_is_not_ours_finds_it_signed(keys):
    signed = keys.sign(DOCUMENT, typ="t+jws")
    compact = ".".join(signed[name] for name in ("protected", "payload", "signature"))
    read = jws.deserialize_compact(
        compact, OKPKey.import_key(keys.public[0].jwk()), algorithms=["Ed25519"]
    )
    assert json.loads(read.payload) == DOCUMENT
    assert read.protected == {"alg": "Ed25519", "kid": THUMBPRINT, "typ": "t+jws"}


def test_the_first_key_signs_and_all_are_read():
    both = SigningKeys([OTHER, SECRET])
    signed = both.sign(DOCUMENT, typ="t")
    assert document_of(signed, both.public, typ="t") == (DOCUMENT, both.public[0].kid)
    before = SigningKeys([SECRET]).sign(DOCUMENT, typ="t")
    assert document_of(before, both.public, typ="t") == (DOCUMENT, THUMBPRINT)


@pytest.mark.parametrize(
    "changes",
    [
        {"payload": encoded(DOCUMENT | {"lines": 1})},
        {"signature": base64.urlsafe_b64encode(bytes(64)).rstrip(b"=").decode()},
        {"signature": ""},
        {"signature": "=="},
        {"signature": None},
        {"protected": encoded({"alg": "none", "kid": THUMBPRINT, "typ": "t"})},
        {"protected": encoded({"alg": "HS256", "kid": THUMBPRINT, "typ": "t"})},
        {"protected": encoded({"alg": "Ed25519", "kid": THUMBPRINT, "typ": "other"})},
        {"protected": encoded({"alg": "Ed25519", "kid": THUMBPRINT, "typ": "t", "crit": ["b64"]})},
        {"protected": encoded({"alg": "Ed25519", "typ": "t"})},
        {"protected": encoded([])},
        {"protected": "%"},
    ],
)
def test_whatever_was_changed_is_refused(keys, changes):
    signed = keys.sign(DOCUMENT, typ="t")
    assert document_of(signed, keys.public, typ="t")[0] == DOCUMENT
    with pytest.raises(NotSigned):
        document_of(signed | changes, keys.public, typ="t")


def test_what_was_signed_as_something_else_is_refused(keys):
    with pytest.raises(NotSigned, match="another kind"):
        document_of(keys.sign(DOCUMENT, typ="other"), keys.public, typ="t")


def test_another_key_by_the_same_name_is_refused(keys):
    class Named(PublicKey):
        @property
        def kid(self):
            return THUMBPRINT

    signed = keys.sign(DOCUMENT, typ="t")
    with pytest.raises(NotSigned, match="signature"):
        document_of(signed, [Named(SigningKeys([OTHER]).public[0].x)], typ="t")


@pytest.mark.parametrize("document", [None, [], {}, {"keys": 1}, {"keys": []}, {"kty": "RSA"}])
def test_what_holds_no_key_of_ours_is_refused(document):
    with pytest.raises(NotSigned):
        keys_of(document)


def test_a_key_is_read_alone_and_in_a_set_beside_others(keys):
    jwk = keys.public[0].jwk()
    assert keys_of(jwk) == keys_of({"keys": [{"kty": "RSA"}, "x", jwk]}) == keys.public


@pytest.mark.parametrize("secrets", [[], ["short"], [SECRET, "x" * 44], ["é" * 43 + "="]])
def test_no_key_of_another_length_is_taken(secrets):
    with pytest.raises(ValueError):  # noqa: PT011 - the setting's own words say which
        SigningKeys(secrets)
