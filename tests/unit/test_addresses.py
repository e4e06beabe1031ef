"""Which addresses and URLs endpoints may have.

Every special block and every spelling of it is refused, and nothing public.
"""

import ipaddress
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.networks import EMBEDDED, METADATA, OFFICE, PRODUCTION, PUBLIC, SPECIAL

from app.config.settings import Settings
from app.webhooks.addresses import AddressPolicy, is_public


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
    assert AddressPolicy.of(Settings(redis_url=None)) == PRODUCTION
    assert AddressPolicy.of(Settings(webhook_loopback=True)) == EMBEDDED
