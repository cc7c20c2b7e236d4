"""The submit_sm and query_sm that are on their way: the window, its numbers, and what becomes of each.

Every request leaves the table with exactly one outcome; one that timed out is remembered, so that a late
response is still known for what it is.
"""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeAlias, TypeVar

from smsfleet.config.errors import PduError, WindowFull
from smsfleet.smpp.constants import GENERIC_NACK, MAX_SEQUENCE_NUMBER, RESP, SUBMIT_SM
from smsfleet.smpp.events import (
    Event,
    LateAnswer,
    LinkLost,
    Nacked,
    ProtocolViolation,
    QueryAnswered,
    SubmitAnswered,
    TimedOut,
    UnexpectedResponse,
)
from smsfleet.smpp.fields import leading_c_octets
from smsfleet.smpp.framing import Frame
from smsfleet.smpp.pdu import decode_query_sm_resp

T = TypeVar("T")


_Request: TypeAlias = tuple[int, T, float]
"""command_id, token, deadline: a plain tuple, because there is one for every message."""


SAMPLE, ALL_BELOW = 16, 16
"""How long an answer took is told of one in `SAMPLE`, and of all while fewer than so many are unanswered."""

MOST_TOLD = 1000


class Requests(Generic[T]):
    """At most `window` unanswered submit_sm, each with the same time to be answered; query_sm beside them.

    A query_sm takes no place in the window: a gateway that does not know it may never answer, and traffic is
    not to wait for that. There are `window` of them at most, too.
    """

    __slots__ = (
        "_in_flight",
        "_queries",
        "_timed_out",
        "accepted",
        "answered_s",
        "last_sequence_number",
        "submitted",
        "timeout_s",
        "window",
    )

    def __init__(self, window: int, timeout_s: float) -> None:
        self.window = window
        self.timeout_s = timeout_s
        self.last_sequence_number = 0
        self.submitted = 0
        """submit_sm that were given a place, since the bind"""
        self.accepted = 0
        """submit_sm that were answered without an error, in time"""
        self.answered_s: deque[float] = deque(maxlen=MOST_TOLD)
        """how long a sample of the submit_sm waited for their answer; whoever reads it takes it away"""
        # Insertion order is deadline order, because every request gets the same time.
        self._in_flight: dict[int, _Request[T]] = {}
        self._queries = 0
        # Submits only, and bounded by the window: the session submits no more after the first timeout.
        self._timed_out: dict[int, _Request[T]] = {}

    def __len__(self) -> int:
        """How many submit_sm are unanswered."""
        return len(self._in_flight) - self._queries

    def __contains__(self, sequence_number: int) -> bool:
        return sequence_number in self._in_flight

    def tokens(self) -> list[T]:
        """The tokens of the unanswered requests, oldest first."""
        return [token for _, token, _ in self._in_flight.values()]

    @property
    def deadline(self) -> float | None:
        """When the oldest request is overdue; None without requests."""
        if not self._in_flight:
            return None
        _, _, deadline = next(iter(self._in_flight.values()))
        return deadline

    @property
    def oldest_since(self) -> float | None:
        """Since when the oldest submit_sm is unanswered; None without any."""
        for command_id, _, deadline in self._in_flight.values():
            if command_id == SUBMIT_SM:
                return deadline - self.timeout_s
        return None

    def take_number(self) -> int:
        """The next sequence_number: 1..0x7FFFFFFF and around again (SMPP 3.4 §5.1.4), none in use twice."""
        number = self.last_sequence_number % MAX_SEQUENCE_NUMBER + 1
        while number in self._in_flight:
            number = number % MAX_SEQUENCE_NUMBER + 1
        self.last_sequence_number = number
        return number

    def add(self, command_id: int, token: T, now: float) -> int:
        """Give a request its sequence_number and a place. Raises WindowFull."""
        is_submit = command_id == SUBMIT_SM
        if (len(self) if is_submit else self._queries) >= self.window:
            raise WindowFull(f"{self.window} requests are unanswered; call again after one was answered")
        number = self.take_number()
        self._in_flight[number] = (command_id, token, now + self.timeout_s)
        if is_submit:
            self.submitted += 1
        else:
            self._queries += 1
        return number

    def answer(self, frame: Frame, now: float, events: list[Event[T]]) -> None:
        """A submit_sm_resp, query_sm_resp or generic_nack came: tell whose it is."""
        command_id, command_status, number, body = frame
        request = self._in_flight.get(number)
        if request is None or not _answers(command_id, request[0]):
            events.append(self._late(frame))
            return
        del self._in_flight[number]
        asked, token, deadline = request
        self._queries -= asked != SUBMIT_SM
        if asked == SUBMIT_SM and (not number % SAMPLE or len(self._in_flight) < ALL_BELOW):
            self.answered_s.append(now - deadline + self.timeout_s)
        if command_id == GENERIC_NACK:
            events.append(Nacked(token, command_status))
        elif asked == SUBMIT_SM:
            if not command_status:
                self.accepted += 1
            events.append(SubmitAnswered(token, command_status, leading_c_octets(body)))
        else:
            _answer_query(token, command_status, body, events)

    def expire(self, now: float, events: list[Event[T]]) -> int:
        """Report the requests whose time is over as TimedOut; return how many of them were submit_sm."""
        overdue = []
        for number, (_, token, deadline) in self._in_flight.items():
            if deadline > now:
                break
            overdue.append(number)
            events.append(TimedOut(token))
        submits = 0
        for number in overdue:
            request = self._in_flight.pop(number)
            if request[0] == SUBMIT_SM:
                submits += 1
                self._timed_out[number] = request
            else:
                self._queries -= 1
        return submits

    def lose(self) -> list[Event[T]]:
        """The connection is gone: LinkLost for each unanswered request, oldest first."""
        lost: list[Event[T]] = [LinkLost(token) for token in self.tokens()]
        self._in_flight.clear()
        self._timed_out.clear()
        self._queries = 0
        return lost

    def _late(self, frame: Frame) -> Event[T]:
        request = self._timed_out.get(frame.sequence_number)
        if request is None or not _answers(frame.command_id, request[0]):
            return UnexpectedResponse(frame.command_id, frame.sequence_number, frame.command_status)
        del self._timed_out[frame.sequence_number]
        return LateAnswer(request[1], frame.command_status, leading_c_octets(frame.body))


def _answers(command_id: int, asked: int) -> bool:
    return command_id in (asked | RESP, GENERIC_NACK)


def _answer_query(token: T, command_status: int, body: bytes, events: list[Event[T]]) -> None:
    try:
        events.append(QueryAnswered(token, command_status, *decode_query_sm_resp(body)))
    except PduError as error:
        events.append(QueryAnswered(token, command_status, leading_c_octets(body)))
        if not command_status:  # a refusal may come without a body (SMPP 3.4 §4.8.2)
            events.append(ProtocolViolation(f"query_sm_resp: {error}"))
