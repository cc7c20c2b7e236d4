"""The doctor's checks of this machine: settings, files, packages, clock. Nothing is connected to."""

from __future__ import annotations

import difflib
import os
import re
import stat
import tempfile
import time
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path

from smsfleet.cli.checkup import Finding, error, note, ok, warning
from smsfleet.config.environment import FILE, PREFIX, EnvironmentSettings, of_file
from smsfleet.config.errors import ConfigError
from smsfleet.config.flower_settings import FlowerSettings
from smsfleet.config.profiles import GUIDE
from smsfleet.config.settings import Settings
from smsfleet.config.smpp_settings import SMPP_PREFIX, SmppSettings
from smsfleet.config.web_settings import WebSettings
from smsfleet.config.webhook_settings import WebhookSettings

GROUPS: tuple[type[EnvironmentSettings], ...] = (
    Settings,
    SmppSettings,
    WebhookSettings,
    FlowerSettings,
    WebSettings,
)

SECRET_FILES = (
    FILE,
    *(group.prefix + name.upper() + "_FILE" for group in GROUPS for name in group.in_files),
    "SMSFLEET_FLOWER_BASIC_AUTH_FILE",
    "SMSFLEET_WEB_USERS_FILE",
)
"""Variables that name a file which is nobody else's to read, or to change."""

OTHER_NAMES = frozenset(
    {
        "SMSFLEET_SIMULATOR_PASSWORD",
        "SMSFLEET_SIMULATOR_CONTROL",
        "SMSFLEET_SECRETS",
        "SMSFLEET_FSYNC",
        "SMSFLEET_VALKEY_LIMIT",
        "SMSFLEET_VALKEY_MEMORY",
    }
)
"""Variables that are read elsewhere: by the simulator and by docker-compose.yml."""

BIND_SETTINGS = "the binder does not start with it; docs/settings.md, 'For the binder only'"

LOCAL = ("127.", "localhost", "[::1]", "::1")


def known_names() -> frozenset[str]:
    """Every variable that means something."""
    fields = {group.prefix + name.upper() for group in GROUPS for name in group.model_fields}
    return frozenset(fields) | OTHER_NAMES


def check_names(environment: Mapping[str, str]) -> Iterator[Finding]:
    """Variables that nobody reads: a setting that is misspelt has no effect and no message."""
    known = known_names()
    in_file = of_file(environment.get(FILE, ""))
    given = sorted(name for name in {*environment, *in_file} if name.startswith(PREFIX))
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            todo = f"is {near[0]} meant?" if near else "remove it, or look for its name in docs/settings.md"
            yield warning(f"{name[:100]} is set, and nothing reads it", todo)
    yield ok(f"{len([name for name in given if name in known])} settings are given")


def check_settings(settings: Settings) -> Iterator[Finding]:
    """What the rules of the settings allow, and is seldom meant."""
    if settings.allow_volatile_redis:
        yield warning(
            "SMSFLEET_ALLOW_VOLATILE_REDIS is set: a Redis that loses jobs is taken",
            "unset it, except for tests",
        )
    if settings.log_level == "DEBUG":
        yield note("SMSFLEET_LOG_LEVEL is DEBUG", "INFO for daily use: it costs time for each message")
    if not settings.senders:
        yield note(
            "SMSFLEET_SENDERS is empty: any sender ID is passed on, and Clickatell refuses those that are "
            "not registered (guide §10)",
            "list the registered ones, then a wrong one is refused where it is given",
        )
    if settings.text_ttl_s > settings.job_ttl_s:
        yield warning(
            "SMSFLEET_TEXT_TTL_S is longer than SMSFLEET_JOB_TTL_S: texts outlive their jobs", "lower it"
        )
    if settings.backoff_s > settings.backoff_max_s:
        yield warning(
            "SMSFLEET_BACKOFF_S is above SMSFLEET_BACKOFF_MAX_S: every delay is the longest", "lower it"
        )
    if settings.sweep_margin_s >= settings.visibility_timeout_s:
        yield note(
            "SMSFLEET_SWEEP_MARGIN_S is not below SMSFLEET_VISIBILITY_TIMEOUT_S: the broker is always first "
            "to bring back what a dead worker held"
        )
    yield from _check_redis_url(settings)
    yield ok(f"account {settings.account}, at most {settings.rate:g} segments/s")


def _check_redis_url(settings: Settings) -> Iterator[Finding]:
    if not settings.redis_url_file and "@" in settings.redis_url:
        yield note(
            "the password of Redis is in SMSFLEET_REDIS_URL: whoever sees a process' environment has it",
            "put the URL into a file, readable by its user only, and name that in SMSFLEET_REDIS_URL_FILE",
        )
    scheme, _, rest = settings.redis_url.partition("://")
    host = rest.rpartition("@")[2]
    if host.startswith(LOCAL):
        return
    if "@" not in settings.redis_url:
        yield warning(
            "Redis is on another machine and asks for no password: who reaches it reads numbers and texts",
            "set up users with passwords: `smsfleet acl`, docs/security.md",
        )
    if scheme not in ("rediss", "rediss+sentinel"):
        yield note(
            "Redis is on another machine and spoken to without TLS",
            "use rediss:// where the network between is not yours alone",
        )


