"""Settings of the processes that call webhooks (`SMSFLEET_WEBHOOK_*`): the workers."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field, SecretStr, model_validator

from smsfleet.config.environment import PREFIX, EnvironmentSettings, load_group
from smsfleet.config.errors import ConfigError

WEBHOOK_PREFIX = PREFIX + "WEBHOOK_"

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _allowed(value: str) -> str:
    for word in _words(value):
        if "/" in word:
            try:
                ipaddress.ip_network(word)
            except ValueError as error:
                raise ValueError(f"{word!r} is no network: {error}") from None
    return value


class WebhookSettings(EnvironmentSettings):
    """How webhooks are called, and where none is."""

    prefix: ClassVar[str] = WEBHOOK_PREFIX
    in_files: ClassVar[tuple[str, ...]] = ("secret",)

    secret: SecretStr | None = Field(
        default=None,
        description="key of the signature, at least 16 characters; a worker without it calls no webhook",
    )
    secret_file: str = Field("", description="file whose first line is the secret")
    http: bool = Field(default=False, description="1: http:// may be called too; 0: https:// only")
    allow: Annotated[str, AfterValidator(_allowed)] = Field(
        "",
        description="host names and networks (10.1.0.0/16), parted by commas, that may be called although "
        "their addresses are not public",
    )
    ca_file: str = Field("", description="PEM file of the authorities that are trusted; empty: the system's")
    timeout_s: float = Field(10.0, gt=0, le=60, description="seconds for one try, at most 60")
    attempts: int = Field(12, ge=1, le=100, description="tries of one event, then it is undelivered")
    max_age_s: float = Field(
        86_400.0, ge=1, le=7 * 86_400, description="seconds after which an event is undelivered"
    )
    backoff_s: float = Field(
        5.0, gt=0, le=3600, description="first delay after a failed try; doubles up to backoff_max_s"
    )
    backoff_max_s: float = Field(3600.0, gt=0, le=86_400, description="longest delay after a failed try")
    concurrency: int = Field(64, ge=1, le=1000, description="tries at a time of one worker")
    per_host: int = Field(8, ge=1, le=100, description="tries at a time of one worker at one host")

    @model_validator(mode="after")
    def _long_enough(self) -> WebhookSettings:
        if self.secret is not None and len(self.secret.get_secret_value()) < 16:
            # The value is a secret: its length is all that is said of it.
            raise ConfigError(
                f"SMSFLEET_WEBHOOK_SECRET has {len(self.secret.get_secret_value())} characters: "
                "must be at least 16 (for example of `openssl rand -hex 32`)"
            )
        return self

    @property
    def allowed_networks(self) -> list[Network]:
        """The networks of `allow`."""
        return [ipaddress.ip_network(word) for word in _words(self.allow) if "/" in word]

    @property
    def allowed_hosts(self) -> frozenset[str]:
        """The host names (and single addresses) of `allow`."""
        return frozenset(word.lower() for word in _words(self.allow) if "/" not in word)


def _words(value: str) -> list[str]:
    return [word.strip() for word in value.split(",") if word.strip()]


def load_webhooks(environment: Mapping[str, str] | None = None) -> WebhookSettings:
    """The webhooks' settings in `environment` (default: the process' own).

    Raises ConfigError that names every setting which breaks its rule.
    """
    return load_group(WebhookSettings, environment)
