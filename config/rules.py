"""Rules of three words, as two settings have them: the number that was written to, and what is to happen.

Rules stand on lines of their own, or behind each other with `;` between them; `#` begins a comment.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, TypeVar

T = TypeVar("T")

ANY: Final = "*"

WORDS: Final = 3

_NUMBER = re.compile(r"\+?[0-9]{1,20}")


def read_rules(text: str, form: str, rule: Callable[[str, str, str], T]) -> tuple[T, ...]:
    """The rules of a text: `rule` makes each of its number (without a `+`) and its two other words.

    Raises ValueError that names the rule and the word; `form` shows how a rule is written.
    """
    rules = []
    for place, line in enumerate(re.split(r"[;\n]", text), start=1):
        words = line.partition("#")[0].split()
        if words:
            try:
                rules.append(_read(words, form, rule))
            except ValueError as error:
                raise ValueError(f"rule {place}: {error}") from None
    return tuple(rules)


def _read(words: list[str], form: str, rule: Callable[[str, str, str], T]) -> T:
    if len(words) != WORDS:
        raise ValueError(f"{' '.join(words)!r} has {len(words)} words: {form}")
    number, second, third = words
    if number != ANY and not _NUMBER.fullmatch(number):
        raise ValueError(f"{number!r} is no number: give digits as the gateway writes them, or *")
    return rule(number.removeprefix("+"), second, third)
