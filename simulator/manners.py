"""How an accepted message is answered, and which receipts tell of it: usually one, in the options' form."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from smsfleet.simulator.receipts import FORMS, Receipt
from smsfleet.smpp.constants import (
    STATE_ACCEPTED,
    STATE_DELIVERED,
    STATE_ENROUTE,
    STATE_UNDELIVERABLE,
)

ODD_WORD: Final = "BUFFRED"
"""A stat word that no table lists."""

Step = tuple[int, str]
"""A message_state, and the name of the form in which a receipt tells it; "": the options' form."""


@dataclass(frozen=True, slots=True)
class Manner:
    """What is unusual about one message; by default nothing."""

    form: str = ""
    """one of FORMS; "": what the options say"""
    earlier: tuple[Step, ...] = ()
    """what other receipts tell before the last one, evenly over the time until then"""
    is_first: bool = False
    """the receipt comes before the submit_sm_resp"""
    repeats: int = 0
    """how often the last receipt comes again"""
    later: tuple[Step, ...] = ()
    """what other receipts tell after that"""
    is_odd: bool = False
    """the last receipt has a stat word that no table lists"""
    is_of_nobody: bool = False
    """a further receipt comes, for an id that nobody was given"""
    is_answered: bool = True
    """False: there is never a submit_sm_resp"""

    def receipts(
        self,
        receipt: Receipt,
        *,
        now: float,
        due: float,
        nobodys_id: bytes,
        spread: Callable[[], float] = lambda: 0.0,
    ) -> Iterator[tuple[float, Receipt, str]]:
        """When each receipt of a message is due, what it tells, and the name of its form.

        `spread` says how much later than `due` each one behind the last comes.
        """
        for number, (state, form) in enumerate(self.earlier, start=1):
            at = now + (due - now) * number / (len(self.earlier) + 1)
            yield at, _telling(receipt, state, at), form or self.form
        last = receipt._replace(word=ODD_WORD) if self.is_odd else receipt
        yield due, last, self.form
        for _ in range(self.repeats):
            yield due + spread(), last, self.form
        for state, form in self.later:
            at = due + spread()
            yield at, _telling(receipt, state, at), form or self.form
        if self.is_of_nobody:
            yield due + spread(), last._replace(message_id=nobodys_id), self.form


def _telling(receipt: Receipt, state: int, at: float) -> Receipt:
    err = "000" if state in _GOOD else "001"
    return receipt._replace(message_state=state, err=err, done_at=at)


_GOOD: Final = (STATE_ENROUTE, STATE_DELIVERED, STATE_ACCEPTED)

USUAL: Final = Manner()

FAILED: Final[Step] = (STATE_UNDELIVERABLE, "")
ENROUTE_BEFORE: Final[Step] = (STATE_ENROUTE, "intermediate")

MANNERS: Final[dict[str, Manner]] = {
    "0001": Manner(repeats=1),
    "0002": Manner(earlier=(FAILED,)),
    "0003": Manner(earlier=((STATE_DELIVERED, ""),)),
    "0004": Manner(is_odd=True),
    "0005": Manner(is_of_nobody=True),
    "0006": Manner(earlier=(ENROUTE_BEFORE,)),
    "0007": Manner(earlier=((STATE_ACCEPTED, ""),)),
    "0008": Manner(is_first=True),
    "0009": Manner(is_answered=False),
    **{f"{number:04d}": Manner(form=form) for number, form in enumerate(FORMS, start=10)},
}
"""Those that a destination can ask for, by its last four digits (`rules`)."""
