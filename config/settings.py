"""Settings from the environment (`SMSFLEET_*`): the only module that reads it.

Two groups, because an application that enqueues needs no password: `Settings` for everybody, `SmppSettings`
for the process that binds. Both are read once by `load` and `load_smpp` and passed down as objects. Every
limit of the guide is checked here, before anything connects; an error names the setting, the value and the
rule, and never a secret.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from redis.connection import parse_url

from smsfleet.config.errors import ConfigError
from smsfleet.config.profiles import PROFILES, ProfileName

PREFIX = "SMSFLEET_"
SMPP_PREFIX = "SMSFLEET_SMPP_"
FILE = "SMSFLEET_SETTINGS_FILE"
"""A file of settings; the environment goes before it. A reload reads it again, and not the environment."""

HOURS = 3600
DAYS = 24 * HOURS

Lane = Literal["high", "normal", "bulk"]
OnAmbiguous = Literal["resend", "hold", "hold_then_resend", "fail"]


def _ascii(value: str) -> str:
    if not value.isascii() or not value.isprintable():
        raise ValueError("must be printable ASCII")
    return value


_parse: Callable[[str], Any] = parse_url  # redis-py has no annotation for it


def _redis_url(value: str) -> str:
    if not value.startswith(("redis://", "rediss://")):
        raise ValueError("must start with redis:// or rediss://")
    try:
        _parse(value)
    except ValueError:  # its message may hold a part of the password
        raise ValueError(
            "cannot be read: is the port a number, are / and @ in the password %2F and %40?"
        ) from None
    return value


LIVE = (
    "rate",
    "bulk_reserve",
    "outbound_limit",
    "on_ambiguous_high",
    "on_ambiguous_normal",
    "on_ambiguous_bulk",
    "max_attempts",
    "backoff_s",
    "backoff_max_s",
)
"""The settings that a reload changes in processes that run: `smsfleet reload`, or SIGHUP to the binder."""

Ascii = Annotated[str, AfterValidator(_ascii)]
RedisUrl = Annotated[str, AfterValidator(_redis_url)]


class _FromGivenEnvironment(PydanticBaseSettingsSource):
    """The environment as an argument, so that tests and the demo need not change the process' own."""

    def __init__(self, settings_cls: type[BaseSettings], environment: Mapping[str, str], prefix: str) -> None:
        super().__init__(settings_cls)
        self._environment = environment
        self._prefix = prefix

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002
        value = self._environment.get(self._prefix + field_name.upper())
        return (None if value == "" else value), field_name, False

    def __call__(self) -> dict[str, Any]:
        values = {name: self.get_field_value(None, name)[0] for name in self.settings_cls.model_fields}
        return {name: value for name, value in values.items() if value is not None}


class _Environment(BaseSettings):
    """What both groups share: frozen, no `.env` file, unknown names ignored, no secret in repr."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what `load` hands over counts."""
        given = init_settings()
        environment = given.pop("_given_environment", {})
        prefix = SMPP_PREFIX if cls is SmppSettings else PREFIX
        return (_FromGivenEnvironment(settings_cls, environment, prefix),)


