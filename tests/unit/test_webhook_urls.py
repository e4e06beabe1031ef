"""Which URLs an endpoint may have: https, of a public host, on the operator's ports."""

import socket
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.networks import EMBEDDED, LOOPBACKS, METADATA, OFFICE, PRODUCTION, PUBLIC, SPECIAL

from app.webhooks.addresses import AddressPolicy, is_localhost, is_public
from app.webhooks.urls import MAX_URL, check_url


def is_allowed(text, reach=PRODUCTION):
    try:
        check_url(text, reach)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("host", LOOPBACKS)
def test_this_machine_is_refused_in_every_spelling(host):
    for url in (
        f"https://{host}/hooks",
        f"https://{host}:8443",
        f"http://{host}/hooks",
        f"http://{host}:8000",
    ):
        assert not is_allowed(url), url
        assert not is_allowed(url, OFFICE), url


# 0177.0.0.1 makes no URL, says the parser.
@pytest.mark.parametrize("host", [host for host in LOOPBACKS if host != "0177.0.0.1"])
def test_an_embedded_process_takes_this_machine_in_every_spelling_on_any_port_without_tls_too(host):
    for url in (
        f"https://{host}/hooks",
        f"https://{host}:9000",
        f"http://{host}/hooks",
        f"http://{host}:8000",
    ):
        assert is_allowed(url, EMBEDDED), url


@pytest.mark.parametrize(
    "address", [str(end) for block in SPECIAL for end in (block[0], block[-1])] + METADATA
)
def test_a_url_with_a_special_address_is_refused(address):
    host = f"[{address}]" if ":" in address else address
    assert not is_allowed(f"https://{host}/")
    if ip_address(address).version == 4:
        assert not is_allowed(f"https://{int(ip_address(address))}/")


@pytest.mark.parametrize("address", PUBLIC)
def test_a_url_with_a_public_address_is_taken(address):
    host = f"[{address}]" if ":" in address else address
    assert is_allowed(f"https://{host}/")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hooks.example",
        "https:",
        "https://",
        "https:///hooks",
        "https:hooks.example",
        "https://:443/",
        "//hooks.example/",
        "ftp://hooks.example/",
        "file:///etc/passwd",
        "gopher://hooks.example/",
        "unix:///var/run/docker.sock",
        "https+unix://hooks.example/",
        "http://hooks.example/",
        "http://8.8.8.8/",
        "https://user@hooks.example/",
        "https://user:secret@hooks.example/",
        "https://8.8.8.8:443@127.0.0.1/",
        "https://hooks.example/#part",
        "https://hooks.example/#",
        "https://hooks.example/#@127.0.0.1/",
        " https://hooks.example/",
        "https://hooks.example/ ",
        "https://hooks.example/a b",
        "https://hooks.example/\u00a0",
        "https://hooks.example/\u2028",
        "https://hooks.example/\x85",
        "https://hooks.example/\u202e",
        "https://hooks.example/\ud800",
        "https://hooks.example/\x00",
        "https://hooks.example/\r\nX-Evil: 1",
        "https://hooks.example\t/",
        "https://hooks.example\\@127.0.0.1/",
        "https:\\\\hooks.example/",
        "https://hooks.example/a\\b",
        "https://hooks.example:0/",
        "https://hooks.example:-1/",
        "https://hooks.example:65536/",
        "https://hooks.example:99999999999999999999/",
        "https://hooks.example:https/",
        "https://hooks.example:80/",
        "https://hooks.example:6379/",
        "https://hooks.example:443:443/",
        "https://8.8.8.8:22/",
        "https://hooks..example/",
        "https://.hooks.example/",
        "https://hooks.example../",
        "https://./",
        "https://-hooks.example/",
        "https://hooks-.example/",
        "https://hooks.%65xample/",
        "https://%31%32%37.0.0.1/",
        "https://hooks.example%00.evil.example/",
        "https://hooks.example,evil.example/",
        "https://hooks.example;evil.example/",
        'https://hooks".example/',
        f"https://{'a' * 64}.example/",
        f"https://{'a.' * 130}example/",
        "https://１２７.0.0.1/",  # noqa: RUF001 - full-width digits
        "https://ⓛocalhost/",
        "https://127.0.0.256/",
        "https://127.0.0.0.1/",
        "https://08.8.8.8/",
        "https://8.8.8.0x/",
        "https://hooks.1/",
        "https://hooks.0x7f/",
        "https://4294967296/",
        "https://0x/",
        "https://[::1/",
        "https://::1/",
        "https://[127.0.0.1]/",
        "https://[fe80::1%25eth0]/",
        "https://[fe80::1%lo]/",
        "https://[]/",
        "https://[v1.a]/",
    ],
)
def test_what_is_no_https_url_of_a_public_host_is_refused_with_a_sentence(url):
    for reach in (PRODUCTION, EMBEDDED):
        with pytest.raises(ValueError, match=r"^The URL .{10,80}\.$"):
            check_url(url, reach)


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("https://hooks.example", "https://hooks.example/"),
        ("HTTPS://Hooks.Example:443/A/./b/../c?x=1&y=%20", "https://hooks.example/A/c?x=1&y=%20"),
        ("https://hooks.example.:8443/", "https://hooks.example:8443/"),
        ("https://hooks.example?a@b", "https://hooks.example/?a@b"),
        ("https://hooks.example/@a", "https://hooks.example/@a"),
        ("https://h\u00f6ks.example/\u00e4", "https://xn--hks-sna.example/%C3%A4"),
        ("https://a_b.hooks.example/", "https://a_b.hooks.example/"),
        ("https://1.hooks.example/", "https://1.hooks.example/"),
        ("https://134744072/", "https://8.8.8.8/"),
        ("https://0x8.010.2056/", "https://8.8.8.8/"),
        ("https://8.8.8.8./", "https://8.8.8.8/"),
        ("https://[2606:4700:0::1111]:8443/", "https://[2606:4700::1111]:8443/"),
    ],
)
def test_a_url_is_normalised_and_then_stays_as_it_is(url, normal):
    assert check_url(url, PRODUCTION) == normal
    assert check_url(normal, PRODUCTION) == normal


