"""What a session is told once, before anything connects."""

from __future__ import annotations

from dataclasses import dataclass, field

from smsfleet.config.errors import ConfigError
from smsfleet.smpp.constants import BIND_COMMANDS, SMPP_3_3, SMPP_3_4, BindMode


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOptions:
    """One connection's bind, window and timers; times in seconds.

    `without_receipts` is for a transmitter that has no receiver beside it: registered_delivery becomes 0 in
    every submit_sm, whatever the job asked (guide §5 step 4).
    Raises ConfigError for values that contradict each other.
    """

    system_id: str
    password: str = field(repr=False)
    system_type: str = ""
    bind_mode: BindMode = "transceiver"
    interface_version: int = SMPP_3_4
    address_range: str = ""
    window: int = 50
    without_receipts: bool = False
    response_timeout_s: float = 60.0
    bind_timeout_s: float = 30.0  # the guide gives none; half the response timeout, as a bind does less
    enquire_link_s: float = 56.0  # guide §12: from 55 to 57
    enquire_link_timeout_s: float = 10.0
    header_timeout_s: float = 10.0
    unbind_timeout_s: float = 2.0  # unbind is not in guide §8, so it may stay unanswered

    def __post_init__(self) -> None:
        if self.bind_mode not in BIND_COMMANDS:
            raise ConfigError(f"bind_mode {self.bind_mode!r} is none of {', '.join(BIND_COMMANDS)}")
        if self.interface_version not in (SMPP_3_3, SMPP_3_4):
            raise ConfigError(f"interface_version 0x{self.interface_version:02X} is neither 0x33 nor 0x34")
        if self.window < 1:
            raise ConfigError(f"window {self.window} lets nothing pass; it must be at least 1")
        if self.without_receipts and self.bind_mode != "transmitter":
            raise ConfigError(f"without_receipts is for a transmitter only, not for a {self.bind_mode}")
        for name in (
            "response_timeout_s",
            "bind_timeout_s",
            "enquire_link_s",
            "enquire_link_timeout_s",
            "header_timeout_s",
            "unbind_timeout_s",
        ):
            if getattr(self, name) <= 0:
                raise ConfigError(f"{name} {getattr(self, name)} must be more than 0 seconds")
        if self.enquire_link_timeout_s >= self.enquire_link_s:
            raise ConfigError(
                f"enquire_link_timeout_s {self.enquire_link_timeout_s} must be shorter than "
                f"enquire_link_s {self.enquire_link_s}, so that only one enquire_link is unanswered"
            )
