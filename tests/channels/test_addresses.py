import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.channels.addresses import BadTarget, networks, reachable, target

PRIVATE = [
    "127.0.0.1",
    "127.1.2.3",
    "0.0.0.0",  # noqa: S104
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1%eth0",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:7f00:1::",
    "2001:db8::1",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_that_is_not_public_is_not_reached(address: str) -> None:
    assert not reachable(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "52.94.236.248", "2606:4700::1111", "64:ff9b::101:101"])
def test_a_public_address_is_reached(address: str) -> None:
    assert reachable(address)


def test_a_private_address_that_the_configuration_lists_is_reached_and_its_neighbour_is_not() -> None:
    allowed = networks(["10.2.0.0/16", "fd00::/8"])

    assert reachable("10.2.3.4", allowed)
    assert reachable("::ffff:10.2.3.4", allowed)
    assert reachable("fd00::7", allowed)
    assert not reachable("10.3.0.1", allowed)


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_inside_an_ipv6_one_is_judged_alike(address: ipaddress.IPv4Address) -> None:
    assert reachable(f"::ffff:{address}") == reachable(str(address))


def test_a_target_has_host_port_and_path_with_query() -> None:
    found = target("https://hooks.example.com/a/b?c=d#fragment")

    assert (found.host, found.port, found.path, found.secure) == ("hooks.example.com", 443, "/a/b?c=d", True)


@pytest.mark.parametrize(
    "url,said",
    [
        ("http://hooks.example.com/", "http; https is needed"),
        ("http://127.0.0.1/", "http; https is needed"),
        ("ftp://hooks.example.com/", "ftp; https is needed"),
        ("hooks.example.com", "no host"),
        ("https:///path", "no host"),
        ("https://user:word@hooks.example.com/", "holds credentials"),
        ("https://hooks.example.com:99999/", "port"),
        ("https://hooks.example.com/a\r\nHost: other", "character"),
        ("https://hooks.example.com/" + "a" * 3000, "more than 2048"),
        ("https://[::1/", "cannot be read"),
    ],
)
def test_a_url_that_no_message_may_go_to_says_why_without_its_path(url: str, said: str) -> None:
    with pytest.raises(BadTarget, match=said) as caught:
        target(url)

    assert "/a" not in str(caught.value)
    assert "word" not in str(caught.value)


def test_plain_http_goes_only_to_a_listed_address() -> None:
    assert target("http://127.0.0.1:8080/x", allowed=networks(["127.0.0.1"])).port == 8080
    with pytest.raises(BadTarget):
        target("http://10.0.0.1/x", allowed=networks(["127.0.0.1"]))
