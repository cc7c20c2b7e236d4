"""Where a webhook may be called: public addresses, and those that the settings allow.

A name is resolved once, its addresses are looked at, and the connection is made to one of these addresses: a
name that resolves to something else a moment later (DNS rebinding) leads nowhere.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from smsfleet.config.errors import HookRefused
from smsfleet.config.webhook_settings import WebhookSettings

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_CARRY_IPV4 = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("64:ff9b:1::/48"))
"""NAT64 (RFC 6052, RFC 8215): the IPv4 address behind it may be any."""


def is_public(address: Address) -> bool:
    """Whether an address is one of the internet's, reached by no detour that hides another."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address.sixtofour or address.teredo or any(address in network for network in _CARRY_IPV4):
            return False
        if address.is_site_local:
            return False
    return address.is_global and not (
        address.is_multicast or address.is_reserved or address.is_unspecified or address.is_loopback
    )


class Doors:
    """Which hosts and addresses may be called."""

    def __init__(self, settings: WebhookSettings) -> None:
        self._http = settings.http
        self._networks = settings.allowed_networks
        self._hosts = settings.allowed_hosts

    def check_scheme(self, scheme: str) -> None:
        """Raise HookRefused for http:// unless the settings allow it."""
        if scheme != "https" and not (scheme == "http" and self._http):
            raise HookRefused(
                f"{scheme}:// is refused: webhooks are https:// unless SMSFLEET_WEBHOOK_HTTP is 1"
            )

    def choose(self, host: str, addresses: Sequence[str]) -> str:
        """The address to connect to, of those that `host` resolves to.

        Raises HookRefused when one of them may not be called: a name with public and private addresses is a
        trick or a mistake.
        """
        if not addresses:
            raise HookRefused(f"{host!r} has no address")
        if host.lower() not in self._hosts:
            for text in addresses:
                address = ipaddress.ip_address(text.partition("%")[0])
                if not is_public(address) and not any(address in network for network in self._networks):
                    raise HookRefused(
                        f"{host!r} is refused: its address {address} is not public; "
                        "SMSFLEET_WEBHOOK_ALLOW may name it"
                    )
        return addresses[0]
