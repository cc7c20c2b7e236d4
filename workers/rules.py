"""Who may be written to, and under which names: the operator's lists, asked at the call and in the worker.

Prefixes keep out destinations that cost without a reader (SMS pumping); the senders are those that the
account has registered (guide §10.2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from smsfleet.config.errors import DestinationDenied, SenderDenied
from smsfleet.workers import addresses

if TYPE_CHECKING:
    from smsfleet.config.settings import Settings


def _items(joined: str) -> list[str]:
    return [item for item in joined.split(",") if item]


class Rules:
    """The lists of one set of settings, ready to be asked for each job."""

    def __init__(self, senders: str = "", allow_prefixes: str = "", deny_prefixes: str = "") -> None:
        """Comma separated lists, as the settings have them; an empty one permits all."""
        self._senders = frozenset(map(addresses.sender_key, _items(senders)))
        self._allowed = tuple(_items(allow_prefixes))
        self._denied = tuple(_items(deny_prefixes))

    @classmethod
    def of(cls, settings: Settings) -> Rules:
        """The lists of these settings."""
        lists = (settings.senders, settings.allow_prefixes, settings.deny_prefixes)
        return cls(*lists) if any(lists) else NO_RULES

    def check(self, destination: str, sender: str) -> None:
        """Raise DestinationDenied or SenderDenied for addresses (in their final form) that are not permitted.

        A denied prefix beats an allowed one. The account's default sender (empty) is always permitted.
        """
        if self._denied and destination.startswith(self._denied):
            prefix = next(prefix for prefix in self._denied if destination.startswith(prefix))
            raise DestinationDenied(
                f"destination {destination!r} is denied: {prefix!r} is one of SMSFLEET_DENY_PREFIXES"
            )
        if self._allowed and not destination.startswith(self._allowed):
            raise DestinationDenied(
                f"destination {destination!r} is denied: it begins with none of SMSFLEET_ALLOW_PREFIXES"
            )
        self.check_sender(sender)

    def check_sender(self, sender: str) -> None:
        """Raise SenderDenied for a sender that is not permitted."""
        if self._senders and sender and addresses.sender_key(sender) not in self._senders:
            raise SenderDenied(
                f"sender {sender!r} is not in the list of registered sender IDs: register it with Clickatell"
                " and add it to SMSFLEET_SENDERS (guide §10.2)"
            )


NO_RULES = Rules()
"""Everything is permitted."""
