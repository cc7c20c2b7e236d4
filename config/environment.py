"""How settings are read from the environment (`SMSFLEET_*`) and a file: the only module that does.

An error names every setting which is missing or breaks its rule, the value and the rule, and never a secret.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar

from pydantic import ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from smsfleet.config.errors import ConfigError
from smsfleet.config.files import LIST_OCTETS, SECRET_OCTETS, read_bounded

PREFIX = "SMSFLEET_"
FILE = "SMSFLEET_SETTINGS_FILE"
"""A file of settings; the environment goes before it. A reload reads it again, and not the environment."""


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


class EnvironmentSettings(BaseSettings):
    """What both groups share: frozen, no `.env` file, unknown names ignored, no secret in repr."""

    prefix: ClassVar[str] = PREFIX
    in_files: ClassVar[tuple[str, ...]] = ()
    """what may be given by a file too: the first line of that which `<name>_file` names"""

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
        return (_FromGivenEnvironment(settings_cls, environment, cls.prefix),)

    @model_validator(mode="before")
    @classmethod
    def _from_files(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        for name in cls.in_files:
            path = values.get(f"{name}_file")
            if path:
                values = {**values, name: cls._first_line(name, path, given=name in values)}
        return values

    @classmethod
    def _first_line(cls, name: str, path: str, *, given: bool) -> str:
        variable = cls.prefix + name.upper()
        if given:
            raise ConfigError(f"{variable} and {variable}_FILE are both set: set one of them")
        try:
            lines = read_bounded(path, SECRET_OCTETS).splitlines()
        except (OSError, ValueError) as error:  # ValueError: no UTF-8, too long, or a NUL in the path
            raise ConfigError(
                f"{variable}_FILE={path!r} cannot be read: {error.__class__.__name__}"
            ) from None
        return lines[0] if lines else ""


S = TypeVar("S", bound=EnvironmentSettings)

_HIDDEN = ("url", "password", "secret", "auth")
"""Settings with one of these in their name are not shown in errors."""


def load_group(settings: type[S], environment: Mapping[str, str] | None) -> S:
    """The settings of one group in `environment` (default: the process' own) and in the file that it names.

    Raises ConfigError that names every setting which is missing or breaks its rule.
    """
    given = os.environ if environment is None else environment
    return read(settings, {**of_file(given.get(FILE, "")), **given})


def of_file(path: str) -> dict[str, str]:
    """The `NAME=value` lines of a file; empty lines and those that begin with `#` are none.

    Raises ConfigError that names the line.
    """
    if not path:
        return {}
    try:
        lines = read_bounded(path, LIST_OCTETS).splitlines()
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


def read(settings: type[S], given: Mapping[str, str]) -> S:
    """The settings of one group in `given`. Raises ConfigError, as `load_group`."""
    try:
        return settings(_given_environment=given)
    except ValidationError as error:
        findings = [_finding(settings, given, dict(item)) for item in error.errors()]
        raise ConfigError("; ".join(findings)) from None


def _finding(settings: type[EnvironmentSettings], given: Mapping[str, str], item: dict[str, Any]) -> str:
    field_name = str(item["loc"][0]) if item["loc"] else ""
    name = settings.prefix + field_name.upper()
    rule = settings.model_fields[field_name].description or item["msg"]
    if item["type"] == "missing":
        return f"{name} is not set: {rule}"
    value = "(hidden)" if any(word in field_name for word in _HIDDEN) else repr(given.get(name))
    return f"{name}={value} is refused: must be {rule}; {str(item['msg']).removeprefix('Value error, ')}"
