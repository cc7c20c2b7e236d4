"""What the gateway decides about one account, without IO.

Time is an argument: seconds since the epoch, never running backwards. The same calls with the same seed give
the same answers.
"""

from __future__ import annotations

import random
from collections import OrderedDict
from dataclasses import dataclass
from typing import NamedTuple

from smsfleet.config.codes import ESME_RINVMSGID, ESME_ROK
from smsfleet.simulator.envelope import opened
from smsfleet.simulator.logins import Logins
from smsfleet.simulator.mailbox import Mailbox
from smsfleet.simulator.manners import USUAL
from smsfleet.simulator.options import SimulatorOptions
from smsfleet.simulator.receipts import (
    FORMS,
    Receipt,
    ReceiptForm,
    date,
    error_number,
    is_wanted,
    text_receipt,
)
from smsfleet.simulator.rules import Outcome, RuleBook
from smsfleet.simulator.whims import Whims
from smsfleet.smpp.constants import STATE_ACCEPTED, STATE_ENROUTE
from smsfleet.smpp.server_events import BindRequested


class SubmitAnswer(NamedTuple):
    """How a submit_sm is answered; the id is empty when it is refused."""

    command_status: int
    message_id: bytes
    delay_s: float | None = 0.0
    """beside the options' delay; None: never answered"""


class QueryAnswer(NamedTuple):
    """How a query_sm is answered; `final_date` is empty while the message is on its way."""

    command_status: int
    message_state: int = 0
    final_date: bytes = b""
    error_code: int = 0


_Message = tuple[int, float, str]
"""message_state, done_at, err. A plain tuple of plain values: the collector of garbage leaves it alone."""


@dataclass(slots=True)
class Counts:
    """What happened so far."""

    binds: int = 0
    binds_refused: int = 0
    accepted: int = 0
    refused: int = 0
    queries: int = 0


class Smsc:
    """One account at the gateway: its logins, its messages, and what waits to be delivered."""

    def __init__(self, options: SimulatorOptions) -> None:
        self.logins = Logins()
        self.mailbox = Mailbox()
        self.counts = Counts()
        # Not for secrets: the ids only have to differ, and to be the same for the same seed.
        self._random = random.Random(options.seed)  # noqa: S311
        self._bits = self._random.getrandbits
        self._whims = Whims(options, self._random)
        self._messages: OrderedDict[bytes, _Message] = OrderedDict()
        self.adopt(options)

    def adopt(self, options: SimulatorOptions) -> None:
        """Go on with other options."""
        self.options = options
        self._rules = RuleBook(options.rules)
        self._receipt_form: ReceiptForm = FORMS.get(options.receipt_form, text_receipt)
        self._whims.adopt(options)
        self._is_whimsical = options.whimsical

    def bind(self, connection: int, asked: BindRequested, *, now: float) -> int:
        """The command_status that answers a bind; 0: `connection` is bound until `leave`."""
        status = self.logins.judge(connection, asked, self.options, now=now)
        if status == ESME_ROK:
            self.counts.binds += 1
        else:
            self.counts.binds_refused += 1
        return status

    @property
    def credit_left(self) -> int | None:
        """submit_sm that are still accepted; None: without end."""
        return self._whims.credit_left

    def refill(self) -> None:
        """Begin again with the credit of the options."""
        self._whims.credit_left = self.options.credit

    def leave(self, connection: int) -> None:
        """The connection has unbound or is gone."""
        self.logins.release(connection)

    def submit(self, body: bytes, *, now: float) -> SubmitAnswer:
        """Accept or refuse a checked submit_sm body, and put its receipt down when one was asked for."""
        options, is_whimsical = self.options, self._is_whimsical
        destination, registered_delivery, way = opened(body)
        outcome = self._rules.outcome(destination)
        refusal = outcome.command_status or (self._whims.refusal(now) if is_whimsical else 0)
        if refusal:
            self.counts.refused += 1
            return SubmitAnswer(refusal, b"")
        self.counts.accepted += 1
        message_id = b"%032x" % self._bits(128)
        state = outcome.message_state
        done_at = now + options.receipt_delay_s
        messages = self._messages
        messages[message_id] = (STATE_ACCEPTED if state is None else state, done_at, outcome.err)
        if len(messages) > options.known_messages:
            messages.popitem(last=False)
        receipt: Receipt | None = None
        if (
            state is not None
            and registered_delivery
            and options.receipts
            and is_wanted(registered_delivery, state)
        ):
            receipt = Receipt(message_id, state, outcome.err, now, done_at)
        if is_whimsical or outcome.manner is not USUAL:
            return SubmitAnswer(ESME_ROK, message_id, self._unusual(outcome, receipt, way, now))
        if receipt is not None:
            deliver_sm = self._receipt_form(receipt, way)
            self.mailbox.post(deliver_sm, due=done_at, now=now, message_id=message_id, stat=receipt.stat)
        return SubmitAnswer(ESME_ROK, message_id)

    def _unusual(self, outcome: Outcome, receipt: Receipt | None, way: bytes, now: float) -> float | None:
        """Post the receipts of an unusual message; how much later than others its answer comes."""
        whims = self._whims
        manner = whims.manner(outcome)
        if receipt is not None:
            spread = whims.receipt_spread
            due = now if manner.is_first else receipt.done_at + spread()
            nobodys_id = whims.new_id() if manner.is_of_nobody else b""
            for at, told, form in manner.receipts(
                receipt, now=now, due=due, nobodys_id=nobodys_id, spread=spread
            ):
                make = FORMS[form] if form else whims.form(self._receipt_form)
                self.mailbox.post(
                    make(told, way), due=at, now=now, message_id=told.message_id, stat=told.stat
                )
        return whims.answer_delay(manner, now)

    def query(self, message_id: bytes, *, now: float) -> QueryAnswer:
        """What is known of a message; an unknown id is refused with 0x0C."""
        self.counts.queries += 1
        message = self._messages.get(message_id)
        if message is None:
            return QueryAnswer(ESME_RINVMSGID)
        state, done_at, err = message
        if now < done_at or state == STATE_ENROUTE:
            return QueryAnswer(ESME_ROK, STATE_ENROUTE)
        if state == STATE_ACCEPTED:
            return QueryAnswer(ESME_ROK, STATE_ACCEPTED)
        final_date = date(int(done_at)) + b"000+"  # absolute, UTC (SMPP 3.4 §7.1.1)
        error_code = error_number(err, 1)  # one octet (SMPP 3.4 §4.8.2)
        return QueryAnswer(ESME_ROK, state, final_date, error_code)
