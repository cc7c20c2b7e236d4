"""The words by which people want no more messages, or want them again: `SMSFLEET_OPT_OUT_WORDS`.

Rules stand on lines of their own, or behind each other with `;` between them; `#` begins a comment. A rule is
three words: the number that was written to, the words that opt out, the words that opt in again. `*` is any
number, `@en` the words of a language, `@all` those of every language, `-` none. The first rule of a number
counts.

    27821234567  STOP,HALT  START
    27829999999  -          -
    *            @en,@af    @en,@af
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from smsfleet.config.rules import ANY, read_rules

OUT: dict[str, frozenset[str]] = {
    language: frozenset(words.split())
    for language, words in {
        "en": "STOP STOPALL UNSUBSCRIBE CANCEL END QUIT OPTOUT REVOKE",
        "af": "STOP STAAK UITTEKEN",
        "de": "STOP STOPP ABMELDEN ABBESTELLEN",
        "es": "STOP BAJA ALTO PARAR CANCELAR",
        "fr": "STOP ARRET ARRÊT DESABONNER DÉSABONNER",
        "it": "STOP FERMA ANNULLA CANCELLAMI",
        "nl": "STOP STOPPEN AFMELDEN",
        "pt": "STOP SAIR PARAR CANCELAR",
    }.items()
}
"""The words that opt out, by language; the English ones are those of the American carriers."""

IN: dict[str, frozenset[str]] = {
    language: frozenset(words.split())
    for language, words in {
        "en": "START UNSTOP YES OPTIN",
        "af": "START BEGIN JA",
        "de": "START ANMELDEN JA",
        "es": "START ALTA SI SÍ",
        "fr": "START REPRENDRE OUI",
        "it": "START RIPRENDI SI SÌ",
        "nl": "START AANMELDEN JA",
        "pt": "START VOLTAR SIM",
    }.items()
}
"""The words that opt in again. They mean nothing of a number that is not opted out."""

DEFAULT = "* @all @all"

Wish = Literal["out", "in", ""]

_FORM = "a rule is NUMBER OUT-WORDS IN-WORDS, for example: 27821234567 STOP,@fr START"


@dataclass(frozen=True, slots=True)
class WordRule:
    """One rule."""

    number: str
    opt_out: frozenset[str]
    opt_in: frozenset[str]


def wish_of(rules: tuple[WordRule, ...], number: str, text: str | None, match: str = "whole") -> Wish:
    """What a message to this number wishes. `match`: the `whole` text is the word, or the `first` word is it.

    Signs and blanks do not count: `Stop all!` is STOPALL.
    """
    rule = next((rule for rule in rules if rule.number in (ANY, number)), None)
    if rule is None or not text:
        return ""
    said = text if match == "whole" else text.strip().partition(" ")[0]
    word = re.sub(r"[\W_]+", "", said).upper()
    if word in rule.opt_out:
        return "out"
    return "in" if word in rule.opt_in else ""


@lru_cache(maxsize=8)
def parse_words(text: str) -> tuple[WordRule, ...]:
    """The rules of a text. Raises ValueError that names the rule and the word."""
    return read_rules(text, _FORM, _rule)


def _rule(number: str, opt_out: str, opt_in: str) -> WordRule:
    rule = WordRule(number, _words(opt_out, OUT), _words(opt_in, IN))
    both = rule.opt_out & rule.opt_in
    if both:
        raise ValueError(f"{', '.join(sorted(both))} would opt out and in")
    return rule


def _words(listed: str, languages: dict[str, frozenset[str]]) -> frozenset[str]:
    found: set[str] = set()
    for word in listed.split(",") if listed != "-" else ():
        if word == "@all":
            found = found.union(*languages.values())
        elif word.startswith("@"):
            if word[1:] not in languages:
                raise ValueError(
                    f"{word!r} is no language: it must be @all or one of @{', @'.join(languages)}"
                )
            found |= languages[word[1:]]
        elif not re.fullmatch(r"[^\W_]+", word):
            raise ValueError(f"{word!r} is no word: give letters and digits, A,B for several, - for none")
        else:
            found.add(word.upper())
    return frozenset(found)
