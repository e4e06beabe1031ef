"""A seal opens in its own place only.

What was sealed before, with no place, still opens, until it is sealed anew.
"""

import dataclasses

import pytest
from cryptography.fernet import Fernet

from app.encryption import SecretBox, SecretPlace, Undecryptable

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()
HERE = SecretPlace("businesses", "stripe_key_sealed", "a")
SECRET = "sk_test_ä"


def test_a_seal_opens_in_its_place_and_shows_nothing():
    seals = SecretBox([OLD])
    sealed = seals.seal(SECRET, HERE)
    assert seals.open(sealed, HERE) == SECRET
    assert "sk_test" not in sealed
    assert sealed.isascii()
    assert seals.seal(SECRET, HERE) != sealed


@pytest.mark.parametrize(
    "other", [{"table": "webhook_secrets"}, {"column": "secret"}, {"row_id": "b"}]
)
def test_a_seal_that_was_copied_to_another_place_does_not_open_and_is_not_sealed_anew(other):
    seals = SecretBox([OLD])
    sealed = seals.seal(SECRET, HERE)
    elsewhere = dataclasses.replace(HERE, **other)
    for act in (seals.open, seals.renew):
        with pytest.raises(Undecryptable):
            act(sealed, elsewhere)


def test_what_was_sealed_before_opens_and_is_bound_when_it_is_sealed_anew():
    seals = SecretBox([NEW, OLD])
    before = Fernet(OLD).encrypt(SECRET.encode()).decode()
    assert seals.open(before, HERE) == SECRET
    bound = seals.renew(before, HERE)
    assert SecretBox([NEW]).open(bound, HERE) == SECRET
    with pytest.raises(Undecryptable):
        seals.open(bound, dataclasses.replace(HERE, row_id="b"))


def test_after_sealing_anew_the_old_key_may_go_and_alone_opens_nothing():
    sealed = SecretBox([OLD]).seal(SECRET, HERE)
    assert SecretBox([NEW, OLD]).open(sealed, HERE) == SECRET
    with pytest.raises(Undecryptable):
        SecretBox([NEW]).open(sealed, HERE)
    renewed = SecretBox([NEW, OLD]).renew(sealed, HERE)
    assert SecretBox([NEW]).open(renewed, HERE) == SECRET
    with pytest.raises(Undecryptable):
        SecretBox([OLD]).open(renewed, HERE)


def test_what_is_no_seal_or_was_changed_does_not_open():
    seals = SecretBox([OLD])
    sealed = seals.seal(SECRET, HERE)
    key_id = sealed.split(".")[1]
    flipped = sealed[:-6] + ("A" if sealed[-6] != "A" else "B") + sealed[-5:]
    for wrong in (
        "",
        ".",
        "ä",
        "ä.ä.ä",
        "2.",
        f"2.{key_id}.",
        f"2.{key_id}.AAAA",
        f"3{sealed[1:]}",
        sealed[:-4],
        flipped,
    ):
        with pytest.raises(Undecryptable):
            seals.open(wrong, HERE)
