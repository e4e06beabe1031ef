"""Roles are named sets of scopes, and the page that says so is held to the code."""

import re
from pathlib import Path

import pytest

from app.auth.callers import Caller, CallerKind
from app.auth.roles import SCOPES_OF_ROLES, Role, Scope

PAGE = (Path(__file__).parents[2] / "docs" / "access.md").read_text()


def table_of_the_page():
    """Role → scopes, as the page's table has them."""
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in PAGE.splitlines()
        if line.startswith("|")
    ]
    head = next(row for row in rows if row[0] == "Scope")
    body = [row for row in rows if re.fullmatch(r"`[a-z]+:[a-z]+`", row[0])]
    return {
        name: {row[0].strip("`") for row in body if row[head.index(name)] == "yes"}
        for name in head[1:-1]
    }


def test_every_scope_is_an_owners():
    assert SCOPES_OF_ROLES[Role.OWNER] == set(Scope)


def test_every_role_has_scopes_and_no_two_have_the_same():
    assert set(SCOPES_OF_ROLES) == set(Role)
    assert len(set(SCOPES_OF_ROLES.values())) == len(Role)
    assert all(SCOPES_OF_ROLES.values())


def test_who_only_reads_changes_nothing_and_sees_no_clients_name():
    assert {scope.value for scope in SCOPES_OF_ROLES[Role.READ_ONLY]} == {
        "schedule:read",
        "cancellations:read",
    }


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.OWNER}))
def test_owners_alone_manage_the_business_and_say_where_events_go(role):
    assert not SCOPES_OF_ROLES[role] & {Scope.BUSINESS_MANAGE, Scope.WEBHOOKS_MANAGE}


def test_finance_cancels_nothing_and_the_front_desk_sets_no_terms():
    assert Scope.CANCELLATIONS_WRITE not in SCOPES_OF_ROLES[Role.FINANCE]
    assert Scope.TERMS_WRITE not in SCOPES_OF_ROLES[Role.FRONT_DESK]


def test_the_page_says_what_the_code_does():
    assert table_of_the_page() == {role: set(scopes) for role, scopes in SCOPES_OF_ROLES.items()}


def caller(kind, id_):
    return Caller(
        business_id="studio",
        kind=kind,
        id=id_,
        label="Ada",
        name=f"{kind}:Ada",
        scopes=frozenset(),
        timezone="UTC",
        currency="CAD",
    )


def test_a_log_names_a_key_by_its_prefix_and_of_a_person_nothing():
    assert caller(CallerKind.KEY, "abc").logged_as == "key:abc"
    assert caller(CallerKind.PERSON, "ada@studio.example").logged_as == "person"


def test_a_person_and_a_key_of_the_same_id_are_counted_apart():
    counted = {caller(kind, "same").counted_as for kind in CallerKind}
    assert len(counted) == len(CallerKind)
