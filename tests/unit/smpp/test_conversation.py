"""Both sides talking to each other over a wire that cuts and delays as it likes."""

from __future__ import annotations

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.unit.smpp.support import open_session

from smsfleet.smpp.events import Bound, CloseConnection, Delivered, LinkLost, SubmitAnswered, TimedOut
from smsfleet.smpp.message import DeliverSm, SubmitSm
from smsfleet.smpp.server import SmscSession
from smsfleet.smpp.server_events import BindRequested, DeliverAnswered, RequestRefused, SubmitReceived
from smsfleet.smpp.session import Session


class Conversation(RuleBasedStateMachine):
    """An ESME and a gateway that follow the rules, octets on their way between them, and a clock."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.esme: Session[int] = open_session(window=4, response_timeout_s=1000.0)
        self.smsc: SmscSession[int] = SmscSession()
        self.to_smsc = self.to_esme = b""
        self.waiting: list[SubmitReceived] = []
        self.unpersisted: list[Delivered] = []
        self.submitted = self.delivered = 0
        self.answers: dict[int, bytes] = {}
        self.told: dict[int, bytes] = {}
        self.acknowledged: set[int] = set()
        self.esme.bind(now=0.0)

    def collect(self) -> None:
        self.to_smsc += self.esme.data_to_send()
        self.to_esme += self.smsc.data_to_send()

    @rule(octets=st.integers(1, 400))
    def the_gateway_hears(self, octets: int) -> None:
        self.collect()
        part, self.to_smsc = self.to_smsc[:octets], self.to_smsc[octets:]
        for event in self.smsc.receive(part, now=self.now):
            assert not isinstance(event, RequestRefused | CloseConnection)
            if isinstance(event, BindRequested):
                self.smsc.bind_resp(event.sequence_number)
            elif isinstance(event, SubmitReceived):
                self.waiting.append(event)
            elif isinstance(event, DeliverAnswered):
                assert event.command_status == 0
                self.acknowledged.add(event.token)

    @rule(octets=st.integers(1, 400))
    def the_esme_hears(self, octets: int) -> None:
        self.collect()
        part, self.to_esme = self.to_esme[:octets], self.to_esme[octets:]
        for event in self.esme.receive(part, now=self.now):
            self.note(event)

    def note(self, event: Any) -> None:
        assert not isinstance(event, CloseConnection | TimedOut)
        if isinstance(event, Bound):
            assert self.esme.is_bound
        elif isinstance(event, SubmitAnswered):
            assert event.token not in self.told
            self.told[event.token] = event.message_id
        elif isinstance(event, Delivered):
            self.unpersisted.append(event)

    @precondition(lambda self: self.esme.can_submit)
    @rule()
    def submit(self) -> None:
        body = SubmitSm(destination_addr="1", short_message=b"%d" % self.submitted).encode_body()
        self.esme.submit(self.submitted, body, now=self.now)
        self.submitted += 1

    @precondition(lambda self: self.waiting)
    @rule(which=st.integers(0, 3))
    def answer(self, which: int) -> None:
        request = self.waiting.pop(which % len(self.waiting))
        message_id = b"id-" + request.decode().short_message
        self.answers[int(request.decode().short_message)] = message_id
        self.smsc.submit_resp(request.sequence_number, message_id=message_id)

    @precondition(lambda self: self.smsc.can_deliver)
    @rule()
    def deliver(self) -> None:
        self.smsc.deliver(self.delivered, DeliverSm(short_message=b"%d" % self.delivered).encode_body())
        self.delivered += 1

    @precondition(lambda self: self.unpersisted)
    @rule()
    def persist(self) -> None:
        self.esme.deliver_resp(self.unpersisted.pop(0).sequence_number)

    @rule(seconds=st.floats(0.0, 2.0))
    def time_passes(self, seconds: float) -> None:
        # The wire is slow in steps, never in seconds: nothing may be called dead, late or incomplete.
        while self.to_smsc or self.to_esme or self.esme._outgoing or self.smsc._outgoing:
            self.the_gateway_hears(1000)
            self.the_esme_hears(1000)
        self.now += seconds
        for event in self.esme.tick(now=self.now):
            self.note(event)

    @invariant()
    def the_window_holds(self) -> None:
        assert self.esme.in_flight <= 4
        assert self.esme.in_flight + len(self.told) == self.submitted

    @invariant()
    def nobody_is_told_what_was_not_said(self) -> None:
        assert self.told.items() <= self.answers.items()

    @invariant()
    def a_delivery_is_acknowledged_only_after_it_was_persisted(self) -> None:
        assert len(self.acknowledged) <= self.delivered - len(self.unpersisted)

    def teardown(self) -> None:
        lost = self.esme.connection_lost(now=self.now)

        unknown = {event.token for event in lost if isinstance(event, LinkLost)}
        assert set(range(self.submitted)) == unknown | self.told.keys()
        assert not unknown & self.told.keys()


TestConversation = Conversation.TestCase
TestConversation.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
