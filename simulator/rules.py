"""What becomes of a message, decided by its destination: the simulator's answer, and the receipt after it.

The default table covers Clickatell's test number range (guide §3), 279991xxxxx, and the American one,
1999xxxxxxx: the last five digits choose the outcome, everything else is accepted and delivered.

- `8` and the command_status in decimal: 279991**81024** is answered 0x400, 279991**80088** 0x58 (Appendix A).
- `7` and the message_state: 279991**70005** gets a receipt UNDELIV, **70003** EXPIRED (SMPP 3.4 §5.2.28).
- `70000`: accepted, and never a receipt.
- `9` and a row of `manners.MANNERS`: receipts in another form, twice, contradicted; 279991**90002** gets
  UNDELIV, then DELIVRD.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from smsfleet.config.codes import APPENDIX_A
from smsfleet.config.errors import ConfigError
from smsfleet.config.statuses import MESSAGE_STATE_WORD
from smsfleet.simulator.manners import MANNERS, USUAL, Manner
from smsfleet.smpp.constants import STATE_DELIVERED, STATE_UNDELIVERABLE

TEST_PREFIXES: Final = ("279991", "1999")
"""Clickatell's test number ranges (guide §3)."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of one message."""

    command_status: int = 0
    """the answer to submit_sm; anything but 0 refuses it, and there is no receipt"""
    message_state: int | None = STATE_DELIVERED
    """the state that the receipt tells (SMPP 3.4 §5.2.28); None: the message is never heard of again"""
    err: str = "000"
    """the receipt's `err:`; the guide gives none, "000" is what the one public receipt has"""
    manner: Manner = USUAL
    """what is unusual about its answer and its receipts"""


@dataclass(frozen=True, slots=True)
class Rule:
    """An outcome for the destinations that start with `prefix` and end in `suffix`."""

    outcome: Outcome
    prefix: str = ""
    suffix: str = ""


DELIVERED: Final = Outcome()
"""What becomes of a message that no rule names."""

FAILED_ERR: Final = "001"
"""`err:` of the failures in the default table: our choice, because no failed receipt of 2009 is public."""


def default_rules() -> tuple[Rule, ...]:
    """The table described above."""
    outcomes = {f"8{code:04d}": Outcome(code, None) for code in APPENDIX_A if code}
    for state in MESSAGE_STATE_WORD:
        err = "000" if state == STATE_DELIVERED else FAILED_ERR
        outcomes[f"7{state:04d}"] = Outcome(0, state, err)
    outcomes["70000"] = Outcome(0, None)
    for ending, manner in MANNERS.items():
        outcomes[f"9{ending}"] = Outcome(manner=manner)
    outcomes["90003"] = Outcome(0, STATE_UNDELIVERABLE, FAILED_ERR, MANNERS["0003"])
    return tuple(
        Rule(outcome, prefix, suffix) for prefix in TEST_PREFIXES for suffix, outcome in outcomes.items()
    )


class RuleBook:
    """Finds a destination's outcome in a few dictionary look-ups, however many rules there are.

    The rule with the most digits wins; of equal ones the last. Raises ConfigError for a receipt that has no
    word.
    """

    def __init__(self, rules: Iterable[Rule]) -> None:
        lengths: dict[tuple[int, int], dict[bytes, Outcome]] = {}
        for rule in rules:
            state = rule.outcome.message_state
            if state is not None and state not in MESSAGE_STATE_WORD:
                raise ConfigError(f"rule for {rule.prefix}*{rule.suffix}: message_state {state} has no word")
            table = lengths.setdefault((len(rule.prefix), len(rule.suffix)), {})
            table[(rule.prefix + rule.suffix).encode("ascii")] = rule.outcome
        self._tables = sorted(lengths.items(), key=lambda item: sum(item[0]), reverse=True)

    def outcome(self, destination: bytes) -> Outcome:
        """What becomes of a message to `destination`."""
        for (prefix, suffix), table in self._tables:
            if len(destination) >= prefix + suffix:
                outcome = table.get(destination[:prefix] + destination[len(destination) - suffix :])
                if outcome is not None:
                    return outcome
        return DELIVERED
