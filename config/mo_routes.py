"""Where messages from handsets go: the form of `SMSFLEET_MO_ROUTES`.

Rules stand on lines of their own, or behind each other with `;` between them; `#` begins a comment. A rule is
three words: the number that was written to, the first word of the text, and the target. `*` is any. The first
rule that matches counts; what no rule matches goes to the stream only.

    27821234567  VOTE,JA  task:polls.vote@polls
    27821234567  *        stream
    27821234568  *        webhook:https://example.com/sms
    *            *        task:inbox.receive@inbox

A task needs a queue of its own, which a worker of the application serves: the fleet's workers do not know it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from smsfleet.config.rules import ANY, read_rules
from smsfleet.config.targets import HookTarget, parse_target

STREAM = "stream"

WEBHOOK = "webhook:"

_TASK = re.compile(r"task:[A-Za-z_][A-Za-z0-9_.-]*@(?!sms\.)[A-Za-z0-9_.:-]+")
_FORM = "a rule is NUMBER KEYWORD TARGET, for example: 27821234567 VOTE task:polls.vote@polls"


@dataclass(frozen=True, slots=True)
class Route:
    """One rule."""

    number: str
    """as the gateway writes it, without a `+`; or ANY"""
    keywords: frozenset[str]
    """in capitals; empty: any"""
    target: str
    """`stream`, `task:NAME@QUEUE` or `webhook:URL`"""

    def matches(self, number: str, keyword: str) -> bool:
        """Whether a message to this number that begins with this word goes here."""
        return self.number in (ANY, number) and (not self.keywords or keyword in self.keywords)


def target_of(routes: tuple[Route, ...], number: str, keyword: str) -> str:
    """Where a message goes; `number` without a `+`, the keyword in capitals."""
    return next((route.target for route in routes if route.matches(number, keyword)), STREAM)


@lru_cache(maxsize=8)
def parse_routes(text: str) -> tuple[Route, ...]:
    """The rules of a text. Raises ValueError that names the line, the word and the rule."""
    return read_rules(text, _FORM, _route)


def _route(number: str, keywords: str, target: str) -> Route:
    listed = frozenset() if keywords == ANY else frozenset(word.upper() for word in keywords.split(","))
    for word in listed:
        if not re.fullmatch(r"\w+", word):
            raise ValueError(f"{keywords!r} is no keyword: give words of letters and digits, A,B for several")
    if target.startswith(WEBHOOK):
        if not isinstance(parse_target(target.removeprefix(WEBHOOK)), HookTarget):
            raise ValueError(f"{target!r} is no webhook: give webhook:https://...")
    elif target != STREAM and not _TASK.fullmatch(target):
        raise ValueError(
            f"{target!r} is no target: it must be stream, task:NAME@QUEUE (the queue not one of sms.*) or "
            "webhook:https://..."
        )
    return Route(number, listed, target)
