"""What an answer to a submit_sm means for its segment: config's table of reactions, with bounded back-off."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from smsfleet.config.codes import THROTTLING, CommandStatus, Reaction, command_status
from smsfleet.store.facts import ResponseFact, Verdict

if TYPE_CHECKING:
    from smsfleet.config.settings import Settings

OK = Verdict("ok", 8, 0)


def verdict(fact: ResponseFact, settings: Settings, uniform: Callable[[float, float], float]) -> Verdict:
    """The verdict on one answer; `uniform(low, high)` spreads retries, so that they come in no burst."""
    if fact.command_status == 0:
        return OK
    row = command_status(fact.command_status)
    shown = row.shown_status or 5
    if row.reaction is Reaction.TEMPORARY:
        outcome = "slow" if row.code in THROTTLING else "retry"
        return Verdict(outcome, shown, _ms(_backoff_s(fact.attempt, settings), uniform))
    if row.reaction is Reaction.ACCOUNT:  # back to its stream soon: there it waits for the end of the pause
        return Verdict("pause", shown, _ms(settings.backoff_s, uniform))
    if row.reaction is Reaction.SESSION:  # bounded: a gateway may answer nothing else
        return Verdict("retry", shown, _ms(settings.backoff_s, uniform))
    return Verdict("reject", shown, 0)


def is_alarming(fact: ResponseFact) -> CommandStatus | None:
    """The row of an answer that a person should look at, each of them: our own bug.

    The account's state is told once, when it is paused.
    """
    row = command_status(fact.command_status)
    return row if row.reaction in (Reaction.OUR_BUG, Reaction.BIND) else None


def _backoff_s(attempt: int, settings: Settings) -> float:
    doubled = settings.backoff_s * 2.0 ** min(attempt - 1, 30)
    return min(doubled, settings.backoff_max_s)


def _ms(seconds: float, uniform: Callable[[float, float], float]) -> int:
    return round(uniform(0.75, 1.25) * seconds * 1000)
