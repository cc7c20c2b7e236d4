"""Settings of `smsfleet web` (`SMSFLEET_WEB_*`): where the page listens, and who may look."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from smsfleet.config.environment import PREFIX, EnvironmentSettings, load_group

WEB_PREFIX = PREFIX + "WEB_"

_HOST = re.compile(r"(\*\.)?[A-Za-z0-9._-]+")


def _hosts(value: str) -> str:
    for host in _words(value):
        if not _HOST.fullmatch(host):
            raise ValueError(f"{host!r} is no host name")
    if not _words(value):
        raise ValueError("no host name is given")
    return value


def _proxies(value: str) -> str:
    for word in _words(value):
        try:
            ipaddress.ip_network(word)
        except ValueError as error:
            raise ValueError(f"{word!r} is no address: {error}") from None
    return value


class WebSettings(EnvironmentSettings):
    """The operations page."""

    prefix: ClassVar[str] = WEB_PREFIX

    users_file: str = Field(
        min_length=1, description="file of those who may log in: lines of `smsfleet web user`, read at start"
    )
    address: str = Field("127.0.0.1", min_length=1, description="address on which the page listens")
    port: int = Field(8060, ge=0, le=65535, description="TCP port, 0 for a free one")
    root_path: str = Field(
        "", pattern=r"^(/[A-Za-z0-9._-]+)*$", description="path below which a proxy serves it: /sms, or empty"
    )
    hosts: Annotated[str, AfterValidator(_hosts)] = Field(
        "localhost,127.0.0.1",
        description="host names by which browsers reach it, comma separated; others are answered 400",
    )
    https: bool = Field(
        default=False,
        description="1: browsers reach it by https:// only, through a proxy; cookies are Secure",
    )
    proxies: Annotated[str, AfterValidator(_proxies)] = Field(
        "", description="addresses or networks of proxies whose X-Forwarded-For is believed, comma separated"
    )
    session_s: int = Field(28_800, ge=60, le=604_800, description="seconds after which one logs in again")
    refresh_s: float = Field(2.0, ge=0.5, le=60, description="seconds between two looks at the fleet")

    @property
    def host_names(self) -> list[str]:
        """The names in `hosts`, in lower case: so browsers send them."""
        return _words(self.hosts.lower())


def _words(value: str) -> list[str]:
    return [word.strip() for word in value.split(",") if word.strip()]


def load_web(environment: Mapping[str, str] | None = None) -> WebSettings:
    """The page's settings in `environment` (default: the process' own).

    Raises ConfigError that names every setting which is missing or breaks its rule.
    """
    return load_group(WebSettings, environment)
