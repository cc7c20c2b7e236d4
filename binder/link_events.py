"""What the session of one side reports: facts to the store, outcomes to the ledger, the rest to people."""

from __future__ import annotations

import asyncio
import time

from smsfleet.binder import transport
from smsfleet.binder.asker import Asker
from smsfleet.binder.counts import Counts
from smsfleet.binder.facts import Answers, Deliveries
from smsfleet.binder.ledger import BindLedger
from smsfleet.binder.notes import Notes
from smsfleet.binder.outbound import Outbound
from smsfleet.binder.refusals import advice
from smsfleet.binder.report import SideReport
from smsfleet.binder.transport import Link, Token
from smsfleet.config.clock import epoch_ms
from smsfleet.config.codes import ESME_RINVBNDSTS, ESME_RUNKNOWNERR
from smsfleet.config.logs import logger
from smsfleet.config.repeats import Repeats
from smsfleet.smpp.events import (
    BindRefused,
    Bound,
    CloseConnection,
    Delivered,
    DeliverRefused,
    EnquireLinkAnswered,
    EnquireLinkReceived,
    EnquireLinkSent,
    Event,
    LateAnswer,
    LinkLost,
    Nacked,
    PeerUnbound,
    ProtocolViolation,
    QueryAnswered,
    SubmitAnswered,
    TimedOut,
    UnexpectedResponse,
)
from smsfleet.store.wire import Answer

LOGGED, LOGGED_S = 20, 60.0
"""Lines of one sort about what the gateway sends, in so many seconds."""

NOTED_S = 1.0
"""The journal is of a limited length: enquire_links of the gateway are noted once in this time."""


