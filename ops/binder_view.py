"""What the binder said of itself last, with ages in place of times."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from smsfleet.store.lease import reckoned_from

ABSENT, SILENT = "absent", "standby"
"""The states when no binder has reported lately: nobody leads; somebody leads and is silent."""

UNREADABLE = "what the binder said of itself cannot be read: is it of another version?"


@dataclass(frozen=True, slots=True)
class SideView:
    """One bind of the binder: a pair has two. Counts are since its process started."""

    mode: str = ""
    state: str = ""
    why: str = ""
    since_s: float | None = None
    """for how long it has been in this state"""
    bound_s: float | None = None
    """for how long it has been bound; None: it is not"""
    unbound_s: float | None = None
    """for how long it has not been, through all attempts; None: it is"""
    last_disconnect: str = ""
    binds: int = 0
    disconnects: int = 0
    enquire_link_s: float | None = None
    """since the last enquire_link of ours on this connection"""
    enquire_link_resp_s: float | None = None
    """since the last answer to one"""


@dataclass(frozen=True, slots=True)
class BinderView:
    """The binder that leads. Counts are since its process started."""

    state: str = ABSENT
    """bound, standby, connecting, binding, waiting, refused, paused, draining, stopped or absent"""
    why: str = ""
    since_s: float | None = None
    """for how long; None: nobody knows"""
    unbound_s: float | None = None
    """for how long it has not been bound, through all attempts; None: it is, or nobody knows"""
    gateway: str = ""
    bind_mode: str = ""
    host: str = ""
    pid: int | None = None
    last_disconnect: str = ""
    window: int = 0
    in_flight: int = 0
    unanswered_s: float | None = None
    """for how long the oldest of them has been on the wire; None: none is, or nobody knows"""
    submitted: int = 0
    answered: int = 0
    delivered: int = 0
    """deliver_sm that were stored"""
    delivered_s: float | None = None
    """since the last of them; None: none was, or nobody knows"""
    accepted_since: int = 0
    """submit_sm that were accepted since the report that first told of it"""
    sent_back: int = 0
    """deliver_sm that Redis could not take: the gateway keeps them"""
    queried: int = 0
    queries_per_s: float = 0.0
    errors: Mapping[str, int] = field(default_factory=dict)
    """answers to submit_sm that refused it, by command_status as in `0x00000058`, or `other`"""
    ambiguous: Mapping[str, int] = field(default_factory=dict)
    """segments whose outcome nobody knew, by what became of them: `resent`, `held` or `failed`"""
    ambiguous_s: float | None = None
    """since the last of them"""
    per_s: Mapping[str, float] = field(default_factory=dict)
    """`submitted`, `answered` and `delivered` a second, between the last two reports"""
    response_ms: Mapping[str, float] = field(default_factory=dict)
    """`p50` and `p99` of the time from submit_sm to its answer, between the last two reports with answers"""
    sides: tuple[SideView, ...] = ()

    @property
    def is_bound(self) -> bool:
        """Whether every side is bound."""
        return self.state == "bound"


def binder_view(reported: str | None, *, has_leader: bool, now_ms: int) -> BinderView:
    """The record in the key `binder`; fields that another version writes or lacks do no harm."""
    if reported is None:
        if has_leader:
            return BinderView(state=SILENT, why="the binder that leads has not reported yet")
        return BinderView(why="no binder is running")
    try:
        said = json.loads(reported)
        now_ms = reckoned_from(said, now_ms)
        sides = tuple(_view(SideView, side, now_ms) for side in said.pop("sides", ()))
        view: BinderView = _view(BinderView, said | {"sides": sides}, now_ms)
    except (ValueError, TypeError, AttributeError):
        # A view of a fleet in trouble must not fail of it: the binder writes its record anew within seconds.
        return BinderView(state=SILENT if has_leader else ABSENT, why=UNREADABLE)
    return view


def _view(kind: Any, said: dict[str, Any], now_ms: int) -> Any:
    ages = {
        f"{name}_s": _age_s(said.get(f"{name}_ms"), now_ms)
        for name in ("since", "enquire_link", "enquire_link_resp", "ambiguous", "delivered")
    }
    for name in ("bound", "unbound", "unanswered"):
        ages[f"{name}_s"] = _age_s(said.get(f"{name}_since_ms"), now_ms)
    known = {item.name for item in fields(kind)}
    blank, shown = kind(), {name: value for name, value in (said | ages).items() if name in known}
    for name, value in shown.items():
        if not _fits(value, getattr(blank, name)):
            raise TypeError(f"{name} is {value!r}")
    return kind(**shown)


def _fits(value: Any, blank: Any) -> bool:
    """Whether a value is of the kind of the field's default; what is unknown by default is a number."""
    if blank is None:
        return value is None or _is_number(value)
    if isinstance(blank, dict):
        return isinstance(value, dict) and all(map(_is_number, value.values()))
    return _is_number(value) if isinstance(blank, int | float) else isinstance(value, type(blank))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _age_s(at_ms: int | None, now_ms: int) -> float | None:
    # The binder's host may be ahead of the server by a little.
    return None if at_ms is None else max(0, now_ms - at_ms) / 1000