def check_bind_settings(
    environment: Mapping[str, str], smpp: SmppSettings | ConfigError
) -> Iterator[Finding]:
    """The bind's settings against the guide; a machine without a binder needs none."""
    if isinstance(smpp, ConfigError) and not any(name.startswith(SMPP_PREFIX) for name in environment):
        yield note(
            "no SMSFLEET_SMPP_* setting is given here: only the binder needs them",
            "run the doctor with the binder's settings too",
        )
        return
    if isinstance(smpp, ConfigError):
        for problem in str(smpp).split("; SMSFLEET_"):
            yield error(problem if problem.startswith("SMSFLEET_") else f"SMSFLEET_{problem}", BIND_SETTINGS)
        return
    if smpp.profile != GUIDE.name:
        yield warning(
            f"SMSFLEET_SMPP_PROFILE is {smpp.profile}: other limits than those of the guide 2.4.5 are kept",
            "use it only if Clickatell has told you so",
        )
    if smpp.bind_mode == "transmitter":
        yield warning(
            "SMSFLEET_SMPP_BIND_MODE is transmitter: no receipt and no incoming message ever comes",
            "transceiver, or transmitter_receiver (guide §5 step 4)",
        )
    if not smpp.system_type.isdecimal():
        yield note(
            f"SMSFLEET_SMPP_SYSTEM_TYPE is {smpp.system_type!r}: the API ID of an SMPP product is a number",
            "see Products in your Clickatell account (guide §9)",
        )
    if not smpp.password_file:
        yield note(
            "the account's password is in SMSFLEET_SMPP_PASSWORD", "give it by SMSFLEET_SMPP_PASSWORD_FILE"
        )
    if not smpp.tls:
        yield note(
            "the bind is not encrypted: texts and password are readable on the way",
            "SMSFLEET_SMPP_TLS=1, if Clickatell offers it for your account",
        )
    yield ok(
        f"{smpp.bind_mode}, SMPP {smpp.interface_version}, window {smpp.window}, enquire_link every "
        f"{smpp.enquire_link_s:g} s, reconnect after {smpp.reconnect_min_s:g}-{smpp.reconnect_max_s:g} s"
    )


def check_files(environment: Mapping[str, str], settings: Settings, uid: int) -> Iterator[Finding]:
    """Who else may read the files of secrets, and write those of the binder."""
    looked = 0
    for name in SECRET_FILES:
        path = environment.get(name)
        if not path:
            continue
        looked += 1
        yield from _check_secret_file(name, path, uid)
    if looked:
        yield ok(f"{looked} files of secrets and settings looked at")
    folder = Path(settings.run_dir or tempfile.gettempdir())
    if not settings.run_dir:
        yield note(
            f"SMSFLEET_RUN_DIR is not set: the binder's lock is in {folder}, where any user may be first",
            "give the binder a folder of its own, such as /run/smsfleet",
        )
    elif not folder.is_dir() or not os.access(folder, os.W_OK):
        yield error(
            f"SMSFLEET_RUN_DIR={str(folder)!r} is no folder that can be written", "make it, mode 0700"
        )


def _check_secret_file(name: str, path: str, uid: int) -> Iterator[Finding]:
    try:
        found = Path(path).stat()
    except (OSError, ValueError) as failure:
        yield error(f"{name}={path[:200]!r} cannot be read: {failure.__class__.__name__}", "mend the path")
        return
    if not stat.S_ISREG(found.st_mode):
        yield warning(f"{name}={path[:200]!r} is no plain file", "name a file")
        return
    if found.st_mode & (stat.S_IRWXO | stat.S_IWGRP):
        yield warning(
            f"{name}={path[:200]!r} has mode {stat.S_IMODE(found.st_mode):04o}: others may read or change it",
            f"chmod 0400 {path[:200]}",
        )
    if found.st_uid not in (0, uid):
        yield warning(f"{name}={path[:200]!r} belongs to uid {found.st_uid}", "it should be yours, or root's")


_NEEDED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?\s*([^;]*)(;.*)?$")


def check_packages() -> Iterator[Finding]:
    """Installed packages against what smsfleet needs: Celery's and kombu's insides are relied on."""
    from packaging.specifiers import SpecifierSet

    shown = []
    for line in metadata.requires("smsfleet") or ():
        match = _NEEDED.match(line)
        if match is None or (match[3] and "extra" in match[3]):
            continue
        name, wanted = match[1], SpecifierSet(match[2])
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            yield error(f"{name} is not installed", f"pip install '{name}{wanted}'")
            continue
        if version not in wanted:
            yield error(
                f"{name} {version} is installed, smsfleet needs {wanted}", f"pip install '{name}{wanted}'"
            )
        if name in ("celery", "kombu", "redis"):
            shown.append(f"{name} {version}")
    yield ok(f"smsfleet {metadata.version('smsfleet')}, " + ", ".join(shown))


def check_clock(zone: tuple[str, str] = time.tzname, offset_s: int | None = None) -> Iterator[Finding]:
    """This machine's clock and its zone; how it differs from Redis' is told by the check `redis`."""
    offset = -time.timezone if offset_s is None else offset_s
    now = time.time()
    if now < 1_735_689_600:  # 2025
        yield error("the clock of this machine is years behind", "set up NTP: TLS and every age go by it")
    yield ok(f"time zone {zone[0]} (UTC{offset / 3600:+g} h); smsfleet itself stores and shows UTC")
