"""What an answer to a submit_sm means for its segment: config's table of reactions, with bounded back-off."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from smsfleet.config.codes import CommandStatus, Reaction, command_status
from smsfleet.store.facts import ResponseFact, Verdict

if TYPE_CHECKING:
    from smsfleet.config.settings import Settings

OK = Verdict("ok", 8, 0)

ACCOUNT_DELAY_S = 60.0
"""Out of credit or frozen: each segment asks again after this long, and is never used up by it."""


def verdict(fact: ResponseFact, settings: Settings, uniform: Callable[[float, float], float]) -> Verdict:
    """The verdict on one answer; `uniform(low, high)` spreads retries, so that they come in no burst."""
    if fact.command_status == 0:
        return OK
    row = command_status(fact.command_status)
    shown = row.shown_status or 5
    if row.reaction is Reaction.TEMPORARY:
        return Verdict("retry", shown, _ms(_backoff_s(fact.attempt, settings), uniform))
    if row.reaction in (Reaction.ACCOUNT, Reaction.SESSION):
        delay_s = ACCOUNT_DELAY_S if row.reaction is Reaction.ACCOUNT else settings.backoff_s
        return Verdict("wait", shown, _ms(delay_s, uniform))
    return Verdict("reject", shown, 0)


def is_alarming(fact: ResponseFact) -> CommandStatus | None:
    """The row of an answer that a person should look at: our own bug, or the account's state."""
    row = command_status(fact.command_status)
    return row if row.reaction in (Reaction.OUR_BUG, Reaction.ACCOUNT, Reaction.BIND) else None


def _backoff_s(attempt: int, settings: Settings) -> float:
    doubled = settings.backoff_s * 2.0 ** min(attempt - 1, 30)
    return min(doubled, settings.backoff_max_s)


def _ms(seconds: float, uniform: Callable[[float, float], float]) -> int:
    return round(uniform(0.75, 1.25) * seconds * 1000)
