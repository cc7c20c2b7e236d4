"""Who may bind: credentials, the one bind of an account, and the lock-out (guide §5 step 4, §9)."""

from __future__ import annotations

from smsfleet.config.codes import (
    ESME_RALYNBD,
    ESME_RBINDFAIL,
    ESME_RINVPASWD,
    ESME_RINVSYSID,
    ESME_RINVSYSTYP,
    ESME_ROK,
)
from smsfleet.simulator.options import SimulatorOptions
from smsfleet.smpp.constants import BindMode
from smsfleet.smpp.server_events import BindRequested


class Logins:
    """The logins of one account. A connection is any number that the caller gives it."""

    def __init__(self) -> None:
        self._bound: dict[int, BindMode] = {}
        self._failed: list[float] = []
        self._locked_until = float("-inf")

    @property
    def bound(self) -> dict[int, BindMode]:
        """The bound connections and how they are bound."""
        return dict(self._bound)

    def judge(self, connection: int, asked: BindRequested, options: SimulatorOptions, *, now: float) -> int:
        """The command_status that answers a bind; 0 binds the connection until `release`."""
        if now < self._locked_until:
            return ESME_RBINDFAIL  # the guide only says that one cannot connect
        status = self._status(asked, options)
        if status == ESME_ROK:
            self._bound[connection] = asked.mode
            self._failed.clear()
        elif status != ESME_RALYNBD or options.already_bound_counts:
            self._failed = [at for at in self._failed if at > now - options.lockout_s] + [now]
            if len(self._failed) >= options.failed_logins:
                self._locked_until = now + options.lockout_s
                self._failed.clear()
        return status

    def release(self, connection: int) -> None:
        """The connection has unbound or is gone."""
        self._bound.pop(connection, None)

    def _status(self, asked: BindRequested, options: SimulatorOptions) -> int:
        if asked.system_id != options.system_id.encode():
            return ESME_RINVSYSID
        if asked.password != options.password.encode():
            return ESME_RINVPASWD
        if asked.system_type != options.system_type.encode():
            return ESME_RINVSYSTYP
        return ESME_ROK if self._has_room(asked.mode, options) else ESME_RALYNBD

    def _has_room(self, mode: BindMode, options: SimulatorOptions) -> bool:
        modes = list(self._bound.values())
        if modes.count(mode) >= options.binds:
            return False
        if not options.exclusive or not modes:
            return True
        return mode != "transceiver" and "transceiver" not in modes
