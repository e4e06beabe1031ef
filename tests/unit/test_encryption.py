"""A ciphertext can be decrypted in its own place only.

What was encrypted before, with no place, still can be, until it is encrypted anew.
"""

import dataclasses

import pytest
from cryptography.fernet import Fernet

from app.encryption import SecretBox, SecretPlace, Undecryptable

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()
HERE = SecretPlace("businesses", "stripe_key_sealed", "a")
SECRET = "sk_test_ä"


def test_a_ciphertext_opens_in_its_place_and_shows_nothing():
    secret_box = SecretBox([OLD])
    encrypted = secret_box.encrypt(SECRET, HERE)
    assert secret_box.decrypt(encrypted, HERE) == SECRET
    assert "sk_test" not in encrypted
    assert encrypted.isascii()
    assert secret_box.encrypt(SECRET, HERE) != encrypted


@pytest.mark.parametrize(
    "other", [{"table": "webhook_secrets"}, {"column": "secret"}, {"row_id": "b"}]
)
def test_a_ciphertext_that_was_copied_to_another_place_does_not_open_and_is_not_encrypted_anew(
    other,
):
    secret_box = SecretBox([OLD])
    encrypted = secret_box.encrypt(SECRET, HERE)
    elsewhere = dataclasses.replace(HERE, **other)
    for act in (secret_box.decrypt, secret_box.reencrypt):
        with pytest.raises(Undecryptable):
            act(encrypted, elsewhere)


def test_what_was_encrypted_before_opens_and_is_bound_when_it_is_encrypted_anew():
    secret_box = SecretBox([NEW, OLD])
    before = Fernet(OLD).encrypt(SECRET.encode()).decode()
    assert secret_box.decrypt(before, HERE) == SECRET
    bound = secret_box.reencrypt(before, HERE)
    assert SecretBox([NEW]).decrypt(bound, HERE) == SECRET
    with pytest.raises(Undecryptable):
        secret_box.decrypt(bound, dataclasses.replace(HERE, row_id="b"))


def test_after_encrypting_anew_the_old_key_may_go_and_alone_opens_nothing():
    encrypted = SecretBox([OLD]).encrypt(SECRET, HERE)
    assert SecretBox([NEW, OLD]).decrypt(encrypted, HERE) == SECRET
    with pytest.raises(Undecryptable):
        SecretBox([NEW]).decrypt(encrypted, HERE)
    renewed = SecretBox([NEW, OLD]).reencrypt(encrypted, HERE)
    assert SecretBox([NEW]).decrypt(renewed, HERE) == SECRET
    with pytest.raises(Undecryptable):
        SecretBox([OLD]).decrypt(renewed, HERE)


def test_what_is_no_ciphertext_or_was_changed_does_not_open():
    secret_box = SecretBox([OLD])
    encrypted = secret_box.encrypt(SECRET, HERE)
    key_id = encrypted.split(".")[1]
    flipped = encrypted[:-6] + ("A" if encrypted[-6] != "A" else "B") + encrypted[-5:]
    for wrong in (
        "",
        ".",
        "ä",
        "ä.ä.ä",
        "2.",
        f"2.{key_id}.",
        f"2.{key_id}.AAAA",
        f"3{encrypted[1:]}",
        encrypted[:-4],
        flipped,
    ):
        with pytest.raises(Undecryptable):
            secret_box.decrypt(wrong, HERE)
