"""What no rule of a destination explains: errors, limits, receipts out of order, twice, or of nobody.

All of it follows from the options and the simulator's own random numbers: the same seed and the same messages
give the same whims.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator
from typing import Final

from smsfleet.config.codes import ESME_RTHROTTLED
from smsfleet.simulator.options import SimulatorOptions
from smsfleet.simulator.receipts import FORMS, ODD_WORD, Receipt, ReceiptForm
from smsfleet.smpp.constants import STATE_DELIVERED, STATE_UNDELIVERABLE

ESME_NOCR: Final = 0x401
LATE_ANSWER_S: Final = 0.2
"""How much later than its receipt a submit_sm_resp comes, where the receipt comes first."""


class Whims:
    """The whims of one account. Times are seconds since the epoch."""

    def __init__(self, options: SimulatorOptions, chance: random.Random) -> None:
        self._options = options
        self._chance = chance
        self._forms = tuple(FORMS.values())
        self._lately: deque[float] = deque()
        self.started_with = options.credit
        self.credit_left = options.credit

    def refusal(self, now: float) -> int:
        """The command_status that refuses a message which its destination does not; 0: none."""
        options = self._options
        if self._happens(options.error_share):
            return options.error_status
        if options.throttle_per_s and self._is_too_fast(now):
            return ESME_RTHROTTLED
        if self.credit_left is not None:
            if not self.credit_left:
                return ESME_NOCR
            self.credit_left -= 1
        return 0

    def comes_first(self) -> bool:
        """Whether this message's receipt comes before its answer."""
        return self._happens(self._options.receipt_first_share)

    def answer_delay(self, *, first: bool) -> float | None:
        """How much later than others its answer comes; None: it never does."""
        if self._happens(self._options.unanswered_share):
            return None
        return LATE_ANSWER_S if first else 0.0

    def receipts(self, receipt: Receipt, *, now: float, first: bool) -> Iterator[tuple[float, Receipt]]:
        """When each receipt of a message is due, and what it tells."""
        options = self._options
        due = now if first else receipt.done_at + options.receipt_spread_s * self._chance.random()
        if self._happens(options.receipt_odd_share):
            receipt = receipt._replace(word=ODD_WORD)
        if receipt.message_state == STATE_DELIVERED and self._happens(options.receipt_contradicted_share):
            yield due, receipt._replace(message_state=STATE_UNDELIVERABLE, err="001")
        yield due, receipt
        if self._happens(options.receipt_twice_share):
            yield due, receipt
        if self._happens(options.receipt_unknown_share):
            yield due, receipt._replace(message_id=b"%032x" % self._chance.getrandbits(128))

    def form(self, usual: ReceiptForm) -> ReceiptForm:
        """The form of one receipt."""
        return self._chance.choice(self._forms) if self._options.receipt_form == "any" else usual

    def _happens(self, share: float) -> bool:
        return share > 0 and self._chance.random() < share

    def _is_too_fast(self, now: float) -> bool:
        lately = self._lately
        while lately and lately[0] <= now - 1.0:
            lately.popleft()
        if len(lately) >= self._options.throttle_per_s:
            return True
        lately.append(now)
        return False
