"""What no rule of a destination explains: errors, limits, silence, receipts out of order or of nobody.

All of it follows from the options, the simulator's own random numbers and the time: the same seed and the
same messages at the same times give the same whims.
"""

from __future__ import annotations

import random
from collections import deque
from dataclasses import replace
from typing import Any, Final

from smsfleet.config.codes import ESME_NOCR, ESME_RMSGQFUL, ESME_RTHROTTLED
from smsfleet.simulator.manners import ENROUTE_BEFORE, FAILED, Manner, Step
from smsfleet.simulator.options import SimulatorOptions
from smsfleet.simulator.receipts import FORMS, ReceiptForm
from smsfleet.simulator.rules import Outcome
from smsfleet.smpp.constants import STATE_DELIVERED

LATE_ANSWER_S: Final = 0.2
"""How much later than its receipt a submit_sm_resp comes, where the receipt comes first."""


class Whims:
    """The whims of one account. Times are seconds since the epoch."""

    def __init__(self, options: SimulatorOptions, chance: random.Random) -> None:
        self._options = options
        self._chance = chance
        self._forms = tuple(FORMS.values())
        self._lately: deque[float] = deque()
        self._since: float | None = None
        self.credit_left = options.credit

    def adopt(self, options: SimulatorOptions) -> None:
        """Go on with other options; what is left of the credit stays, unless it is another credit."""
        if options.credit != self._options.credit:
            self.credit_left = options.credit
        self._options = options

    def refusal(self, now: float) -> int:
        """The command_status that refuses a message which its destination does not; 0: none."""
        options = self._options
        if self._happens(options.error_share):
            return options.error_status
        if self._is_time(now, options.queue_full_every_s, options.queue_full_for_s):
            return ESME_RMSGQFUL
        if options.throttle_per_s and self._is_too_fast(now):
            return ESME_RTHROTTLED
        if self.credit_left is not None:
            if not self.credit_left:
                return ESME_NOCR
            self.credit_left -= 1
        return 0

    def manner(self, outcome: Outcome) -> Manner:
        """What is unusual about a message: by its destination, and by chance."""
        options, manner, happens = self._options, outcome.manner, self._happens
        changes: dict[str, Any] = {}
        earlier: tuple[Step, ...] = ()
        if happens(options.receipt_intermediate_share):
            earlier += (ENROUTE_BEFORE,)
        if outcome.message_state == STATE_DELIVERED and happens(options.receipt_contradicted_share):
            earlier += (FAILED,)
        if earlier:
            changes["earlier"] = manner.earlier + earlier
        if outcome.message_state == STATE_DELIVERED and happens(options.receipt_denied_share):
            changes["later"] = (*manner.later, FAILED)
        if happens(options.receipt_twice_share):
            changes["repeats"] = options.receipt_repeats
        for name, share in (
            ("is_first", options.receipt_first_share),
            ("is_odd", options.receipt_odd_share),
            ("is_of_nobody", options.receipt_unknown_share),
        ):
            if happens(share):
                changes[name] = True
        if happens(options.unanswered_share):
            changes["is_answered"] = False
        return replace(manner, **changes) if changes else manner

    def answer_delay(self, manner: Manner, now: float) -> float | None:
        """How much later than others a message is answered; None: never."""
        options = self._options
        if not manner.is_answered or self._is_time(now, options.unanswered_every_s, options.unanswered_for_s):
            return None
        delay_s = LATE_ANSWER_S if manner.is_first else 0.0
        if options.response_spread_s:
            delay_s += options.response_spread_s * self._chance.random()
        return delay_s

    def receipt_spread(self) -> float:
        """How much later than usual a receipt comes."""
        spread_s = self._options.receipt_spread_s
        return spread_s * self._chance.random() if spread_s else 0.0

    def form(self, usual: ReceiptForm) -> ReceiptForm:
        """The form of one receipt."""
        return self._chance.choice(self._forms) if self._options.receipt_form == "any" else usual

    def new_id(self) -> bytes:
        """A message id that nobody was given."""
        return b"%032x" % self._chance.getrandbits(128)

    def _happens(self, share: float) -> bool:
        return share > 0 and self._chance.random() < share

    def _is_time(self, now: float, every_s: float, for_s: float) -> bool:
        """Whether `now` is within the last `for_s` of any `every_s`, counted from the first whim."""
        if not for_s:
            return False
        if self._since is None:
            self._since = now
        return (now - self._since) % every_s >= every_s - for_s

    def _is_too_fast(self, now: float) -> bool:
        lately = self._lately
        while lately and lately[0] <= now - 1.0:
            lately.popleft()
        if len(lately) >= self._options.throttle_per_s:
            return True
        lately.append(now)
        return False
