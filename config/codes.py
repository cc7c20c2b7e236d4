"""Appendix A: the command_status values of the gateway, what each means for us, and how it is shown.

The table is the guide's (§14), complete; the reactions and the shown statuses are this project's choice,
because the guide gives none. Unknown values pass through and get `UNLISTED`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Reaction(StrEnum):
    """What a negative answer makes us do."""

    NONE = "none"
    """Not an error."""
    TEMPORARY = "temporary"
    """The same segment may pass later: back off, bounded."""
    ACCOUNT = "account"
    """Nothing of this account passes now: pause it, alert, keep the jobs queued, probe with one message."""
    SESSION = "session"
    """The session is not in the state we thought: rebind and send again, bounded."""
    BIND = "bind"
    """Only a bind is answered so: stop, and tell the operator what to fix."""
    PERMANENT = "permanent"
    """This segment will never pass: it is rejected."""
    OUR_BUG = "our-bug"
    """A correct client never causes it: reject the segment and alert loudly."""


@dataclass(frozen=True, slots=True)
class CommandStatus:
    """One row of Appendix A."""

    code: int
    name: str
    description: str
    reaction: Reaction
    shown_status: int | None
    """The Appendix B number that a job is shown with when this code ends (or holds up) a segment."""

    @property
    def retryable(self) -> bool:
        """Whether the same segment may be accepted later."""
        return self.reaction in (Reaction.TEMPORARY, Reaction.ACCOUNT, Reaction.SESSION)

    @property
    def label(self) -> str:
        """Code and name as they are shown to people: `0x00000058 ESME_RTHROTTLED`."""
        return f"0x{self.code:08X} {self.name}"


# The codes that our code itself speaks of.
ESME_ROK = 0x00
ESME_RINVMSGLEN = 0x01
ESME_RINVCMDLEN = 0x02
ESME_RINVCMDID = 0x03
ESME_RINVBNDSTS = 0x04
ESME_RALYNBD = 0x05
ESME_RINVMSGID = 0x0C
ESME_RBINDFAIL = 0x0D
ESME_RINVPASWD = 0x0E
ESME_RINVSYSID = 0x0F
ESME_RMSGQFUL = 0x14
ESME_RINVSYSTYP = 0x53
ESME_RTHROTTLED = 0x58
ESME_RX_T_APPN = 0x64
ESME_ROPTPARNOTALLWD = 0xC1
ESME_RINVPARLEN = 0xC2
ESME_RUNKNOWNERR = 0xFF
ESME_NOCR = 0x401
ESME_MAXCR = 0x402

THROTTLING = frozenset({ESME_RMSGQFUL, ESME_RTHROTTLED})
"""The temporary errors that ask us to be slower: the account's rate is lowered."""

_N, _T, _A, _S, _B, _P, _O = (
    Reaction.NONE,
    Reaction.TEMPORARY,
    Reaction.ACCOUNT,
    Reaction.SESSION,
    Reaction.BIND,
    Reaction.PERMANENT,
    Reaction.OUR_BUG,
)

_ROWS = (
    CommandStatus(0x00, "ESME_ROK", "no error", _N, 8),
    CommandStatus(0x01, "ESME_RINVMSGLEN", "message length is invalid", _P, 5),
    CommandStatus(0x02, "ESME_RINVCMDLEN", "command length is invalid", _O, 5),
    CommandStatus(0x03, "ESME_RINVCMDID", "command id is invalid", _O, 5),
    CommandStatus(0x04, "ESME_RINVBNDSTS", "wrong bind state for this command", _S, None),
    CommandStatus(0x05, "ESME_RALYNBD", "already bound", _B, 5),
    CommandStatus(0x07, "ESME_RINVREGDLVFLG", "registered_delivery is invalid", _P, 5),
    CommandStatus(0x08, "ESME_RSYSERR", "system error", _T, 5),
    CommandStatus(0x0A, "ESME_RINVSRCADR", "source address is invalid", _P, 5),
    CommandStatus(0x0B, "ESME_RINVDSTADR", "destination address is invalid", _P, 5),
    CommandStatus(0x0C, "ESME_RINVMSGID", "message id is invalid", _P, 1),
    CommandStatus(0x0D, "ESME_RBINDFAIL", "bind failed", _B, 5),
    CommandStatus(0x0E, "ESME_RINVPASWD", "password is invalid", _B, 5),
    CommandStatus(0x0F, "ESME_RINVSYSID", "system_id is invalid", _B, 5),
    CommandStatus(0x14, "ESME_RMSGQFUL", "message queue is full", _T, 5),
    CommandStatus(0x43, "ESME_RINVESMCLASS", "esm_class is invalid", _P, 5),
    CommandStatus(0x48, "ESME_RINVSRCTON", "source address TON is invalid", _O, 5),
    CommandStatus(0x53, "ESME_RINVSYSTYP", "system_type is invalid", _B, 5),
    CommandStatus(0x58, "ESME_RTHROTTLED", "message limit exceeded", _T, 5),
    CommandStatus(0x61, "ESME_RINVSCHED", "schedule_delivery_time is invalid", _P, 5),
    CommandStatus(0x62, "ESME_RINVEXPIRY", "validity_period is invalid", _P, 5),
    CommandStatus(0x64, "ESME_RX_T_APPN", "temporary application error of the receiver", _T, 5),
    CommandStatus(0x65, "ESME_RX_P_APPN", "permanent application error of the receiver", _P, 5),
    CommandStatus(0x66, "ESME_RX_R_APPN", "message rejected by the receiver", _P, 5),
    CommandStatus(0xC1, "ESME_ROPTPARNOTALLWD", "optional parameter is not allowed", _P, 5),
    CommandStatus(0xC2, "ESME_RINVPARLEN", "parameter length is invalid", _O, 5),
    CommandStatus(0xFF, "ESME_RUNKNOWNERR", "unknown error", _T, 5),
    CommandStatus(0x400, "ESME_ROUTERR", "no route, number delisted or blocked, or sender ID error", _P, 9),
    CommandStatus(0x401, "ESME_NOCR", "out of credit", _A, 12),
    CommandStatus(0x402, "ESME_MAXCR", "maximum credit exceeded", _A, 12),
    CommandStatus(0x403, "ESME_ACCFROZ", "account frozen", _A, None),
    CommandStatus(0x404, "ESME_DATAERR", "bad data", _P, 5),
    CommandStatus(0x405, "ESME_GENERR", "client error", _P, 5),
)

APPENDIX_A: dict[int, CommandStatus] = {row.code: row for row in _ROWS}
"""Every code of guide §14, by number."""

_GUIDE_SPELLINGS = {
    # The guide's spelling -> the name above, which is SMPP 3.4's where it has one (§5.1.3).
    "ESME_RINVMMSGID": 0x0C,
    "ESME_RINVSRCN": 0x48,
    "ESME_RINVEPIRY": 0x62,
}


def command_status(code: int) -> CommandStatus:
    """The row of `code`; a value that the guide does not list is a permanent error under its number."""
    row = APPENDIX_A.get(code)
    return row or CommandStatus(
        code, f"UNLISTED_{code:08X}", "not in the guide's Appendix A", Reaction.PERMANENT, 5
    )


_BY_NAME = {row.name: row for row in _ROWS} | {
    spelling: APPENDIX_A[code] for spelling, code in _GUIDE_SPELLINGS.items()
}


def by_name(name: str) -> CommandStatus:
    """The row of a name: SMPP's or the guide's spelling, with or without the `SMPP_` prefix.

    Raises KeyError for a name that neither uses.
    """
    return _BY_NAME[name.upper().removeprefix("SMPP_")]
