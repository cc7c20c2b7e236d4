"""Redis URLs: of a server (`redis://`, `rediss://`), or of the Sentinels that name it (`sentinel://`).

    sentinel://[user:password@]host:26379[/db][?master_name=NAME][;sentinel://host:26379 ...]

It is the form of Celery's URLs, so that the broker can have it too. User, password and database are the
server's and stand in the first part. `sentinel_username` and `sentinel_password` in its query are those of
the Sentinels, where they ask for them.

With `rediss+sentinel://` in each part servers and Sentinels are spoken to by TLS, with the `ssl_...` options
of `rediss://` in the query; `sentinel_tls=no` where the Sentinels have none.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from redis.connection import parse_url

SENTINEL, TLS_SENTINEL = "sentinel://", "rediss+sentinel://"
MASTER_NAME = "mymaster"
"""The name that Sentinel's own examples, and most installations, use."""

MOST_SENTINELS = 32
LONGEST = 4096

_KNOWN = {"master_name", "sentinel_username", "sentinel_password"}
_TLS_FILES = ("ssl_ca_certs", "ssl_ca_path", "ssl_certfile", "ssl_keyfile")
_TLS_KNOWN = {*_TLS_FILES, "ssl_cert_reqs", "ssl_check_hostname", "sentinel_tls"}
_YES, _NO = {"1", "true", "yes", "on"}, {"0", "false", "no", "off"}
_NAME = re.compile(r"[A-Za-z0-9._-]{1,128}")
_parse: Callable[[str], Any] = parse_url  # redis-py has no annotation for it


@dataclass(frozen=True, slots=True)
class SentinelUrl:
    """Where the Sentinels are, and what they are asked for."""

    sentinels: tuple[tuple[str, int], ...]
    master_name: str
    server: dict[str, Any] = field(repr=False)
    """db, username, password of the server, and its `ssl` options"""
    login: dict[str, Any] = field(repr=False)
    """username, password of the Sentinels, and their `ssl` options"""


def by_sentinels(url: str) -> bool:
    """Whether a URL names Sentinels, and not the server itself."""
    return url.startswith((SENTINEL, TLS_SENTINEL))


def check_url(value: str) -> str:
    """The URL, when it can be read. Raises ValueError, which never holds a part of it."""
    if len(value) > LONGEST:
        raise ValueError(f"is longer than {LONGEST} characters")
    if by_sentinels(value):
        _check_files(sentinel_url(value).server)
        return value
    if not value.startswith(("redis://", "rediss://")):
        raise ValueError("must start with redis://, rediss://, sentinel:// or rediss+sentinel://")
    try:
        _parse(value)
    except ValueError:  # its message may hold a part of the password
        raise ValueError(
            "cannot be read: is the port a number, are / and @ in the password %2F and %40?"
        ) from None
    if value.startswith("rediss://"):
        _check_files(dict(parse_qsl(urlsplit(value).query)))
    return value


def _check_files(options: dict[str, Any]) -> None:
    """Whether what TLS needs is there: the client would say `No such file`, and neither which nor whose."""
    for name in _TLS_FILES:
        path = options.get(name)
        if path:
            try:
                os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))  # of a pipe nobody may hold the end
            except (OSError, ValueError) as error:
                raise ValueError(f"{name}={path!r} cannot be read: {error.__class__.__name__}") from None


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
    scheme = TLS_SENTINEL if value.startswith(TLS_SENTINEL) else SENTINEL
    if any(f"{part.scheme}://" != scheme or not part.hostname for part in split):
        raise ValueError(f"each part must be {scheme}host:port, with ; between them")
    if any(part.path.strip("/") or part.query or part.username or part.password for part in others):
        raise ValueError("user, password, database and ?master_name belong into the first part")
    query = _query(first.query, scheme)
    name = query.get("master_name", MASTER_NAME)
    if not _NAME.fullmatch(name):
        raise ValueError("master_name must be 1-128 of A-Z a-z 0-9 . _ -")
    database = first.path.strip("/") or "0"
    if not database.isdecimal() or not database.isascii():
        raise ValueError("the database must be a number")
    given = {"username": first.username, "password": first.password}
    server: dict[str, Any] = {"db": int(database)}
    server |= {option: unquote(value) for option, value in given.items() if value}
    login: dict[str, Any] = {
        option: query[f"sentinel_{option}"]
        for option in ("username", "password")
        if query.get(f"sentinel_{option}")
    }
    if scheme == TLS_SENTINEL:
        tls = {"ssl": True, **_tls(query)}
        server |= tls
        if _said("sentinel_tls", query.get("sentinel_tls", "yes")):
            login |= tls
    return SentinelUrl(sentinels, name, server, login)


def _query(written: str, scheme: str) -> dict[str, str]:
    query = dict(parse_qsl(written, keep_blank_values=True))
    known = _KNOWN | (_TLS_KNOWN if scheme == TLS_SENTINEL else set())
    if set(query) & _TLS_KNOWN - known:
        raise ValueError("TLS with Sentinels is rediss+sentinel:// in each part")
    if set(query) - known:  # not shown: behind a ? in a password it would be a part of that
        raise ValueError(f"the query may hold {', '.join(sorted(known))}; is a ? in the password %3F?")
    return query


def _tls(query: dict[str, str]) -> dict[str, Any]:
    """The options of a client's connection by TLS; the other side has to prove its name by default."""
    reqs = query.get("ssl_cert_reqs", "required")
    if reqs not in ("required", "optional", "none"):
        raise ValueError("ssl_cert_reqs must be required, optional or none")
    checks = query.get("ssl_check_hostname", "yes" if reqs == "required" else "no")
    files = {name: query[name] for name in _TLS_FILES if query.get(name)}
    return {"ssl_cert_reqs": reqs, "ssl_check_hostname": _said("ssl_check_hostname", checks), **files}


def _said(name: str, value: str) -> bool:
    if value.lower() not in _YES | _NO:
        raise ValueError(f"{name} must be yes or no")
    return value.lower() in _YES


def broker_of(url: str) -> tuple[str, dict[str, Any]]:
    """The URL for Celery's transport, and its options: kombu takes the name of the server by these.

    A URL that is no Sentinel's is given back as it is, and so is one that cannot be read: Celery says why.
    """
    own = url.removeprefix("smsfleet+")
    if not by_sentinels(own):
        return url, {}
    try:
        found = sentinel_url(own)
    except ValueError:
        return url, {}
    options: dict[str, Any] = {"master_name": found.master_name}
    if found.login:
        options["sentinel_kwargs"] = found.login
    first, *others = own.replace(TLS_SENTINEL, SENTINEL).split(";")
    # Kombu takes TLS from the query, with or without options.
    tls = {
        name: str(value).lower() if value in {True, False} else value
        for name, value in found.server.items()
        if name.startswith("ssl_")
    }
    query = f"?{urlencode(tls)}" if tls else ""
    plain = ";".join([first.partition("?")[0] + query, *others])
    return url[: len(url) - len(own)] + plain, options
