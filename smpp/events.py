"""What a `Session` reports. Every event says what the caller must do next; the rest is information.

Of every request that was submitted exactly one outcome is reported: SubmitAnswered (or QueryAnswered),
Nacked, TimedOut or LinkLost. The last two mean that nobody knows whether the gateway has the message; a
request that timed out may be settled later by a LateAnswer. T is the caller's token of a request.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, NamedTuple, TypeAlias, TypeVar

T = TypeVar("T")


class CloseCause(StrEnum):
    """Why a connection must be closed: stable words for journals and metrics."""

    BIND_REFUSED = "bind-refused"
    BIND_TIMEOUT = "bind-timeout"
    DEAD_LINK = "dead-link"
    RESPONSE_TIMEOUT = "response-timeout"
    INCOMPLETE_PDU = "incomplete-pdu"
    FRAMING_ERROR = "framing-error"
    PEER_UNBOUND = "peer-unbound"
    UNBOUND = "unbound"
    UNBIND_TIMEOUT = "unbind-timeout"


# --- the bind ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Bound:
    """The bind was accepted: submit. `interface_version` is None when the gateway did not tell."""

    peer_system_id: bytes
    interface_version: int | None


@dataclass(frozen=True, slots=True)
class BindRefused:
    """The bind was refused: record it in the ledger. CloseConnection follows, if it did not come before."""

    command_status: int


# --- outcomes of requests ----------------------------------------------------------------------


class SubmitAnswered(NamedTuple, Generic[T]):
    """The submit_sm was answered: record it. `message_id` is opaque, and empty for most refusals.

    A NamedTuple, because there is one for every message and it is made in half the time.
    """

    token: T
    command_status: int
    message_id: bytes


@dataclass(frozen=True, slots=True)
class QueryAnswered(Generic[T]):
    """The query_sm was answered; `message_state` and `error_code` are None when the body tells none."""

    token: T
    command_status: int
    message_id: bytes
    final_date: bytes = b""
    message_state: int | None = None
    error_code: int | None = None


@dataclass(frozen=True, slots=True)
class Nacked(Generic[T]):
    """The request was answered by generic_nack: it was refused, whatever the status (even 0) says."""

    token: T
    command_status: int


@dataclass(frozen=True, slots=True)
class TimedOut(Generic[T]):
    """No response in time, outcome of a submit_sm unknown: record the ambiguity. CloseConnection follows.

    A query_sm changes nothing at the gateway, and a gateway may not know it: the link stays.
    """

    token: T


@dataclass(frozen=True, slots=True)
class LinkLost(Generic[T]):
    """The connection ended before the response, outcome unknown: record the ambiguity."""

    token: T


@dataclass(frozen=True, slots=True)
class LateAnswer(Generic[T]):
    """The response to a request that was reported as TimedOut: record it, it settles the ambiguity."""

    token: T
    command_status: int
    message_id: bytes


# --- deliveries --------------------------------------------------------------------------------


class Delivered(NamedTuple):
    """A well-formed deliver_sm: persist `body`, then call `Session.deliver_resp(sequence_number)`.

    A NamedTuple for the same reason: one for every receipt.
    """

    sequence_number: int
    body: bytes


@dataclass(frozen=True, slots=True)
class DeliverRefused:
    """A deliver_sm that the session has refused itself: keep `body` for inspection; nothing to answer."""

    sequence_number: int
    command_status: int
    reason: str
    body: bytes


# --- the link ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class EnquireLinkSent:
    """An enquire_link is among the data to send; `at` is the `now` of the tick. For the journal."""

    at: float


@dataclass(frozen=True, slots=True)
class EnquireLinkAnswered:
    """The peer answered our enquire_link. For the journal."""

    round_trip_s: float


@dataclass(frozen=True, slots=True)
class EnquireLinkReceived:
    """The peer asked for a sign of life; the answer is among the data to send."""


@dataclass(frozen=True, slots=True)
class PeerUnbound:
    """The peer ended the session; unbind_resp is among the data to send. CloseConnection follows."""


@dataclass(frozen=True, slots=True)
class Unbound:
    """The peer answered our unbind. CloseConnection follows."""


@dataclass(frozen=True, slots=True)
class UnexpectedResponse:
    """A response that belongs to no request of ours: log it."""

    command_id: int
    sequence_number: int
    command_status: int


@dataclass(frozen=True, slots=True)
class ProtocolViolation:
    """The peer broke a rule and the session coped with it: log it."""

    reason: str


@dataclass(frozen=True, slots=True)
class CloseConnection:
    """The session is over: send what `data_to_send` still gives, close, then call `connection_lost`."""

    reason: str
    cause: CloseCause


CommonEvent: TypeAlias = UnexpectedResponse | ProtocolViolation | CloseConnection
"""What either side of a connection may report."""

EsmeEvent: TypeAlias = (
    Bound
    | BindRefused
    | SubmitAnswered[T]
    | QueryAnswered[T]
    | Nacked[T]
    | TimedOut[T]
    | LinkLost[T]
    | LateAnswer[T]
    | Delivered
    | DeliverRefused
    | EnquireLinkSent
    | EnquireLinkAnswered
    | EnquireLinkReceived
    | PeerUnbound
    | Unbound
)

Event: TypeAlias = EsmeEvent[T] | CommonEvent
"""Anything that `Session.receive`, `tick` or `connection_lost` returns."""
