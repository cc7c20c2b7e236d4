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
from smsfleet.simulator.logins import Logins
from smsfleet.simulator.mailbox import Mailbox
from smsfleet.simulator.options import SimulatorOptions
from smsfleet.simulator.receipts import FORMS, Receipt, ReceiptForm, date, is_wanted, text_receipt
from smsfleet.simulator.rules import RuleBook
from smsfleet.simulator.whims import Whims
from smsfleet.smpp.constants import STATE_ACCEPTED, STATE_ENROUTE
from smsfleet.smpp.message import SubmitSm
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


class _Message(NamedTuple):
    message_state: int
    done_at: float


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
        self._whims: Whims | None = None
        self._messages: OrderedDict[bytes, _Message] = OrderedDict()
        self.adopt(options)

    def adopt(self, options: SimulatorOptions) -> None:
        """Go on with other options."""
        self.options = options
        self._rules = RuleBook(options.rules)
        self._receipt_form: ReceiptForm = FORMS.get(options.receipt_form, text_receipt)
        before = self._whims
        self._whims = Whims(options, self._random) if options.whimsical else None
        if before is not None and self._whims is not None and self._whims.started_with == before.started_with:
            self._whims.credit_left = before.credit_left

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
        return None if self._whims is None else self._whims.credit_left

    def leave(self, connection: int) -> None:
        """The connection has unbound or is gone."""
        self.logins.release(connection)

    def submit(self, body: bytes, *, now: float) -> SubmitAnswer:
        """Accept or refuse a checked submit_sm body, and put its receipt down when one was asked for."""
        options, whims = self.options, self._whims
        destination, registered_delivery = _to_be_judged(body)
        outcome = self._rules.outcome(destination)
        refusal = outcome.command_status or (whims.refusal(now) if whims is not None else 0)
        if refusal:
            self.counts.refused += 1
            return SubmitAnswer(refusal, b"")
        self.counts.accepted += 1
        message_id = b"%032x" % self._random.getrandbits(128)
        state = outcome.message_state
        done_at = now + options.receipt_delay_s
        messages = self._messages
        messages[message_id] = _Message(STATE_ACCEPTED if state is None else state, done_at)
        if len(messages) > options.known_messages:
            messages.popitem(last=False)
        if (
            state is not None
            and registered_delivery
            and options.receipts
            and is_wanted(registered_delivery, state)
        ):
            receipt = Receipt(message_id, state, outcome.err, now, done_at)
            if whims is not None:
                return self._whimsical(whims, receipt, SubmitSm.decode_body(body), now)
            deliver_sm = self._receipt_form(receipt, SubmitSm.decode_body(body)).encode_body()
            self.mailbox.post(deliver_sm, due=done_at, now=now, message_id=message_id)
        elif whims is not None:
            return SubmitAnswer(ESME_ROK, message_id, whims.answer_delay(first=False))
        return SubmitAnswer(ESME_ROK, message_id)

    def _whimsical(self, whims: Whims, receipt: Receipt, message: SubmitSm, now: float) -> SubmitAnswer:
        first = whims.comes_first()
        for due, told in whims.receipts(receipt, now=now, first=first):
            form = whims.form(self._receipt_form)
            deliver_sm = form(told, message).encode_body()
            self.mailbox.post(deliver_sm, due=due, now=now, message_id=told.message_id)
        return SubmitAnswer(ESME_ROK, receipt.message_id, whims.answer_delay(first=first))

    def query(self, message_id: bytes, *, now: float) -> QueryAnswer:
        """What is known of a message; an unknown id is refused with 0x0C."""
        self.counts.queries += 1
        message = self._messages.get(message_id)
        if message is None:
            return QueryAnswer(ESME_RINVMSGID)
        if now < message.done_at or message.message_state == STATE_ENROUTE:
            return QueryAnswer(ESME_ROK, STATE_ENROUTE)
        if message.message_state == STATE_ACCEPTED:
            return QueryAnswer(ESME_ROK, STATE_ACCEPTED)
        final_date = f"{date(int(message.done_at))}000+"  # absolute, UTC (SMPP 3.4 §7.1.1)
        return QueryAnswer(ESME_ROK, message.message_state, final_date.encode())


def _to_be_judged(body: bytes) -> tuple[bytes, int]:
    """destination_addr and registered_delivery of a body that was checked: all that most messages need.

    A benchmark's simulator must not be slower than what it measures, and decoding is the larger part of it.
    """
    find = body.find
    at = find(0, find(0) + 3) + 3  # behind service_type, source and the destination's TON and NPI
    end = find(0, at)
    return body[at:end], body[find(0, find(0, end + 4) + 1) + 1]
