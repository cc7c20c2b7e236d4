"""Where a webhook may go: the internet, and what the settings name."""

from __future__ import annotations

import ipaddress

import pytest

from smsfleet.config.errors import HookRefused
from smsfleet.config.webhook_settings import load_webhooks
from smsfleet.workers.doors import Doors, is_public


def doors(**settings: str) -> Doors:
    return Doors(
        load_webhooks({f"SMSFLEET_WEBHOOK_{name.upper()}": value for name, value in settings.items()})
    )


@pytest.mark.parametrize("address", ["93.184.216.34", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_addresses_of_the_internet_are_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.255.255.254", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254",
        "100.64.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
        "::", "::1", "fe80::1", "fc00::1", "fd12::1", "fec0::1", "ff02::1", "2001:db8::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::1", "2002:7f00:1::",
        "2001:0:7f00:1::",
    ],
)  # fmt: skip
def test_no_other_address_is(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


def test_the_first_of_the_public_addresses_is_chosen() -> None:
    assert "8.8.8.8" == doors().choose("a.example", ["8.8.8.8", "8.8.4.4"])


@pytest.mark.parametrize("addresses", [["10.0.0.1"], ["8.8.8.8", "10.0.0.1"], ["fe80::1%eth0"], []])
def test_a_name_with_an_address_that_is_not_public_is_refused(addresses: list[str]) -> None:
    with pytest.raises(HookRefused, match=r"a\.example"):
        doors().choose("a.example", addresses)


@pytest.mark.parametrize(
    "allow", ["10.0.0.0/8", "192.168.0.0/16, 10.0.0.1/32", "A.example", "fd00::/8,a.example"]
)
def test_the_settings_open_a_network_or_a_name(allow: str) -> None:
    assert "10.0.0.1" == doors(allow=allow).choose("a.Example", ["10.0.0.1"])


@pytest.mark.parametrize("allow", ["10.1.0.0/16", "b.example", "example"])
def test_they_open_nothing_else(allow: str) -> None:
    with pytest.raises(HookRefused, match=r"10\.0\.0\.1 is not public"):
        doors(allow=allow).choose("a.example", ["10.0.0.1"])


def test_http_is_refused_unless_the_settings_allow_it() -> None:
    doors().check_scheme("https")
    doors(http="1").check_scheme("http")
    with pytest.raises(HookRefused, match="SMSFLEET_WEBHOOK_HTTP"):
        doors().check_scheme("http")
    with pytest.raises(HookRefused, match="ftp://"):
        doors(http="1").check_scheme("ftp")
