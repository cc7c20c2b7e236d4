"""The binder's times: what the settings do not give has the guide's or a measured default."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from smsfleet.config.profiles import GUIDE, PROFILES
from smsfleet.config.settings import Settings
from smsfleet.config.smpp_settings import SmppSettings


class Timing(BaseModel):
    """The binder's times (seconds). The defaults are the guide's; tests and the demo inject shorter ones."""

    model_config = ConfigDict(frozen=True)

    enquire_link_s: float = 56.0
    enquire_link_timeout_s: float = 10.0
    response_timeout_s: float = 60.0
    header_timeout_s: float = 10.0
    bind_timeout_s: float = 30.0
    unbind_timeout_s: float = 2.0
    connect_timeout_s: float = 10.0
    reconnect_min_s: float = 30.0
    reconnect_max_s: float = 60.0
    drain_s: float = 10.0
    compare_s: float = 5.0
    lease_ttl_s: float = 10.0
    report_s: float = 2.0
    logins: int = GUIDE.logins
    """failed logins that may fall into `login_window_s`"""
    login_window_s: float = GUIDE.login_window_s
    tcp_user_timeout_s: float = 20.0
    already_bound_s: float = 60.0
    """how long a ghost of an earlier connection may stay bound at the gateway (0x05)"""
    look_s: float = 2.0
    """how often the binder looks for `smsfleet bind` commands"""
    standing_s: float = 1.0
    """how often it looks at the account's rate and pauses"""

    @classmethod
    def of(cls, settings: Settings, smpp: SmppSettings) -> Timing:
        """The times as the settings give them, within the limits of their profile."""
        rules = PROFILES[smpp.profile]
        return cls(
            logins=rules.logins,
            login_window_s=rules.login_window_s,
            enquire_link_s=smpp.enquire_link_s,
            enquire_link_timeout_s=smpp.enquire_link_timeout_s,
            response_timeout_s=smpp.response_timeout_s,
            reconnect_min_s=smpp.reconnect_min_s,
            reconnect_max_s=smpp.reconnect_max_s,
            drain_s=smpp.drain_s,
            tcp_user_timeout_s=smpp.tcp_user_timeout_s,
            lease_ttl_s=settings.lease_ttl_s,
        )
