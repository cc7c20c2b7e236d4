# ruff: noqa: RUF001 - look-alikes are what this table is about
"""What stands in for characters that the GSM alphabet lacks: look-alikes of typography, ASCII for the rest.

Only characters outside GSM are ever touched. A transliterator over a whole text would damage those that GSM
has: £, €, é, Ä and 40 more.
"""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

from smsfleet.workers import gsm0338

MODES = ("off", "typographic", "lossy")
"""`typographic` keeps what a reader sees; `lossy` what it may sound like: `Привет` becomes `Privet`."""

_LOOK_ALIKES = {
    "'": "`´ʹʻʼʽˈˊˋ‘’‚‛′‵‹›＇",
    '"': "ˮ“”„‟″‶«»〝〞＂",
    "-": "‐‑‒–—―−﹘﹣",
    "...": "…",
    "..": "‥",
    "/": "⁄∕",
    "*": "•∗",
    ":": "∶",
    "~": "∼˜",
    " ": "\u00a0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u202f\u205f\u3000",
    "\n": "\u2028\u2029",
    "ff": "ﬀ", "fi": "ﬁ", "fl": "ﬂ", "ffi": "ﬃ", "ffl": "ﬄ", "st": "ﬅﬆ",
    "Ω": "\u2126", "K": "\u212a", "Å": "\u212b",  # signs that NFC makes letters of
}  # fmt: skip

_INVISIBLE = (
    0x00AD, 0x034F, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2065),
    *range(0x2066, 0x206A), *range(0xFE00, 0xFE10), 0xFEFF,
)  # fmt: skip
"""Soft hyphen, joiners, zero-width spaces, marks of direction, variation selectors."""

TYPOGRAPHIC: dict[str, str] = (
    {chr(code + 0xFEE0): chr(code) for code in range(0x21, 0x7F)}  # full-width ASCII
    | {"｀": "'"}
    | {character: plain for plain, characters in _LOOK_ALIKES.items() for character in characters}
    | {chr(code): "" for code in _INVISIBLE}
)
"""Character -> what stands in for it; none of the characters is GSM, every substitute is."""

_TYPOGRAPHIC = re.compile("[" + re.escape("".join(TYPOGRAPHIC)) + "]")
_MARKED = re.compile("[^\u0300-\u036f][\u0300-\u036f]+")


class Transliterated(NamedTuple):
    """A text with substitutes, which may still hold characters outside GSM."""

    text: str
    replaced: int
    """places where the text was changed"""


def transliterate(text: str, mode: str) -> Transliterated:
    """Put substitutes for characters outside GSM into `text`, as `mode` (`typographic` or `lossy`) allows.

    `typographic` composes letters with their marks (NFC) and uses `TYPOGRAPHIC`. `lossy` then replaces each
    character that is still outside GSM by an ASCII transliteration; one that has none stays.
    """
    changes = 0

    def composed(found: re.Match[str]) -> str:
        nonlocal changes
        whole = unicodedata.normalize("NFC", found[0])
        changes += whole != found[0]
        return whole

    text = _MARKED.sub(composed, text)
    text, replaced = _TYPOGRAPHIC.subn(lambda found: TYPOGRAPHIC[found[0]], text)
    changes += replaced
    if mode == "lossy":
        parts: list[str] = []
        start = 0
        for position, character in gsm0338.foreign(text):
            substitute = _ascii(character)
            if substitute is not None:
                parts += (text[start:position], substitute)
                start = position + 1
                changes += 1
        text = "".join((*parts, text[start:]))
    return Transliterated(text, changes)


def _ascii(character: str) -> str | None:
    """GSM characters that stand for `character` as well as can be, or None."""
    from anyascii import anyascii  # noqa: PLC0415 - most processes never need its tables

    substitute = anyascii(character).translate({ord("`"): "'"})
    if not substitute:
        return "" if unicodedata.combining(character) else None
    return substitute if gsm0338.is_gsm(substitute) else None
