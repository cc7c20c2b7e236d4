"""What reached the simulator, in the form of a binder's journal: the same judge hears the other side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from smsfleet.binder.binds import TRAFFIC
from smsfleet.binder.transport import PEER_CLOSED
from smsfleet.config.codes import ESME_ROK, ESME_RX_T_APPN
from smsfleet.simulator.journal import Line
from smsfleet.smpp.events import CloseCause
from smsfleet.store.journal import JournalEntry, Value

RUN = "gateway"


STOPS = "the simulator stops"
"""How the simulator's journal calls the end of its connections when it is stopped."""

ANSWERED_UNBIND = "the ESME has answered our unbind"

SILENCE_S = 15.0
"""An ESME that leaves so soon after its enquire_link has had no answer to it."""


class _Connection:
    """What is known of one TCP connection."""

    def __init__(self, mode: str, *, asks_receipts: bool) -> None:
        self.mode = mode
        self.asks_receipts = asks_receipts
        self.is_bound = False
        self.has_unbound = False
        self.enquired_at = float("-inf")
        self.counts = dict.fromkeys(TRAFFIC, 0)

    def cause(self, line: Line) -> str:
        """Why it ended."""
        if not self.is_bound:
            return CloseCause.BIND_REFUSED
        if self.has_unbound:
            return CloseCause.UNBOUND
        if line["reason"] == ANSWERED_UNBIND:
            return CloseCause.PEER_UNBOUND
        if not line["reason"].startswith("the ESME"):
            return PEER_CLOSED
        return CloseCause.DEAD_LINK if line["at"] - self.enquired_at < SILENCE_S else "left"


def as_entries(lines: Iterable[Line]) -> list[JournalEntry]:
    """The journal that a binder would have written, from the simulator's lines."""
    given = list(lines)
    modes = {line["connection"]: line["mode"] for line in given if line["event"] == "bind"}
    asking = {
        line["connection"] for line in given if line["event"] == "submit_sm" and line["registered_delivery"]
    }
    connections = {
        number: _Connection(mode, asks_receipts=number in asking) for number, mode in modes.items()
    }
    entries: list[JournalEntry] = []
    for line in given:
        if line["connection"] in modes:  # else somebody connected and never asked for a bind
            connection = connections[line["connection"]]
            for kind, fields in _entries(line, connection):
                values = {"mode": connection.mode, **fields}
                entries.append(JournalEntry(round(line["at"] * 1000), RUN, len(entries) + 1, kind, values))
    return entries


def _entries(line: Line, connection: _Connection) -> Iterator[tuple[str, dict[str, Value]]]:
    """What one line says, as kinds and fields."""
    event = line["event"]
    if event == "connect":
        yield "connecting", {}
    elif event == "bind":
        yield "bind", {"receipts": int(connection.asks_receipts)}
        if line["status"]:
            yield "bind_refused", {"status": line["status"]}
        else:
            connection.is_bound = True
            yield "bound", {}
    elif event == "enquire_link":
        connection.enquired_at = line["at"]
        yield "enquire_link", dict(connection.counts)
    elif event in ("submit_sm", "refused") and line["status"]:
        kind = str(line.get("command", event))
        yield "rejected_pdu", {"kind": kind, "status": line["status"], "direction": "sent"}
    elif event == "unbind":
        connection.has_unbound = True
    elif event == "disconnect":
        yield "disconnected", {"cause": connection.cause(line), "reason": line["reason"], **connection.counts}
        if line["reason"] == STOPS:  # attempts meanwhile reach nobody
            yield "bind_asked", {"what": "wait"}
    _count(line, connection.counts)


def _count(line: Line, counts: dict[str, int]) -> None:
    match line["event"]:
        case "submit_sm":
            counts["submit_sm"] += 1
            counts["accepted"] += not line["status"]
        case "deliver_sm":
            counts["deliver_sm"] += 1
        case "deliver_sm_resp":
            answer = {ESME_ROK: "taken", ESME_RX_T_APPN: "sent_back"}.get(line["status"], "refused")
            counts[answer] += 1
