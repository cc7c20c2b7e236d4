"""Redis URLs: of a server (`redis://`, `rediss://`), or of the Sentinels that name it (`sentinel://`).

    sentinel://[user:password@]host:26379[/db][?master_name=NAME][;sentinel://host:26379 ...]

It is the form of Celery's URLs, so that the broker can have it too. User, password and database are the
server's and stand in the first part. `sentinel_username` and `sentinel_password` in its query are those of
the Sentinels, where they ask for them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from redis.connection import parse_url

SENTINEL = "sentinel://"
MASTER_NAME = "mymaster"
"""The name that Sentinel's own examples, and most installations, use."""

MOST_SENTINELS = 32
LONGEST = 4096

_KNOWN = {"master_name", "sentinel_username", "sentinel_password"}
_NAME = re.compile(r"[A-Za-z0-9._-]{1,128}")
_parse: Callable[[str], Any] = parse_url  # redis-py has no annotation for it


@dataclass(frozen=True, slots=True)
class SentinelUrl:
    """Where the Sentinels are, and what they are asked for."""

    sentinels: tuple[tuple[str, int], ...]
    master_name: str
    server: dict[str, Any] = field(repr=False)
    """db, username, password of the server"""
    login: dict[str, str] = field(repr=False)
    """username, password of the Sentinels"""


def check_url(value: str) -> str:
    """The URL, when it can be read. Raises ValueError, which never holds a part of it."""
    if len(value) > LONGEST:
        raise ValueError(f"is longer than {LONGEST} characters")
    if value.startswith(SENTINEL):
        sentinel_url(value)
        return value
    if not value.startswith(("redis://", "rediss://")):
        raise ValueError("must start with redis://, rediss:// or sentinel://")
    try:
        _parse(value)
    except ValueError:  # its message may hold a part of the password
        raise ValueError(
            "cannot be read: is the port a number, are / and @ in the password %2F and %40?"
        ) from None
    return value


def sentinel_url(value: str) -> SentinelUrl:
    """The parts of a `sentinel://` URL. Raises ValueError, which never holds a part of it."""
    parts = value.split(";")
    if len(parts) > MOST_SENTINELS:
        raise ValueError(f"more than {MOST_SENTINELS} Sentinels")
    try:
        split = [urlsplit(part) for part in parts]
        sentinels = tuple((part.hostname or "", part.port or 26379) for part in split)
    except ValueError:
        raise ValueError("cannot be read: is each port a number?") from None
    first, *others = split
    if any(part.scheme != "sentinel" or not part.hostname for part in split):
        raise ValueError("each part must be sentinel://host:port, with ; between them")
    if any(part.path.strip("/") or part.query or part.username or part.password for part in others):
        raise ValueError("user, password, database and ?master_name belong into the first part")
    query = dict(parse_qsl(first.query, keep_blank_values=True))
    if set(query) - _KNOWN:  # not shown: behind a ? in a password it would be a part of that
        raise ValueError(f"the query may hold {', '.join(sorted(_KNOWN))}; is a ? in the password %3F?")
    name = query.get("master_name", MASTER_NAME)
    if not _NAME.fullmatch(name):
        raise ValueError("master_name must be 1-128 of A-Z a-z 0-9 . _ -")
    database = first.path.strip("/") or "0"
    if not database.isdecimal() or not database.isascii():
        raise ValueError("the database must be a number")
    server: dict[str, Any] = {"db": int(database)}
    for option, given in (("username", first.username), ("password", first.password)):
        if given:
            server[option] = unquote(given)
    login = {
        option: query[f"sentinel_{option}"]
        for option in ("username", "password")
        if query.get(f"sentinel_{option}")
    }
    return SentinelUrl(sentinels, name, server, login)


def broker_of(url: str) -> tuple[str, dict[str, Any]]:
    """The URL for Celery's transport, and its options: kombu takes the name of the server by these.

    A URL that is no Sentinel's is given back as it is, and so is one that cannot be read: Celery says why.
    """
    own = url.removeprefix("smsfleet+")
    if not own.startswith(SENTINEL):
        return url, {}
    try:
        found = sentinel_url(own)
    except ValueError:
        return url, {}
    options: dict[str, Any] = {"master_name": found.master_name}
    if found.login:
        options["sentinel_kwargs"] = found.login
    first, *others = own.split(";")
    plain = ";".join([first.partition("?")[0], *others])
    return url[: len(url) - len(own)] + plain, options