class LinkEvents:
    """Handles the events of one side, one connection at a time: `begin`, `handle`, `end`."""

    def __init__(  # noqa: PLR0913, PLR0917 - everybody who is told something
        self,
        mode: str,
        report: SideReport,
        answers: Answers,
        deliveries: Deliveries,
        outbound: Outbound,
        ledger: BindLedger,
        journal: Notes,
        asker: Asker,
        counts: Counts,
    ) -> None:
        self._mode = mode
        self._report = report
        self._answers = answers
        self._deliveries = deliveries
        self._outbound = outbound
        self._ledger = ledger
        self._journal = journal
        self._asker = asker
        self._counts = counts
        self._attempt = ""
        self._lost: list[Token] = []
        self.refusal = ""
        """why the bind was refused, for operators"""
        self._began_at = 0.0
        self._bound_at: float | None = None
        self.decided = asyncio.Event()
        """set when the bind was accepted or refused"""
        self.disowned = asyncio.Event()
        """set when the gateway has another idea of this bind (ESME_RINVBNDSTS): make a new one"""
        self._lines = Repeats(LOGGED, LOGGED_S)
        self._noted = Repeats(1, NOTED_S)
        self._log = logger(__name__)

    def begin(self, attempt: str) -> None:
        """A connection is about to be made, for this attempt of the ledger."""
        self._attempt = attempt
        self._lost = []
        self.refusal = ""
        self._began_at = time.monotonic()
        self._bound_at = None
        self.decided.clear()
        self.disowned.clear()

    def end(self, link: Link) -> list[Token]:
        """The connection is gone; the segments that were not answered."""
        if not self.decided.is_set():
            self._ledger.failed(self._attempt, None)
        reason, cause = link.close_reason, link.close_cause
        self._report.disconnected(reason)
        seconds = 0.0 if self._bound_at is None else time.monotonic() - self._bound_at
        self._journal.note(
            "disconnected",
            mode=self._mode,
            reason=reason,
            cause=cause,
            seconds=round(seconds, 3),
            **link.session.traffic(),
        )
        self._log.info(
            "disconnected", mode=self._mode, reason=reason, cause=cause, unanswered=len(self._lost)
        )
        return self._lost

    def handle(self, link: Link, events: list[Event[Token]]) -> None:  # noqa: C901, PLR0912 - one flat table
        """What happened on the link, in order."""
        answers = self._answers.batches
        for event in events:
            match event:
                case SubmitAnswered((ref, attempt), status, message_id):
                    answers.add(Answer(ref, attempt, status, message_id))
                    if status:
                        self._rejected("submit_sm", status)
                    if status == ESME_RINVBNDSTS and not self.disowned.is_set():
                        self._log.error("the gateway takes this bind for none (0x04): a new one is made")
                        self.disowned.set()
                case Delivered(sequence_number, body):
                    self._deliveries.add(link, sequence_number, body)
                case LateAnswer((ref, attempt), status, message_id):
                    answers.add(Answer(ref, attempt, status, message_id))
                case (
                    QueryAnswered()
                    | Nacked((_, transport.QUERY))
                    | TimedOut((_, transport.QUERY))
                    | LinkLost((_, transport.QUERY))
                ):
                    self._asker.hear(event)
                case Nacked((ref, attempt), status):
                    # generic_nack refuses, whatever its status says
                    answers.add(Answer(ref, attempt, status or ESME_RUNKNOWNERR, b""))
                    self._rejected("generic_nack", status)
                case TimedOut(token) | LinkLost(token):
                    self._lost.append(token)
                case Bound():
                    self._on_bound()
                case BindRefused(status):
                    self._on_refused(status)
                case EnquireLinkSent():
                    self._on_enquire_link(link)
                case EnquireLinkAnswered():
                    self._on_enquire_link_resp()
                case EnquireLinkReceived():
                    if self._noted.ask("enquire_link_received", link.now) is not None:
                        self._journal.note("enquire_link_received", mode=self._mode)
                case CloseConnection(reason, cause):
                    self._log.info("closing the connection", mode=self._mode, reason=reason, cause=cause)
                case DeliverRefused(sequence_number, status, reason, body):
                    why = f"refused with 0x{status:02X}: {reason}"
                    self._deliveries.bury(link, sequence_number, body, why)
                    self._journal.note(
                        "rejected_pdu",
                        mode=self._mode,
                        kind="deliver_sm",
                        status=status,
                        direction="received",
                    )
                    if (left_out := self._lines.ask("deliver_sm", link.now)) is not None:
                        self._log.error(
                            "malformed deliver_sm refused",
                            command_status=status,
                            reason=reason,
                            left_out=left_out,
                        )
                case UnexpectedResponse() | ProtocolViolation() | PeerUnbound():
                    if isinstance(event, PeerUnbound):
                        self._journal.note("unbind", mode=self._mode, by="gateway")
                    kind = event.__class__.__name__
                    if (left_out := self._lines.ask(kind, link.now)) is not None:
                        self._log.warning(
                            "from the gateway",
                            mode=self._mode,
                            event_kind=kind,
                            detail=str(event),
                            left_out=left_out,
                        )
                case _:
                    self._log.debug("link", mode=self._mode, event_kind=event.__class__.__name__)
        self._counts.response_s.add_all(link.session.take_answered_s())
        self._outbound.advance()

    def _on_bound(self) -> None:
        self._bound_at = time.monotonic()
        self._ledger.ok(self._attempt)
        self._report.bound()
        self._journal.note("bound", mode=self._mode, seconds=round(self._bound_at - self._began_at, 3))
        self.decided.set()

    def _on_refused(self, status: int) -> None:
        self._ledger.failed(self._attempt, status)
        self._journal.note("bind_refused", mode=self._mode, status=status)
        self.refusal = advice(status)
        self._log.error("bind refused", mode=self._mode, what=self.refusal)
        self.decided.set()

    def _on_enquire_link(self, link: Link) -> None:
        self._report.enquire_link_ms = epoch_ms()
        self._journal.note("enquire_link", mode=self._mode, **link.session.traffic())

    def _on_enquire_link_resp(self) -> None:
        self._report.enquire_link_resp_ms = epoch_ms()
        self._journal.note("enquire_link_resp", mode=self._mode)

    def _rejected(self, kind: str, status: int) -> None:
        """The gateway has refused a submit_sm of ours."""
        self._counts.refused(status or ESME_RUNKNOWNERR)
        self._journal.note("rejected_pdu", mode=self._mode, kind=kind, status=status, direction="sent")
