"""Commands by which an operator has businesses kept apart, and what all others do then."""

import base64

import pytest
import sqlalchemy as sa
from acceptance.terminal import SANDBOX, WEEK, Terminal, lines
from worlds.isolated import role_of
from worlds.sample_keys import SECRETS_KEY

OTHER_KEY = base64.urlsafe_b64encode(b"o" * 32).decode()


@pytest.fixture
def owner(zygote, postgresql_url, tmp_path):
    return Terminal(zygote, tmp_path, database_url=postgresql_url, **SANDBOX)


@pytest.fixture
def role_url(postgresql_url):
    with role_of(postgresql_url) as url:
        yield url


@pytest.fixture
def held(zygote, owner, role_url, tmp_path):
    """The command line with the processes' role, which is held to one business at a time."""
    role = sa.make_url(role_url).username
    said = owner.run("database", "isolate", f"--role={role}")
    assert said[0] == 0, said
    settings = SANDBOX | {"database_isolation": True, "secrets_key": SECRETS_KEY}
    return Terminal(zygote, tmp_path, database_url=role_url, **settings)


def test_all_commands_work_for_a_role_that_sees_one_business_at_a_time(held):
    for id_ in ("ours", "theirs"):
        held.ok("business", "create", id_, f"--name={id_}", "--timezone=UTC", "--currency=EUR")
    listed = held.ok("business", "list").splitlines()
    assert [line.split("\t")[0] for line in listed] == ["ours", "theirs"]
    held.ok("business", "set", "ours", "--name=Anew")
    assert "Anew" in held.ok("business", "show", "ours")
    assert held.ok("business", "limits", "theirs") == "credits-per-line\t1000\n"
    held.run("import", "-", "--business=ours", stdin=lines(*WEEK))
    assert held.ok("clients", "export", "c1", "--business=ours")
    held.told("clients", "export", "c1", "--business=theirs")
    held.ok("clients", "erase", "c1", "--business=ours")
    token = held.ok("keys", "create", "theirs", "--name=desk", "--role=owner").strip()
    prefix = token.split("_")[1]
    assert prefix in held.ok("keys", "list")
    assert prefix not in held.ok("keys", "list", "ours")
    held.ok("keys", "rotate", prefix)
    assert held.run("keys", "revoke", prefix)[0] == 0
    above = held.ok("keys", "create", "--platform", "--name=us").strip()
    assert held.run("keys", "revoke", above.split("_")[1])[0] == 0
    held.told("keys", "revoke", prefix)
    for id_ in ("ours", "theirs"):
        put = ("business", "upstream", id_, "credits", "--token-stdin")
        assert held.run(*put, stdin="a-token-of-their-own")[0] == 0
    both = f"{OTHER_KEY} {SECRETS_KEY}"
    _, _, said = held.run("reencrypt", secrets_key=both)
    assert said == "Encrypted 2 secrets with the first key.\n"
    assert held.ok("verify") == ""


def test_whether_a_role_is_held_is_shown_and_one_that_does_not_fit_starts_nothing(owner, held):
    assert held.ok("database", "show") == "isolated\tyes\nowns its tables\tno\n"
    assert owner.ok("database", "show") == "isolated\tno\nowns its tables\tyes\n"
    said_nothing = held.told("business", "list", database_isolation=False)
    assert said_nothing.endswith("Set BULK_CANCEL_DATABASE_ISOLATION=true")
    sees_all = owner.told("business", "list", database_isolation=True)
    assert "sees all businesses" in sees_all
    code, shown, told = owner.run("database", "show", database_isolation=True)
    assert (code, shown) == (1, "isolated\tno\nowns its tables\tyes\n")
    assert "bulk-cancel database isolate" in told


def test_it_may_be_said_again_and_of_a_wrong_role_it_says_why(owner, held, role_url):
    role = sa.make_url(role_url).username
    assert owner.run("database", "isolate", f"--role={role}")[0] == 0
    assert "There is no role nobody" in owner.told("database", "isolate", "--role=nobody")
    assert "superuser" in owner.told("database", "isolate")
    assert "the tables" in held.told("database", "isolate")


def test_sqlite_keeps_nothing_apart(on_sqlite):
    assert "this is SQLite" in on_sqlite.told("database", "isolate")
    assert on_sqlite.ok("database", "show") == "isolated\tno\nowns its tables\tyes\n"