@given(
    st.tuples(
        st.sampled_from(["https://", "HTTPS://", "http://"]),
        st.sampled_from(
            [
                "hooks.example",
                "8.8.8.8",
                "0x8.8.8.8",
                "[2606:4700::1111]",
                "\u00e4.example",
                "localhost.",
            ]
        ),
        st.sampled_from(["", ":443", ":8443", ":00443", ":"]),
        st.sampled_from(["", "/", "?", "/?", "//"]),
        st.text(st.characters(codec="utf-8"), max_size=12),
    ).map("".join)
)
def test_no_text_makes_it_raise_anything_else_and_what_passes_passes_again_unchanged(url):
    for reach in (PRODUCTION, EMBEDDED, OFFICE):
        try:
            normal = check_url(url, reach)
        except ValueError:
            continue
        assert check_url(normal, reach) == normal
        assert normal.isascii()
        assert normal.isprintable()


def test_a_url_is_refused_above_its_length_whether_as_typed_or_as_normalised():
    room = MAX_URL - len("https://hooks.example/")
    assert len(check_url("https://hooks.example/" + "a" * room, PRODUCTION)) == MAX_URL
    for path in ("a" * (room + 1), "\u00e4" * (room // 2), "a/../" * room):
        with pytest.raises(ValueError, match="at most 2048 characters"):
            check_url(f"https://hooks.example/{path}", PRODUCTION)


def test_names_may_have_any_port_where_an_operators_network_may_hold_them():
    assert is_allowed("https://hooks.internal:9000/", OFFICE)
    assert is_allowed("https://10.1.2.3:9000/", OFFICE)
    assert is_allowed("https://[fd12::7]:9000/", OFFICE)
    assert not is_allowed("https://10.2.2.3/", OFFICE)
    assert not is_allowed("https://8.8.8.8:9000/", OFFICE)


def test_nothing_but_this_machine_is_reached_without_tls():
    for url in (
        "http://10.1.2.3/",
        "http://hooks.internal/",
        "http://127.0.0.1/",
        "http://localhost/",
    ):
        assert not is_allowed(url, OFFICE), url
    both = AddressPolicy(frozenset({80}), networks=(ip_network("10.1.0.0/16"),), loopback_http=True)
    for url in (
        "http://10.1.2.3/",
        "http://hooks.internal/",
        "http://8.8.8.8/",
        "http://localhost.example/",
    ):
        assert not is_allowed(url, both), url
    assert is_allowed("http://127.0.0.1/", both)


def test_no_name_is_looked_up_when_a_url_is_checked():
    # Names that this machine knows without asking anybody, and that lead to itself: whoever looks
    # them up refuses them.
    lines = [line.split("#")[0].split() for line in Path("/etc/hosts").read_text().splitlines()]
    names = {
        name.lower()
        for address, *names in filter(None, lines)
        for name in names
        if not is_public(ip_address(address))
    }
    known = sorted(
        name for name in names | {socket.gethostname().lower()} if not is_localhost(name)
    )
    assert known
    for name in known:
        assert is_allowed(f"https://{name}/"), name
