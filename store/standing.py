"""What holds for the account now: its rate, as far as the gateway lets us have it, and its pauses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from smsfleet.store.calls import Call, eval_call
from smsfleet.store.keys import LANES, Keys
from smsfleet.store.scripts import script

ACCOUNT = "all"
"""The name of the whole account beside those of the lanes."""


@dataclass(frozen=True, slots=True)
class Pause:
    """An operator lets nothing of a lane, or of the account, through."""

    age_s: float
    reason: str


@dataclass(frozen=True, slots=True)
class GatewayPause:
    """The gateway refuses the whole account: only a probe goes out from time to time."""

    age_s: float
    command_status: int
    """what it said"""
    next_probe_s: float
    """until the next probe; negative when it waits for a segment that can be sent"""
    probes: int
    """how many were refused"""


@dataclass(frozen=True, slots=True)
class Standing:
    """The account at one moment."""

    set_rate: float | None
    """segments per second as the workers were told; None before the first admission"""
    rate: float | None
    """what is in force: lower than `set_rate` while the gateway throttles"""
    throttled: int
    """answers that said so (0x58, 0x14), since the account's Redis is there"""
    paused: dict[str, Pause]
    """by lane, or `ACCOUNT`"""
    gateway: GatewayPause | None

    def is_open(self, lane: str) -> bool:
        """Whether segments of the lane go out as they come."""
        return not (self.gateway or ACCOUNT in self.paused or lane in self.paused)

    @property
    def probe_due(self) -> bool:
        """Whether the next segment that can be sent is the probe of an account that the gateway refuses."""
        return self.gateway is not None and ACCOUNT not in self.paused and self.gateway.next_probe_s <= 0

    @classmethod
    def of_dict(cls, values: dict[str, Any]) -> Standing:
        """The reverse of `as_dict`."""
        gateway = values["gateway"]
        paused = {name: Pause(**held) for name, held in values["paused"].items()}
        return cls(
            values["set_rate"],
            values["rate"],
            values["throttled"],
            paused,
            gateway and GatewayPause(**gateway),
        )

    def as_dict(self) -> dict[str, Any]:
        """As plain values, for operators' programs."""
        gateway = self.gateway
        return {
            "set_rate": self.set_rate,
            "rate": self.rate,
            "throttled": self.throttled,
            "paused": {
                name: {"age_s": round(pause.age_s, 1), "reason": pause.reason}
                for name, pause in self.paused.items()
            },
            "gateway": gateway
            and {
                "age_s": round(gateway.age_s, 1),
                "command_status": gateway.command_status,
                "next_probe_s": round(gateway.next_probe_s, 1),
                "probes": gateway.probes,
            },
        }


class Standings:
    """The calls about one account's rate and pauses."""

    def __init__(self, keys: Keys, *, now_ms: int = 0) -> None:
        self._keys = keys
        self._now_ms = now_ms

    def read(self) -> Call[Standing]:
        """The account as it is now."""
        return eval_call(script("standing"), [self._keys.rate, self._keys.pause], (self._now_ms,), _standing)

    def pause(self, names: Sequence[str], reason: str) -> Call[int]:
        """Let nothing of these lanes (or `ACCOUNT`) begin any more; reply: how many were not paused yet."""
        return eval_call(script("pause"), [self._keys.pause], (self._now_ms, reason, *names), int)

    def resume(self, names: Sequence[str]) -> Call[int]:
        """End pauses, with that of `ACCOUNT` the gateway's too; reply: how many were ended."""
        return eval_call(script("resume"), [self._keys.pause], names, int)


def _standing(reply: Any) -> Standing:
    now, set_rate, rate, throttled, *pairs = reply
    fields = {name.decode(): value.decode() for name, value in zip(pairs[::2], pairs[1::2], strict=True)}

    def age_s(since_ms: str) -> float:
        return (int(now) - int(since_ms)) / 1000

    paused = {}
    for name in (ACCOUNT, *LANES):
        if name in fields:
            since_ms, _, reason = fields[name].partition(",")
            paused[name] = Pause(age_s(since_ms), reason)
    gateway = None
    if "gateway" in fields:
        since_ms, _, status = fields["gateway"].partition(",")
        next_s, every_s = -age_s(fields["probe"]), int(fields.get("every", "0")) / 1000
        if next_s > every_s:  # later than it can be: the clock was set back, and begin.lua lets it out now
            next_s = 0.0
        gateway = GatewayPause(age_s(since_ms), int(status), next_s, int(fields.get("probes", "0")))
    return Standing(
        float(set_rate) if set_rate else None, float(rate) if rate else None, int(throttled), paused, gateway
    )
