"""Which addresses and URLs endpoints may have.

Every special block and every spelling of it is refused, and nothing public.
"""

import ipaddress
import socket
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.config.settings import Settings
from app.webhooks.addresses import AddressPolicy, is_localhost, is_public
from app.webhooks.urls import MAX_URL, check_url

# The IANA registries of special-purpose addresses and of multicast, and what is behind no
# registered number.
SPECIAL = [
    ip_network(block)
    for block in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "168.63.129.16/32",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "255.255.255.255/32",
        "::/128",
        "::1/128",
        "::/96",
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "100::/64",
        "100:0:0:1::/64",
        "2001::/23",
        "2001::/32",
        "2001:2::/48",
        "2001:3::/32",
        "2001:10::/28",
        "2001:20::/28",
        "2001:30::/28",
        "2001:db8::/32",
        "2002::/16",
        "3fff::/20",
        "4000::/3",
        "5f00::/16",
        "fc00::/7",
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
    )
]
METADATA = [
    "169.254.169.254",
    "100.100.100.200",
    "192.0.0.192",
    "168.63.129.16",
    "fd00:ec2::254",
    "fd20:ce::254",
    "64:ff9b::a9fe:a9fe",
    "::ffff:169.254.169.254",
    "::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
    "2001:0:a9fe:a9fe::1",
]
PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "168.63.129.15",
    "168.63.129.17",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.0",
    "192.88.98.255",
    "192.88.100.0",
    "192.167.255.255",
    "192.169.0.0",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "2001:200::",
    "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff",
    "2001:db9::",
    "2001:4860:4860::8888",
    "2003::",
    "2606:4700::1111",
    "2a00:1450:4001:80b::200e",
    "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "3fff:1000::",
    "::ffff:8.8.8.8",
]
LOOPBACKS = [
    "localhost",
    "LOCALHOST",
    "localhost.",
    "a.localhost",
    "A.b.LocalHost.",
    "127.0.0.1",
    "127.0.0.1.",
    "127.255.255.254",
    "127.1",
    "127.0.1",
    "2130706433",
    "2130706433.",
    "017700000001",
    "0x7f000001",
    "0x7F.1",
    "0x7f.0x0.0x0.0x1",
    "0177.0.0.1",
    "127。0。0。1",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[0000::0001]",
    "[::ffff:127.0.0.1]",
    "[::FFFF:7f00:1]",
]
PRODUCTION = AddressPolicy(frozenset({443, 8443}))
EMBEDDED = AddressPolicy(frozenset({443, 8443}), loopback_http=True)
OFFICE = AddressPolicy(
    frozenset({443}), networks=(ip_network("10.1.0.0/16"), ip_network("fd12::/16"))
)


def is_allowed(text, reach=PRODUCTION):
    try:
        check_url(text, reach)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("block", SPECIAL, ids=str)
def test_no_address_of_a_special_block_is_public(block):
    middle = block[block.num_addresses // 2]
    for address in (block[0], middle, block[-1]):
        assert not is_public(address), address
        if address.version == 4:
            assert not is_public(ip_address(f"::ffff:{address}")), address


@pytest.mark.parametrize("address", METADATA)
def test_no_cloud_tells_its_secrets_to_a_webhook(address):
    assert not is_public(ip_address(address))
    assert not PRODUCTION.allows(ip_address(address), 443)
    assert not EMBEDDED.allows(ip_address(address), 443)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_stay_public_up_to_the_edge_of_a_special_block(address):
    assert is_public(ip_address(address))


def test_every_neighbour_of_a_special_ipv4_block_is_public_unless_it_is_special_itself():
    edges = [
        int(end) + step
        for block in SPECIAL
        if block.version == 4
        for end, step in ((block[0], -1), (block[-1], 1))
    ]
    neighbours = [ipaddress.IPv4Address(edge) for edge in edges if 0 <= edge < 2**32]
    plain = {one for one in neighbours if not any(one in block for block in SPECIAL)}
    assert len(plain) >= 24
    assert [one for one in plain if not is_public(one)] == []


@given(st.ip_addresses())
def test_what_the_library_knows_to_be_private_is_never_public(address):
    assert address.is_global or not is_public(address)


@given(st.ip_addresses(v=4))
def test_an_address_is_judged_alike_whether_it_is_mapped_or_not(address):
    assert is_public(ip_address(f"::ffff:{address}")) == is_public(address)


def test_public_addresses_are_reached_on_the_operators_ports_alone():
    for port, allowed in ((443, True), (8443, True), (80, False), (22, False), (6379, False)):
        assert PRODUCTION.allows(ip_address("8.8.8.8"), port) is allowed
        assert EMBEDDED.allows(ip_address("8.8.8.8"), port) is allowed


def test_an_operators_network_is_reached_on_any_port_and_its_neighbour_on_none():
    assert OFFICE.allows(ip_address("10.1.255.255"), 9000)
    assert OFFICE.allows(ip_address("::ffff:10.1.0.1"), 9000)
    assert OFFICE.allows(ip_address("fd12::1"), 9000)
    assert not OFFICE.allows(ip_address("10.2.0.0"), 443)
    assert not OFFICE.allows(ip_address("fd13::1"), 443)


def test_this_machine_is_reached_by_an_embedded_process_alone():
    for loopback in ("127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"):
        assert EMBEDDED.allows(ip_address(loopback), 9000)
        assert not PRODUCTION.allows(ip_address(loopback), 443)
    assert not EMBEDDED.allows(ip_address("0.0.0.0"), 443)
    assert not EMBEDDED.allows(ip_address("::"), 443)


def test_the_reach_is_what_the_operator_has_set():
    settings = Settings(
        redis_url="redis://127.0.0.1", webhook_networks="10.1.0.0/16 fd12::/16", webhook_ports="443"
    )
    assert AddressPolicy.of(settings) == OFFICE
    assert (
        AddressPolicy.of(Settings(redis_url=None, webhook_networks=None, webhook_ports="443 8443"))
        == EMBEDDED
    )


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
