"""Settings of `smsfleet flower` (`SMSFLEET_FLOWER_*`): nobody else needs its password."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field, SecretStr, model_validator

from smsfleet.config.environment import PREFIX, EnvironmentSettings, load_group
from smsfleet.config.errors import ConfigError
from smsfleet.config.files import LOGINS_OCTETS, read_bounded

FLOWER_PREFIX = PREFIX + "FLOWER_"

SHORTEST = 8
"""Characters of a password at least."""

_BOTH = "SMSFLEET_FLOWER_BASIC_AUTH and SMSFLEET_FLOWER_BASIC_AUTH_FILE are both set: set one of them"
_NEITHER = (
    "SMSFLEET_FLOWER_BASIC_AUTH_FILE is not set: Flower is not started without a password; give it a file"
    " with user:password in its first line"
)


class FlowerSettings(EnvironmentSettings):
    """Where Flower listens, and who may look."""

    prefix: ClassVar[str] = FLOWER_PREFIX

    basic_auth: SecretStr = Field(description="user:password, a password of at least 8 characters")
    basic_auth_file: str = Field("", description="file with a user:password in each line; # for a comment")
    address: str = Field("127.0.0.1", min_length=1, description="address on which Flower listens")
    port: int = Field(5555, ge=0, le=65535, description="TCP port, 0 for a free one")
    root_path: str = Field(
        "",
        pattern=r"^(/[A-Za-z0-9._-]+)*$",
        description="path below which a proxy serves it: /flower, or empty",
    )
    read_only: bool = Field(
        default=True,
        description="1: Flower shows and changes nothing; 0: it may revoke tasks and stop workers",
    )
    max_tasks: int = Field(
        10_000, ge=100, le=1_000_000, description="tasks that Flower keeps in its memory, about 3 kB each"
    )

    @model_validator(mode="before")
    @classmethod
    def _from_file(cls, values: Any) -> Any:
        path = values.get("basic_auth_file") if isinstance(values, dict) else None
        if not path:
            if isinstance(values, dict) and "basic_auth" not in values:
                raise ConfigError(_NEITHER)
            return values
        if "basic_auth" in values:
            raise ConfigError(_BOTH)
        try:
            lines = read_bounded(path, LOGINS_OCTETS).splitlines()
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"SMSFLEET_FLOWER_BASIC_AUTH_FILE={path!r} cannot be read: {error.__class__.__name__}"
            ) from None
        kept = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
        if not kept:
            raise ConfigError(f"SMSFLEET_FLOWER_BASIC_AUTH_FILE={path!r} holds no user:password")
        return {**values, "basic_auth": "\n".join(kept)}

    @model_validator(mode="after")
    def _usable(self) -> FlowerSettings:
        for number, pair in enumerate(self.pairs, start=1):
            user, colon, password = pair.partition(":")
            # What is given is a secret: only its place and the rule are told.
            if not (user and colon and len(password) >= SHORTEST and pair.isascii() and pair.isprintable()):
                raise ConfigError(
                    f"SMSFLEET_FLOWER_BASIC_AUTH, entry {number} is refused: must be user:password in"
                    f" printable ASCII, the password at least {SHORTEST} characters"
                )
        return self

    @property
    def pairs(self) -> list[str]:
        """Every user:password."""
        return self.basic_auth.get_secret_value().splitlines()


def load_flower(environment: Mapping[str, str] | None = None) -> FlowerSettings:
    """Flower's settings in `environment` (default: the process' own).

    Raises ConfigError that names every setting which is missing or breaks its rule.
    """
    return load_group(FlowerSettings, environment)
