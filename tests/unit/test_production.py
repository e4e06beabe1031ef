"""What a start refuses although each setting by itself may be."""

from pathlib import Path

import pytest
from pydantic import SecretStr
from worlds.sample_keys import HOOKS_SECRET, SECRETS_KEY

from app.config.production import cautions, refusals, require_safe
from app.config.settings import Settings, WrongSettings

WHOLE = {
    "database_url": "postgresql://bulk_cancel:8Sd1-x@db.internal/bulk_cancel",
    "database_isolation": True,
    "redis_url": "rediss://:8Sd1-x@redis.internal/0",
    "payments_url": "https://payments.example",
    "credits_url": "https://credits.example",
    "payments_token": SecretStr("t"),
    "credits_token": SecretStr("t"),
    "secrets_key": SecretStr(SECRETS_KEY),
    "evidence_key": SecretStr(SECRETS_KEY),
    "hooks_secret": SecretStr(HOOKS_SECRET),
    "metrics_token": SecretStr("t"),
    "public_url": "https://book.example",
    "allowed_hosts": "book.example",
    "smtp_url": SecretStr("smtps://u:p@relay.example"),
    "mail_from": "bookings@studio.example",
}


def refused(*, listens_on="0.0.0.0", **other):
    return [*refusals(Settings(**WHOLE | other), listens_on=listens_on)]


def test_whoever_set_all_of_it_is_refused_and_warned_of_nothing():
    assert refused() == []
    assert [*cautions(Settings(**WHOLE))] == []


@pytest.mark.parametrize(
    "name", ["payments_url", "credits_url", "public_url", "otel_exporter_otlp_endpoint"]
)
def test_clear_text_goes_no_further_than_this_machine_unless_its_host_is_named(name):
    (sentence,) = refused(**{name: "http://money.internal/api"})
    assert sentence.startswith(f"BULK_CANCEL_{name.upper()} must begin with https://")
    assert refused(**{name: "http://Money.internal/api"}, plain_http_hosts="Money.internal") == []
    assert refused(**{name: "http://[fd00::1]:80/"}, plain_http_hosts="[fd00::1]") == []
    assert len(refused(**{name: "http://money.internal"}, plain_http_hosts="internal")) == 1
    for here in ("http://127.0.0.1:8090", "http://[::1]", "http://LocalHost"):
        assert refused(**{name: here}) == []


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("database_url", "postgresql://bulk_cancel:{}@db.internal/bulk_cancel"),
        ("database_url", "postgresql://bulk_cancel:{}@localhost,db.internal/bulk_cancel"),
        ("redis_url", "redis://:{}@redis.internal/0"),
    ],
)
def test_a_password_that_everybody_knows_is_refused(name, url):
    for known in ("bulk-cancel", "bulk_cancel", "postgres", "Password"):
        (sentence,) = refused(**{name: url.format(known)})
        assert sentence.startswith(f"BULK_CANCEL_{name.upper()} has a password")
        assert known not in sentence.removeprefix(f"BULK_CANCEL_{name.upper()}")
    here = url.format("postgres").replace("db.internal", "127.0.0.1")
    assert refused(**{name: here.replace("redis.internal", "localhost")}) == []


def test_without_a_key_nothing_secret_could_be_kept():
    (sentence,) = refused(secrets_key=None)
    assert sentence.startswith("BULK_CANCEL_SECRETS_KEY must be set")
    assert refused(secrets_key=None, redis_url=None) == []  # it makes its own
    test_mode = {"payments_url": "sandbox", "credits_url": "sandbox"}
    assert refused(secrets_key=None, **test_mode) == []


def test_who_listens_for_others_says_by_which_names_it_is_asked():
    (sentence,) = refused(allowed_hosts=None)
    assert "BULK_CANCEL_ALLOWED_HOSTS" in sentence
    assert "0.0.0.0" in sentence
    assert refused(allowed_hosts="*") == []
    for here in ("127.0.0.1", "::1", "localhost"):
        assert refused(allowed_hosts=None, listens_on=here) == []
    assert [*refusals(Settings(**WHOLE | {"allowed_hosts": None}))] == []


def test_no_webhook_reaches_what_listens_here_alone_from_where_others_call():
    (sentence,) = refused(webhook_loopback=True)
    assert sentence.startswith("BULK_CANCEL_WEBHOOK_LOOPBACK must be unset")
    assert refused(webhook_loopback=True, listens_on="127.0.0.1") == []


def test_only_postgresql_keeps_businesses_apart():
    (sentence,) = refused(database_url="sqlite+aiosqlite:///var/books.db")
    assert sentence.startswith("BULK_CANCEL_DATABASE_ISOLATION must be unset")


def test_that_only_statements_keep_businesses_apart_is_said():
    (sentence,) = cautions(Settings(**WHOLE | {"database_isolation": False}))
    assert "bulk-cancel database isolate" in sentence


def test_all_that_is_refused_is_told_at_once():
    with pytest.raises(WrongSettings) as told:
        require_safe(Settings(**WHOLE | {"secrets_key": None, "payments_url": "http://h"}))
    assert len(told.value.sentences) == 2


def test_that_no_audit_has_a_proof_is_said_where_no_process_makes_a_key_of_its_own():
    def named(**changes):
        return [sentence.split()[0] for sentence in cautions(Settings(**WHOLE | changes))]

    assert named(evidence_key=None) == ["BULK_CANCEL_EVIDENCE_KEY"]
    assert named(evidence_key=None, redis_url=None) == []


def test_what_is_left_out_is_said():
    sparse = Settings(
        payments_url="https://p.example", credits_url="https://c.example", outbox=Path("x")
    )
    named = [sentence.split()[0] for sentence in cautions(sparse)]
    assert named == [
        f"BULK_CANCEL_{name}"
        for name in ("PAYMENTS_TOKEN", "CREDITS_TOKEN", "SMTP_URL", "PUBLIC_URL", "HOOKS_SECRET")
    ]


def test_links_to_a_path_where_nothing_is_are_warned_of():
    (sentence,) = cautions(Settings(**WHOLE | {"public_url": "https://book.example/cancel"}))
    assert "BULK_CANCEL_ROOT_PATH is unset" in sentence
    both = {"public_url": "https://book.example/cancel", "root_path": "/cancel"}
    assert [*cautions(Settings(**WHOLE | both))] == []
    assert [*cautions(Settings(**WHOLE | {"public_url": "https://book.example/"}))] == []
