"""What the binder asks of a journal and of a capture, so that it runs without either."""

from __future__ import annotations

from typing import Protocol


class Notes(Protocol):
    """A journal; the kinds and fields are listed in binder/journal.py."""

    def note(self, kind: str, /, **fields: str | float) -> None:
        """Note that something happened now; never waits."""


class Silent:
    """A journal that forgets."""

    def note(self, kind: str, /, **fields: str | float) -> None:
        """Forget it."""


class Hears(Protocol):
    """A capture of one connection."""

    def sent(self, octets: bytes) -> None:
        """Octets that were handed to the kernel."""

    def received(self, octets: bytes) -> None:
        """Octets that came."""
