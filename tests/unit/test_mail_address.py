"""Addresses of mail, relays' addresses, and where a message's bounces go."""

from email.utils import parseaddr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.config.mail_values import SmtpTls, SmtpUrlParts, smtp_url_parts
from app.domain.mail_address import MailAddress
from app.gateways.email.build import envelope_sender, mailer_from
from app.gateways.email.outbox import Outbox

ID = "0198f3c4-7d1e-7abc-8def-0123456789ab"


@given(st.text(max_size=80))
def test_an_address_that_is_read_is_one_word_and_the_same_to_other_readers(text):
    for candidate in (f"{text}@client.example", f"ada@{text}", text):
        try:
            address = str(MailAddress.read(candidate))
        except ValueError:
            continue
        assert not set(address) & set(' \r\n\t\0<>(),;:"\\[]')
        assert parseaddr(address) == ("", address)
        assert MailAddress.read(address) == MailAddress.read(candidate)


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("smtp://relay.example", SmtpUrlParts("relay.example", 587, SmtpTls.STARTTLS)),
        ("smtps://relay.example", SmtpUrlParts("relay.example", 465, SmtpTls.IMPLICIT)),
        ("smtp://relay.example:25?tls=none", SmtpUrlParts("relay.example", 25, SmtpTls.NONE)),
        ("smtp://localhost:25", SmtpUrlParts("localhost", 25, SmtpTls.NONE)),
        ("smtp://127.0.0.1:25?tls=starttls", SmtpUrlParts("127.0.0.1", 25, SmtpTls.STARTTLS)),
        ("smtp://[::1]:25", SmtpUrlParts("::1", 25, SmtpTls.NONE)),
        (
            "smtps://me%40studio.example:p%3A%2F@relay.example",
            SmtpUrlParts("relay.example", 465, SmtpTls.IMPLICIT, "me@studio.example", "p:/"),
        ),
    ],
)
def test_clear_text_is_the_default_to_this_machine_alone(url, parts):
    assert smtp_url_parts(url) == parts


@pytest.mark.parametrize(
    "url",
    [
        "smtp://relay.example?tls=off",
        "smtp://relay.example?TLS=none",
        "smtps://relay.example?tls=none",
        "smtp://user@relay.example",
        "smtp://:password@relay.example",
        "smtp://us%0d%0aer:password@relay.example",
        "smtp://user:%ff@relay.example",
        "smtp://relay.example:0",
        "smtp:///x",
        "smtp://rel ay.example",
        "smtp://[::1",
    ],
)
def test_an_address_of_a_relay_that_can_t_be_used_is_refused_without_its_secrets(url):
    with pytest.raises(ValueError, match=r"must|may|tls") as refused:
        smtp_url_parts(url)
    assert "password@" not in str(refused.value).lower().replace("user:password@", "")


def test_bounces_come_to_an_address_that_names_their_message():
    given = {"mail_from": "studio@studio.example"}
    assert envelope_sender(ID, **given, mail_bounces=None) == "studio@studio.example"
    sender = envelope_sender(ID, **given, mail_bounces="bounces@studio.example")
    assert sender == f"bounces+{ID}@studio.example"
    MailAddress.read(envelope_sender(ID, **given, mail_bounces=f"{'b' * 27}@studio.example"))


def test_mail_leaves_through_the_relay_or_into_the_outbox_or_not_at_all(tmp_path):
    rest = {"total_seconds": 1, "max_connections": 1}
    assert isinstance(mailer_from(smtp_url=None, mail_from=None, outbox=tmp_path, **rest), Outbox)
    assert mailer_from(smtp_url=None, mail_from=None, outbox=None, **rest) is None
    relay = mailer_from(
        smtp_url="smtp://relay.example", mail_from="a@studio.example", outbox=tmp_path, **rest
    )
    assert not isinstance(relay, Outbox)
    with pytest.raises(ValueError, match="address"):
        mailer_from(smtp_url="smtp://relay.example", mail_from=None, outbox=None, **rest)
