"""Who is logged in, and whose logins fail too often. In memory: a restart asks everybody again."""

from __future__ import annotations

import hashlib
import hmac
import math
import secrets
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from smsfleet.web.users import User

MOST_SESSIONS = 1000
MOST_KEYS = 10_000

WINDOW_S = 300.0
"""For so long a failed login counts."""

OF_ADDRESS, OF_NAME = 5, 20
"""Failed logins within the window after which none is tried. More for a name: others may be trying it."""


@dataclass(slots=True)
class Session:
    """Somebody who has logged in."""

    user: User
    ends_at: float
    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    """what a form must bring, so that no other site can send it"""
    said: list[str] = field(default_factory=list)
    """what is to be told on the next page"""


class Sessions:
    """The sessions of one process, by the hash of their token."""

    def __init__(self, lasts_s: float, clock: Callable[[], float]) -> None:
        self._lasts_s = lasts_s
        self._clock = clock
        self._sessions: OrderedDict[bytes, Session] = OrderedDict()

    def begin(self, user: User) -> str:
        """The token of a new session; the oldest goes where there are too many."""
        token = secrets.token_urlsafe(32)
        self._sessions[_digest(token)] = Session(user, self._clock() + self._lasts_s)
        while len(self._sessions) > MOST_SESSIONS:
            self._sessions.popitem(last=False)
        return token

    def of(self, token: str | None) -> Session | None:
        """The session of a token, unless it has ended."""
        if not token:
            return None
        found = self._sessions.get(_digest(token))
        if found is not None and found.ends_at <= self._clock():
            del self._sessions[_digest(token)]
            return None
        return found

    def end(self, token: str | None) -> None:
        """Log out."""
        if token:
            self._sessions.pop(_digest(token), None)

    def end_session(self, session: Session) -> None:
        """Log out whoever has this session."""
        for digest, kept in list(self._sessions.items()):
            if kept is session:
                del self._sessions[digest]


def is_from_page(session: Session, given: str) -> bool:
    """Whether a form brought the token of the session."""
    return hmac.compare_digest(session.csrf.encode(), given.encode("utf-8", "replace"))


class Throttle:
    """Counts failed logins by address and by name."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failed: OrderedDict[tuple[str, str], deque[float]] = OrderedDict()

    def wait_s(self, address: str, name: str) -> int:
        """For how long no login of this address, or of this name, is tried; 0: it may be tried."""
        limits = ((("address", address), OF_ADDRESS), (("name", name), OF_NAME))
        return max(self._wait_s(key, most) for key, most in limits)

    def failed(self, address: str, name: str) -> None:
        """Count a login before its outcome is known, so that many at once are counted too."""
        for key in (("address", address), ("name", name)):
            times = self._failed.setdefault(key, deque(maxlen=OF_NAME))
            times.append(self._clock())
            self._failed.move_to_end(key)
        while len(self._failed) > MOST_KEYS:
            self._failed.popitem(last=False)

    def succeeded(self, address: str, name: str) -> None:
        """It was right: what failed before is forgotten."""
        self._failed.pop(("address", address), None)
        self._failed.pop(("name", name), None)

    def _wait_s(self, key: tuple[str, str], most: int) -> int:
        times = self._failed.get(key, deque())
        while times and times[0] <= self._clock() - WINDOW_S:
            times.popleft()
        if len(times) < most:
            return 0
        return math.ceil(times[-most] + WINDOW_S - self._clock())


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()
