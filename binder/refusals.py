"""What a refused bind means: which ones end all attempts, what to mend, how settings are recognised."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

from smsfleet.config.codes import (
    ESME_RALYNBD,
    ESME_RBINDFAIL,
    ESME_RINVPASWD,
    ESME_RINVSYSID,
    ESME_RINVSYSTYP,
    command_status,
)

MEND: Final = {
    ESME_RINVPASWD: "SMSFLEET_SMPP_PASSWORD",
    ESME_RINVSYSID: "SMSFLEET_SMPP_SYSTEM_ID",
    ESME_RINVSYSTYP: "SMSFLEET_SMPP_SYSTEM_TYPE",
}
"""Refusals that another attempt with the same settings cannot pass (guide §9), and the setting to mend."""

ADVICE: Final = {
    ESME_RALYNBD: "the account is bound already, by another binder or by the ghost of the last connection",
    ESME_RBINDFAIL: (
        "locked out for 180 s after three failed logins, whoever's, or the account is disabled: "
        "it is tried again; ask Clickatell if it stays so"
    ),
}

_DIGEST_OCTETS = 2
_SALT_OCTETS = 16
_SCRYPT = {"n": 2**14, "r": 8, "p": 1, "maxmem": 2**26}
"""16 MiB and about 50 ms for each guess"""


def advice(status: int) -> str:
    """A refusal for operators: its code, its name, and what to do."""
    label = command_status(status).label
    if status in MEND:
        return (
            f"{label}: mend {MEND[status]} and restart the binder; "
            "if nothing is wrong with it, `smsfleet bind retry`"
        )
    return f"{label}: {ADVICE.get(status, command_status(status).description)}"


@dataclass(frozen=True, slots=True)
class Stop:
    """Why no login is tried any more: which refusal, and of which settings."""

    status: int
    mode: str
    salt: str
    digest: str

    @classmethod
    def of(cls, status: int, mode: str, login: Sequence[str]) -> Stop:
        """The stop after this refusal of this login."""
        salt = secrets.token_hex(_SALT_OCTETS)
        return cls(status, mode, salt, _digest(login, salt))

    @classmethod
    def from_json(cls, text: str) -> Stop:
        """Read one back. Raises ValueError, TypeError or KeyError for anything else."""
        values = json.loads(text)
        return cls(int(values["status"]), str(values["mode"]), str(values["salt"]), str(values["digest"]))

    def to_json(self) -> str:
        """As it is stored."""
        return json.dumps(asdict(self), separators=(",", ":"))

    def is_of(self, login: Sequence[str]) -> bool:
        """Whether it was this login that was refused; a changed one is taken for it once in 65,536."""
        return _digest(login, self.salt) == self.digest


def advice_of_stop(text: str) -> str:
    """What a stored stop says to operators."""
    try:
        return advice(Stop.from_json(text).status)
    except (ValueError, TypeError, KeyError):
        return "a stop that this version cannot read: `smsfleet bind retry` ends it"


def _digest(login: Sequence[str], salt: str) -> str:
    """What is stored of the settings, to see whether they have changed.

    Two octets only, of a slow and salted digest: whoever reads Redis or the file can rule guesses out, 65,535
    of 65,536, but never learns that one is right; of a billion likely passwords 15,000 are left, and the
    gateway takes two in three minutes.
    """
    octets = json.dumps(list(login)).encode()
    return hashlib.scrypt(octets, salt=bytes.fromhex(salt), dklen=_DIGEST_OCTETS, **_SCRYPT).hex()
