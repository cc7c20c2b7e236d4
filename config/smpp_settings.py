"""Settings of the process that binds (`SMSFLEET_SMPP_*`): an application that enqueues needs none of them.

Limits are Clickatell's and are checked here, before anything connects.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from smsfleet.config.environment import PREFIX, EnvironmentSettings, load_group
from smsfleet.config.errors import ConfigError
from smsfleet.config.profiles import PROFILES, ProfileName

SMPP_PREFIX = PREFIX + "SMPP_"


def _ascii(value: str) -> str:
    if not value.isascii() or not value.isprintable():
        raise ValueError("must be printable ASCII")
    return value


Ascii = Annotated[str, AfterValidator(_ascii)]


class SmppSettings(EnvironmentSettings):
    """The bind."""

    prefix: ClassVar[str] = SMPP_PREFIX
    in_files: ClassVar[tuple[str, ...]] = ("password",)

    host: str = Field(min_length=1, description="host name or address of Clickatell's SMPP server")
    port: int = Field(2775, ge=1, le=65535, description="TCP port, 1-65535; the guide names none")
    profile: ProfileName = Field(
        "guide-2.4.5",
        description="guide-2.4.5 or archive-2016: whose lock-out and enquire_link limits are kept",
    )
    system_id: Ascii = Field(
        min_length=1, max_length=15, description="account user name, 1-15 octets (guide §9, SMPP 3.4 §5.2.1)"
    )
    password: SecretStr = Field(description="account password, 1-8 octets (guide §9)")
    password_file: str = Field("", description="file whose first line is the password")
    system_type: Ascii = Field(
        min_length=1, max_length=12, description="API ID of the SMPP product, 1-12 octets (guide §9)"
    )
    bind_mode: Literal["transceiver", "transmitter_receiver", "transmitter"] = Field(
        "transceiver", description="transceiver, transmitter_receiver or transmitter (guide §5 step 4)"
    )
    interface_version: Literal["3.3", "3.4"] = Field(
        "3.4", description="3.4, or 3.3: no transceiver and no TLVs (guide §4)"
    )
    window: int = Field(50, ge=1, le=10_000, description="unanswered submit_sm at a time")
    response_timeout_s: float = Field(
        60.0, ge=5, le=600, description="seconds until an unanswered submit_sm is ambiguous"
    )
    enquire_link_s: float = Field(
        56.0, ge=1, le=300, description="55-57 s between enquire_link (guide §12); 1-300 s for archive-2016"
    )
    enquire_link_timeout_s: float = Field(
        10.0, ge=1, lt=55, description="seconds until an unanswered enquire_link means a dead link"
    )
    reconnect_min_s: float = Field(
        30.0, ge=30, le=60, description="30-60 s before a reconnect (guide §5 step 4)"
    )
    reconnect_max_s: float = Field(
        60.0, ge=30, le=60, description="30-60 s before a reconnect (guide §5 step 4)"
    )
    drain_s: float = Field(10.0, ge=0, le=300, description="seconds that a stop waits for open responses")
    tcp_user_timeout_s: float = Field(
        20.0, ge=1, le=600, description="1-600 s until octets that nobody acknowledges mean a dead link"
    )
    tls: bool = Field(default=False, description="1: bind over TLS 1.2 or newer; 0: without")
    tls_ca_file: str = Field(
        "", description="PEM file of the authorities that are trusted; empty: the system's"
    )
    tls_server_name: str = Field(
        "", description="the name in the gateway's certificate, where it is not SMSFLEET_SMPP_HOST"
    )
    query_rate: float = Field(
        1.0, ge=0, le=100, description="query_sm per second at most; 0, the default of archive-2016: none"
    )
    capture_pdus: int = Field(
        1000,
        ge=0,
        le=100_000,
        description="PDUs that the binder keeps for `smsfleet capture`, 1 KiB of memory for each; 0: none",
    )

    @property
    def queries_per_s(self) -> float:
        """query_sm per second: none by default where the profile does not list query_sm."""
        asked = "query_rate" in self.model_fields_set or PROFILES[self.profile].query_sm
        return self.query_rate if asked else 0.0

    @model_validator(mode="after")
    def _limits_of_the_guide(self) -> Self:
        password = self.password.get_secret_value()
        if not (password.isascii() and password.isprintable() and 1 <= len(password) <= 8):
            # The value is a secret: its length is all that is said of it.
            raise ConfigError(
                f"SMSFLEET_SMPP_PASSWORD has {len(password)} characters: "
                "must be 1-8 printable ASCII octets (guide §9)"
            )
        rules = PROFILES[self.profile]
        if not rules.enquire_link_min_s <= self.enquire_link_s <= rules.enquire_link_max_s:
            raise ConfigError(
                f"SMSFLEET_SMPP_ENQUIRE_LINK_S='{self.enquire_link_s:g}' is refused: must be "
                f"{SmppSettings.model_fields['enquire_link_s'].description}; the profile is {self.profile}"
            )
        if self.interface_version == "3.3" and self.bind_mode == "transceiver":
            raise ConfigError(
                "SMSFLEET_SMPP_BIND_MODE='transceiver' is refused: must be transmitter_receiver or "
                "transmitter with SMSFLEET_SMPP_INTERFACE_VERSION=3.3, which has no transceiver"
            )
        for name in ("tls_ca_file", "tls_server_name"):
            if getattr(self, name) and not self.tls:
                raise ConfigError(
                    f"{SMPP_PREFIX}{name.upper()} is set, and SMSFLEET_SMPP_TLS is off: must be on for it"
                )
        if self.reconnect_min_s > self.reconnect_max_s:
            raise ConfigError(
                f"SMSFLEET_SMPP_RECONNECT_MIN_S={self.reconnect_min_s:g} is above "
                f"SMSFLEET_SMPP_RECONNECT_MAX_S={self.reconnect_max_s:g}: must not be (guide §5 step 4)"
            )
        return self


def load_smpp(environment: Mapping[str, str] | None = None) -> SmppSettings:
    """The bind's settings in `environment` (default: the process' own).

    Raises ConfigError that names every setting which is missing or breaks its rule.
    """
    return load_group(SmppSettings, environment)
