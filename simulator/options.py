"""Everything a simulator can be told. The defaults are the guide's Clickatell, answering at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from smsfleet.config.errors import ConfigError
from smsfleet.simulator.rules import Rule, default_rules

DAY_S: Final = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorOptions:
    """One simulated account on one port; times in seconds.

    Raises ConfigError for values that make no sense.
    """

    host: str = "127.0.0.1"
    port: int = 0
    """0: a free one, which `Simulator.port` tells"""
    system_id: str = "demo"
    password: str = field(default="secret", repr=False)
    system_type: str = "3000000"
    """the API ID (guide §9)"""
    seed: int | None = None
    """the message ids follow from it; None: other ids in every run"""

    # --- logins (guide §5 step 4, §9) ---
    binds: int = 1
    """how many transmitters, receivers and transceivers may be bound, each"""
    exclusive: bool = True
    """a transceiver excludes a transmitter and a receiver"""
    failed_logins: int = 3
    """so many failed logins within `lockout_s` ..."""
    lockout_s: float = 180.0
    """... and for so long every further one is refused with 0x0D"""
    already_bound_counts: bool = True
    """whether 0x05 is a failed login; the guide does not say, so the harder reading is the default"""

    # --- answers ---
    answers_submits: bool = True
    """False: submit_sm are accepted, counted, and never answered"""
    answers_enquire_links: bool = True
    answers_unbinds: bool = True
    """guide §8 does not list unbind"""
    response_delay_s: float = 0.0
    """before a submit_sm_resp leaves; the order is kept"""
    rules: tuple[Rule, ...] = field(default_factory=default_rules, repr=False)
    known_messages: int = 100_000
    """so many newest message ids are known to query_sm"""

    # --- deliver_sm ---
    receipts: bool = True
    """False: no receipts, even when they are asked for"""
    receipt_delay_s: float = 1.0
    """from the acceptance on; shorter than `response_delay_s`, the receipt comes before the response"""
    redelivery_delay_s: float = 5.0
    """after a deliver_sm was answered with an error; after a lost link it is the next bind"""
    held_s: float = 7 * DAY_S
    """receipts and incoming messages are held for 7 days (guide §4, §13)"""
    deliver_window: int = 200
    """most unanswered deliver_sm of one connection"""

    # --- the link ---
    enquire_link_s: float = 0.0
    """the simulator's own enquire_link; 0: none, because guide §8 lists none from the server"""
    receive_buffer_octets: int = 0
    """SO_RCVBUF of the connections; 0: the system's"""

    def __post_init__(self) -> None:
        for name in (
            "lockout_s",
            "response_delay_s",
            "receipt_delay_s",
            "redelivery_delay_s",
            "held_s",
            "enquire_link_s",
            "receive_buffer_octets",
        ):
            if getattr(self, name) < 0:
                raise ConfigError(f"{name} {getattr(self, name)} must not be negative")
        for name in ("binds", "failed_logins", "deliver_window", "known_messages"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} {getattr(self, name)} must be at least 1")
