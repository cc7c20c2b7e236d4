"""Who may log in: a file with a line for each, which holds a hash and no password."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from smsfleet.config.errors import ConfigError, InvalidArgument
from smsfleet.config.files import LOGINS_OCTETS, read_bounded

COST, BLOCK, TIMES = 2**14, 8, 5
"""scrypt's N, r and p: OWASP's for 16 MiB (Password Storage Cheat Sheet)."""

MOST_MEMORY = 64 * 1024 * 1024
SHORTEST, LONGEST = 12, 256
"""Characters of a password (ASVS 2.1.1 and 2.1.2)."""

_NAME = re.compile(r"[A-Za-z0-9._@-]{1,64}")


class Role(StrEnum):
    """What somebody may do."""

    VIEWER = "viewer"
    """look; numbers are masked"""
    OPERATOR = "operator"
    """see numbers, pause, resume, cancel, decide"""


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who may log in."""

    name: str
    role: Role

    @property
    def may_operate(self) -> bool:
        """Whether numbers are shown and something may be changed."""
        return self.role is Role.OPERATOR


class Users:
    """Those of a file; `check` takes as long for somebody unknown."""

    def __init__(self, lines: Iterable[str]) -> None:
        """Raises ConfigError that names the line, and nothing of what is in it."""
        self._hashes: dict[str, str] = {}
        self._users: dict[str, User] = {}
        lines_of: dict[str, int] = {}
        for number, line in enumerate(lines, start=1):
            if not line.strip() or line.startswith("#"):
                continue
            try:
                name, role, digest = line.strip().split(":")
                self._users[name] = User(_known(name), Role(role))
                _read(digest)
            except ValueError:
                raise ConfigError(
                    f"SMSFLEET_WEB_USERS_FILE, line {number} is refused: must be NAME:ROLE:HASH as"
                    " `smsfleet web user` prints it"
                ) from None
            if (first := lines_of.setdefault(name, number)) != number:
                # Which of two passwords, or roles, somebody meant to take away is not guessed.
                raise ConfigError(
                    f"SMSFLEET_WEB_USERS_FILE, lines {first} and {number} name the same person: remove one"
                )
            self._hashes[name] = digest
        if not self._users:
            raise ConfigError(
                "SMSFLEET_WEB_USERS_FILE names nobody: add a line with `smsfleet web user NAME`"
            )
        self._nobody = _hash(secrets.token_urlsafe())

    @classmethod
    def of_file(cls, path: str) -> Users:
        """Raises ConfigError when the file cannot be read or a line is not of its form."""
        try:
            lines = read_bounded(path, LOGINS_OCTETS).splitlines()
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"SMSFLEET_WEB_USERS_FILE={path!r} cannot be read: {error.__class__.__name__}"
            ) from None
        return cls(lines)

    def check(self, name: str, password: str) -> User | None:
        """The user of this name and password; takes some tenths of a second of CPU."""
        salt, known = _read(self._hashes.get(name, self._nobody))
        given = _scrypt(password[:LONGEST], salt)
        if hmac.compare_digest(known, given) and name in self._users:
            return self._users[name]
        return None


def line_of(name: str, role: str, password: str) -> str:
    """The line for somebody; raises InvalidArgument."""
    if not _NAME.fullmatch(name):
        raise InvalidArgument(f"name {name!r} is refused: must be 1-64 of A-Z a-z 0-9 . _ @ -")
    if not SHORTEST <= len(password) <= LONGEST:
        raise InvalidArgument(
            f"a password of {len(password)} characters is refused: must have {SHORTEST} to {LONGEST}"
        )
    return f"{name}:{Role(role)}:{_hash(password)}"


def _known(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError
    return name


def _hash(password: str) -> str:
    salt = secrets.token_bytes(16)
    return "scrypt$" + "$".join(base64.b64encode(part).decode() for part in (salt, _scrypt(password, salt)))


def _read(digest: str) -> tuple[bytes, bytes]:
    """Salt and hash; raises ValueError."""
    kind, salt, known = digest.split("$")
    if kind != "scrypt":
        raise ValueError
    return base64.b64decode(salt, validate=True), base64.b64decode(known, validate=True)


def _scrypt(password: str, salt: bytes) -> bytes:
    octets = password.encode("utf-8", "surrogatepass")
    return hashlib.scrypt(octets, salt=salt, n=COST, r=BLOCK, p=TIMES, maxmem=MOST_MEMORY)