class Settings(_Environment):
    """What applications, workers, the binder and the commands share."""

    settings_file: str = Field(
        "", description="file of NAME=value lines, read again at a reload; the environment goes before it"
    )
    redis_url: RedisUrl = Field(
        "redis://127.0.0.1:6379/0",
        repr=False,
        description="redis://[user:password@]host:port/db of the store",
    )
    broker_url: str = Field(
        "",
        repr=False,
        description="the Celery broker (smsfleet+redis://, redis://, amqp://); empty: the store's server",
    )
    account: str = Field(
        "main",
        pattern=r"^[A-Za-z0-9_.-]{1,32}$",
        description="1-32 of A-Z a-z 0-9 _ . -; it is the hash tag of every key",
    )
    rate: float = Field(
        100.0, gt=0, le=100_000, description="segments per second for the whole account, all workers together"
    )
    bulk_reserve: float = Field(
        0.2,
        ge=0,
        lt=1,
        description="share of the rate tokens at hand that the bulk lane leaves to the others",
    )
    outbound_limit: int = Field(
        20_000, ge=10, le=1_000_000, description="segments that may wait in one lane's outbound stream"
    )
    max_segments: int = Field(10, ge=1, le=255, description="segments of one text (UDH: at most 255)")
    reference_octets: int = Field(
        1, ge=1, le=2, description="octets of the concatenation reference: 1 or 2 (TS 23.040 §9.2.3.24)"
    )
    default_country_code: str = Field(
        "", pattern=r"^([1-9][0-9]{0,2})?$", description="replaces a leading 0 of a destination"
    )
    on_ambiguous_high: OnAmbiguous = Field("resend", description="resend, hold, hold_then_resend or fail")
    on_ambiguous_normal: OnAmbiguous = Field(
        "hold_then_resend", description="resend, hold, hold_then_resend or fail"
    )
    on_ambiguous_bulk: OnAmbiguous = Field("fail", description="resend, hold, hold_then_resend or fail")
    hold_s: float = Field(
        120.0, ge=1, le=7 * DAYS, description="seconds that hold_then_resend waits for a late fact"
    )
    max_attempts: int = Field(8, ge=1, le=100, description="tries of one segment after temporary errors")
    backoff_s: float = Field(
        1.0, gt=0, le=HOURS, description="first delay after a temporary error; doubles up to backoff_max_s"
    )
    backoff_max_s: float = Field(300.0, gt=0, le=DAYS, description="longest delay after a temporary error")
    job_ttl_s: int = Field(30 * DAYS, ge=7 * DAYS, description="how long a job is kept (at least 7 days)")
    text_ttl_s: int = Field(1 * DAYS, ge=60, description="how long a text is kept after the final status")
    index_ttl_s: int = Field(
        8 * DAYS,
        ge=8 * DAYS,
        description="how long a message id is known; the gateway holds receipts for 7 days (guide §4)",
    )
    sweep_s: float = Field(10.0, gt=0, le=HOURS, description="period of the sweeper and the other duties")
    sweep_margin_s: float = Field(
        60.0, gt=0, le=DAYS, description="how far a job must be overtaken before it is published again"
    )
    visibility_timeout_s: int = Field(
        300,
        ge=1,
        le=DAYS,
        description="seconds after which the broker gives what a dead worker held to another worker",
    )
    lease_ttl_s: float = Field(
        10.0, ge=0.5, le=60, description="seconds after which a silent binder is replaced"
    )
    run_dir: str = Field(
        "", description="local folder for the host lock and the file of failed logins; empty: the temp folder"
    )
    allow_volatile_redis: bool = Field(
        default=False, description="start although Redis has no AOF or evicts keys; data may be lost"
    )
    worker_concurrency: int = Field(8, ge=1, le=512, description="threads of one worker")
    event_share: float = Field(
        1.0, ge=0, le=1, description="share of the jobs whose Celery events are sent when events are on"
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="DEBUG, INFO, WARNING or ERROR"
    )
    log_format: Literal["json", "console"] = Field("json", description="json or console")

    @property
    def broker(self) -> str:
        """The broker URL that Celery uses: the store's server, by the fleet's own transport, by default."""
        return self.broker_url or f"smsfleet+{self.redis_url}"

    def live(self) -> dict[str, Any]:
        """The values of the settings in `LIVE`, by name."""
        return {name: getattr(self, name) for name in LIVE}

    def with_live(self, values: Mapping[str, Any]) -> Settings:
        """These settings with other values of those in `LIVE`; anything else in `values` is left out.

        Raises ConfigError for a value that breaks its rule.
        """
        changed = self.model_copy(update={name: values[name] for name in LIVE if name in values})
        given = {PREFIX + name.upper(): str(value) for name, value in changed.live().items()}
        return self.model_copy(update=_read(Settings, PREFIX, given).live())

    def on_ambiguous(self, lane: Lane) -> OnAmbiguous:
        """What happens to a segment of `lane` whose outcome is unknown, unless its job says otherwise."""
        policies: dict[Lane, OnAmbiguous] = {
            "high": self.on_ambiguous_high,
            "normal": self.on_ambiguous_normal,
            "bulk": self.on_ambiguous_bulk,
        }
        return policies[lane]


