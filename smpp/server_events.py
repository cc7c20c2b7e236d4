"""What a `SmscSession` reports. Each request event names the method that answers it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeAlias, TypeVar

from smsfleet.smpp.constants import BindMode
from smsfleet.smpp.events import CommonEvent, LinkLost, Nacked
from smsfleet.smpp.message import SubmitSm

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class BindRequested:
    """A well-formed bind: judge it, then call `bind_resp(sequence_number, command_status)`."""

    sequence_number: int
    mode: BindMode
    system_id: bytes
    password: bytes = field(repr=False)
    system_type: bytes
    interface_version: int
    address_range: bytes


class SubmitReceived(NamedTuple):
    """A submit_sm that is correct to the letter: call `submit_resp`.

    A NamedTuple like DeliverAnswered, because there is one for every message (see `events`).
    """

    sequence_number: int
    body: bytes

    def decode(self) -> SubmitSm:
        """The message; it cannot fail, because the body was checked."""
        return SubmitSm.decode_body(self.body)


@dataclass(frozen=True, slots=True)
class QueryReceived:
    """A well-formed query_sm: call `query_resp`."""

    sequence_number: int
    message_id: bytes
    source_addr_ton: int
    source_addr_npi: int
    source_addr: bytes


@dataclass(frozen=True, slots=True)
class RequestRefused:
    """A request that was malformed or came in the wrong state; it was answered with `command_status`."""

    command_id: int
    sequence_number: int
    command_status: int
    reason: str
    body: bytes = field(repr=False)


class DeliverAnswered(NamedTuple, Generic[T]):
    """The ESME has answered a deliver_sm; with a status other than 0 it wants it again."""

    token: T
    command_status: int


@dataclass(frozen=True, slots=True)
class EnquireLinkReceived:
    """The ESME asked for a sign of life: call `enquire_link_resp`, unless that is automatic."""

    sequence_number: int


@dataclass(frozen=True, slots=True)
class EnquireLinkAnswered:
    """The ESME has answered our enquire_link."""

    sequence_number: int


@dataclass(frozen=True, slots=True)
class UnbindReceived:
    """The ESME ends the bind: call `unbind_resp` and close, or leave it unanswered."""

    sequence_number: int


@dataclass(frozen=True, slots=True)
class UnbindAnswered:
    """The ESME has answered our unbind: close."""


SmscEvent: TypeAlias = (
    BindRequested
    | SubmitReceived
    | QueryReceived
    | RequestRefused
    | DeliverAnswered[T]
    | Nacked[T]
    | LinkLost[T]
    | EnquireLinkReceived
    | EnquireLinkAnswered
    | UnbindReceived
    | UnbindAnswered
)

ServerEvent: TypeAlias = SmscEvent[T] | CommonEvent
"""Anything that `SmscSession.receive` or `connection_lost` returns."""
