"""What is known of the gateway's rules, as data: the guide, and Clickatell's later pages."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

ProfileName = Literal["guide-2.4.5", "archive-2016"]

LOCKOUT_MARGIN_S = 5.0
"""Beyond the lock-out's time: the gateway's clock and ours begin to count at different moments."""


@dataclass(frozen=True, slots=True)
class Profile:
    """The rules that one source gives; times in seconds."""

    name: ProfileName
    binds: int
    """binds that may stand at a time, of each mode; a pair or a transceiver where it is 1"""
    exclusive: bool
    """a transceiver excludes a transmitter and a receiver"""
    lockout_logins: int
    """so many failed logins lock the account out ..."""
    lockout_s: float
    """... for so long"""
    enquire_link_min_s: float
    enquire_link_max_s: float
    unbind: bool
    """whether the source lists unbind; it is sent in any case, and not waited for long"""
    query_sm: bool
    """whether the source lists query_sm"""
    port: int
    """the default TCP port; the guide names none"""
    tls_port: int

    @property
    def logins(self) -> int:
        """Failed logins that may fall into `login_window_s`: one less than lock the account out."""
        return self.lockout_logins - 1

    @property
    def login_window_s(self) -> float:
        """How long a failed login counts."""
        return self.lockout_s + LOCKOUT_MARGIN_S


GUIDE: Final = Profile(
    name="guide-2.4.5",
    binds=1,  # §5 step 4
    exclusive=True,
    lockout_logins=3,  # §9
    lockout_s=180.0,
    enquire_link_min_s=55.0,  # §12
    enquire_link_max_s=57.0,
    unbind=False,  # not in §8
    query_sm=True,  # §8
    port=2775,  # SMPP's registered port
    tls_port=3550,
)

ARCHIVE: Final = Profile(
    name="archive-2016",
    binds=8,
    exclusive=False,
    lockout_logins=10,
    lockout_s=60.0,
    enquire_link_min_s=1.0,
    enquire_link_max_s=300.0,
    unbind=True,
    query_sm=False,
    port=2775,
    tls_port=3550,
)

PROFILES: Final = MappingProxyType({profile.name: profile for profile in (GUIDE, ARCHIVE)})
"""By name. Test servers of the archived pages listen on 2773, with TLS on 3552."""