class SmppSettings(_Environment):
    """The bind. Limits are Clickatell's and are checked here, before anything connects."""

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
    capture_pdus: int = Field(
        1000,
        ge=0,
        le=100_000,
        description="PDUs that the binder keeps for `smsfleet capture`, 1 KiB of memory for each; 0: none",
    )

    @model_validator(mode="before")
    @classmethod
    def _password_from_file(cls, values: Any) -> Any:
        path = values.get("password_file") if isinstance(values, dict) else None
        if not path:
            return values
        if "password" in values:
            raise ConfigError(
                "SMSFLEET_SMPP_PASSWORD and SMSFLEET_SMPP_PASSWORD_FILE are both set: set one of them"
            )
        try:
            lines = Path(path).read_text(encoding="utf-8").splitlines()
        except (OSError, ValueError) as error:  # ValueError: no UTF-8, or a NUL in the path
            raise ConfigError(
                f"SMSFLEET_SMPP_PASSWORD_FILE={path!r} cannot be read: {error.__class__.__name__}"
            ) from None
        return {**values, "password": lines[0] if lines else ""}

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


S = TypeVar("S", bound=_Environment)


def load(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings in `environment` (default: the process' own).

    Raises ConfigError that names every setting which breaks its rule.
    """
    return _load(Settings, PREFIX, environment)


def load_smpp(environment: Mapping[str, str] | None = None) -> SmppSettings:
    """The bind's settings in `environment` (default: the process' own).

    Raises ConfigError that names every setting which is missing or breaks its rule.
    """
    return _load(SmppSettings, SMPP_PREFIX, environment)


def _load(settings: type[S], prefix: str, environment: Mapping[str, str] | None) -> S:
    given = os.environ if environment is None else environment
    return _read(settings, prefix, {**_from_file(given.get(FILE, "")), **given})


def _from_file(path: str) -> dict[str, str]:
    """The `NAME=value` lines of a file; empty lines and those that begin with `#` are none."""
    if not path:
        return {}
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise ConfigError(f"{FILE}={path!r} cannot be read: {error.__class__.__name__}") from None
    values = {}
    for number, line in enumerate(lines, start=1):
        name, equals, value = line.strip().partition("=")
        if not name or name.startswith("#"):
            continue
        if not equals or not name.startswith(PREFIX) or name == FILE:
            raise ConfigError(f"{FILE}={path!r}, line {number}: must be SMSFLEET_<NAME>=value or a # comment")
        values[name] = value
    return values


def _read(settings: type[S], prefix: str, given: Mapping[str, str]) -> S:
    try:
        return settings(_given_environment=given)
    except ValidationError as error:
        findings = [_finding(settings, prefix, given, dict(item)) for item in error.errors()]
        raise ConfigError("; ".join(findings)) from None


def _finding(settings: type[BaseModel], prefix: str, given: Mapping[str, str], item: dict[str, Any]) -> str:
    field_name = str(item["loc"][0]) if item["loc"] else ""
    name = prefix + field_name.upper()
    rule = settings.model_fields[field_name].description or item["msg"]
    if item["type"] == "missing":
        return f"{name} is not set: {rule}"
    value = "(hidden)" if "url" in field_name or "password" in field_name else repr(given.get(name))
    return f"{name}={value} is refused: must be {rule}; {str(item['msg']).removeprefix('Value error, ')}"
