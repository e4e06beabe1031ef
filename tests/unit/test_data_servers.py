"""Addresses of databases and of Redis: taken as the driver wants them, or refused in a sentence."""

import pytest
import sqlalchemy as sa

from app.config.data_servers import database_url, hosts_of, redis_url

WRITABLE = {"target_session_attrs": "read-write"}


@pytest.mark.parametrize(
    ("given", "hosts", "others"),
    [
        ("postgresql://u:p@a,b/db", ("a:5432", "b:5432"), WRITABLE),
        ("postgresql://u:p%2C@a.x:1,b-y:2/db", ("a.x:1", "b-y:2"), WRITABLE),
        ("postgres://a:1,b/db?sslmode=require", ("a:1", "b:5432"), WRITABLE | {"ssl": "require"}),
        ("postgresql://u@/db?host=a&host=b:7", ("a:5432", "b:7"), WRITABLE),
        ("postgresql://u@/db?host=a,b&port=7", ("a:7", "b:7"), WRITABLE),
        ("postgresql://u@/db?host=a,b&port=7,8", ("a:7", "b:8"), WRITABLE),
        (
            "postgresql://a,b/db?target_session_attrs=primary",
            ("a:5432", "b:5432"),
            {"target_session_attrs": "primary"},
        ),
    ],
)
def test_a_list_of_hosts_is_asked_for_one_that_can_write(given, hosts, others):
    url = sa.make_url(database_url(given))
    assert url.host is None
    assert dict(url.query) == others | {"host": hosts}
    assert hosts_of(url) == tuple(one.partition(":")[0] for one in hosts)


def test_one_host_is_left_as_it_is():
    for one in (
        "postgresql+asyncpg://u:p@[::1]:5433/db",
        "postgresql+asyncpg://u@/db?host=%2Frun%2Fpostgresql&port=5433",
        "postgresql+asyncpg://u@db.internal/db?ssl=verify-full",
    ):
        assert database_url(one) == one


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("postgresql://a:0,b/db", "the port must be from 1 to 65535"),
        ("postgresql://a:x,b/db", "must be postgresql://USER:PASSWORD@HOST/NAME"),
        ("postgresql://u@/db?host=a,b&port=1,2,3", "one port for all hosts, or one for each"),
        ("postgresql://a,b/db?target_session_attrs=any", "must be one of: primary, read-write"),
        ("postgresql://h/db?sslrootcert=/x", "'sslrootcert' is not one of: host, port, ssl"),
    ],
)
def test_what_the_driver_would_choke_on_is_refused(given, told):
    with pytest.raises(ValueError, match=told):
        database_url(given)


@pytest.mark.parametrize(
    "query", ["ssl_cert_reqs=none", "db=1&ssl_ca_certs=/x", "ssl_check_hostname=false", "timeout=3"]
)
def test_parameters_that_would_be_passed_over_are_refused_by_name(query):
    name = query.split("&")[-1].partition("=")[0]
    with pytest.raises(ValueError, match=f"'{name}' is not taken"):
        redis_url(f"rediss://u%40x:p%2F@h:6380/0?{query}")
    assert redis_url("rediss://u%40x:p%2F@h:6380/0?db=1") == "rediss://u%40x:p%2F@h:6380/0?db=1"
