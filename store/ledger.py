"""The bind ledger in Redis: which logins failed, whether one may be tried, and what operators want.

One small hash for each account (`Keys.bind`), so that one look tells everything:

- `login:<attempt>`: `at_ms,mode,status`, a login that failed or may have: reserved before the TCP connect.
  `status` is a command_status, `-` for a login that was never answered, empty while it is not known. `at_ms`
  is the latest moment at which the gateway can have counted it.
- `stop`: JSON, why no further login is tried; `retry`: the id of the operator's last one.
- `pause`: since when an operator wants no bind (ms).
- `epoch`: a name that a flush takes away: what is missing under the same name was removed, else it was lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from smsfleet.store.calls import Call, eval_call, fenced
from smsfleet.store.keys import Keys
from smsfleet.store.scripts import script

LOGIN = "login:"
UNANSWERED = "-"
"""In place of a status: the gateway has not answered the bind."""


@dataclass(frozen=True, slots=True)
class LoginLimits:
    """How many failed logins the gateway bears (guide §9); times in seconds."""

    logins: int
    """so many may fall into ..."""
    window_s: float
    slack_s: float
    """from the reservation to the last moment at which the gateway can count the login"""
    already_bound_s: float
    """after 0x05: how long the ghost of an earlier connection may live"""


@dataclass(frozen=True, slots=True)
class Login:
    """A login that failed, or that nobody knows of whether it did."""

    attempt: str
    mode: str
    status: str
    """a command_status in digits, UNANSWERED, or empty: reserved, and no outcome known"""
    age_s: float
    """since the gateway counted it; negative for one that is reserved"""


@dataclass(frozen=True, slots=True)
class Asked:
    """Whether a login may be tried."""

    word: str
    """allowed, paused, stopped or wait"""
    stop: str = ""
    """why no login is tried, JSON"""
    wait_s: float = 0.0
    reason: str = ""
    """what is waited for: `logins` or `already-bound`"""


@dataclass(frozen=True, slots=True)
class LedgerView:
    """Everything in the ledger."""

    epoch: str = ""
    paused_s: float | None = None
    """for how long an operator has wanted no bind"""
    stop: str = ""
    retry: str = ""
    logins: tuple[Login, ...] = ()
    """the newest last"""


class Ledger:
    """The calls of one account's ledger. `now_ms` is for tests: 0 means the server's clock."""

    def __init__(self, keys: Keys, *, now_ms: int = 0) -> None:
        self._fence = keys.fence
        self._bind = keys.bind
        self._now_ms = now_ms

    def ask(self, token: str, attempt: str, mode: str, limits: LoginLimits) -> Call[Asked]:
        """Reserve a login as a failed one, if one may be tried now. Raises Fenced."""
        arguments = (
            token,
            self._now_ms,
            LOGIN + attempt,
            mode,
            _ms(limits.slack_s),
            limits.logins,
            _ms(limits.window_s),
            _ms(limits.already_bound_s),
            attempt,
        )
        return eval_call(script("bind_ask"), [self._fence, self._bind], arguments, fenced(_asked))

    def void(self, attempt: str) -> Call[bool]:
        """Nothing connected, so no login took place; True when it was reserved."""
        return Call(("HDEL", self._bind, LOGIN + attempt), bool)

    def ok(self, attempt: str) -> Call[bool]:
        """The login did not fail: its own reservation goes, and no other; True when it was there."""
        return Call(("HDEL", self._bind, LOGIN + attempt), bool)

    def failed(self, attempt: str, mode: str, status: str, stop: str = "") -> Call[str]:
        """The login failed now; with `stop` no further one is tried. Reply: the id of the last retry."""
        arguments = (self._now_ms, LOGIN + attempt, mode, status, stop, attempt)
        return eval_call(script("bind_failed"), [self._bind], arguments, bytes.decode)

    def lift(self, token: str, stop: str) -> Call[bool]:
        """End a stop, unless there is another by now; True when it is ended. Raises Fenced."""
        return eval_call(script("bind_lift"), [self._fence, self._bind], (token, stop), fenced(bool))

    def retry(self, retry: str) -> Call[bool]:
        """An operator's: allow the next login after a stop; True when one was lifted."""
        return eval_call(script("bind_retry"), [self._bind], (retry,), bool)

    def pause(self) -> Call[bool]:
        """An operator's: no bind until `resume`; False when it was paused before."""
        return eval_call(script("bind_pause"), [self._bind], (self._now_ms,), bool)

    def resume(self) -> Call[bool]:
        """An operator's: bind again; False when it was not paused."""
        return Call(("HDEL", self._bind, "pause"), bool)

    def read(self) -> Call[LedgerView]:
        """Everything in the ledger; changes nothing."""
        return eval_call(script("bind_read"), [self._bind], (self._now_ms,), _view)


def _asked(reply: Any) -> Asked:
    word = reply[0].decode()
    if word == "stopped":
        return Asked(word, stop=reply[1].decode())
    if word == "wait":
        return Asked(word, wait_s=reply[1] / 1000, reason=reply[2].decode())
    return Asked(word)


def _view(reply: Any) -> LedgerView:
    now_ms, flat = reply
    texts = [text.decode() for text in flat]
    fields = dict(zip(texts[::2], texts[1::2], strict=True))
    logins = [
        _login(name.removeprefix(LOGIN), value, now_ms)
        for name, value in fields.items()
        if name.startswith(LOGIN)
    ]
    pause = fields.get("pause")
    return LedgerView(
        epoch=fields.get("epoch", ""),
        paused_s=None if pause is None else max(0.0, (now_ms - int(pause)) / 1000),
        stop=fields.get("stop", ""),
        retry=fields.get("retry", ""),
        logins=tuple(sorted(logins, key=lambda login: -login.age_s)),
    )


def _login(attempt: str, value: str, now_ms: int) -> Login:
    at_ms, mode, status = value.split(",")
    return Login(attempt, mode, status, (now_ms - int(at_ms)) / 1000)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
