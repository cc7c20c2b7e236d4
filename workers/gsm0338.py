"""The GSM 7-bit default alphabet (3GPP TS 23.038 §6.2.1), as SMPP carries it: unpacked, one septet per octet.

`@` is octet 0x00, so encoded text is never a C string. A character of the extension table takes two octets,
ESC (0x1B) and its code (§6.2.1.1). There is no octet for ESC itself: U+001B is not a GSM character.
"""

from __future__ import annotations

import codecs
import re

from smsfleet.config.errors import InvalidText

ESCAPE = 0x1B
"""The octet that announces a character of the extension table."""

BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅå"
    "Δ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ"
    " !\"#¤%&'()*+,-./"
    "0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNO"
    "PQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmno"
    "pqrstuvwxyzäöñüà"
)
"""The 128 places of the basic table in code order; place 0x1B is the escape, so there are 127 characters.

0x09 is the capital Ç: the standard's table shows Ç, and a small ç has no code.
"""

EXTENSION = {
    "\f": 0x0A,
    "^": 0x14,
    "{": 0x28,
    "}": 0x29,
    "\\": 0x2F,
    "[": 0x3C,
    "~": 0x3D,
    "]": 0x3E,
    "|": 0x40,
    "€": 0x65,
}
"""The extension table: character -> the octet that follows ESC."""

_BASIC_CODES = {ord(character): code for code, character in enumerate(BASIC) if code != ESCAPE}
_ALPHABET = re.escape("".join((*map(chr, _BASIC_CODES), *EXTENSION)))
_ALL_GSM = re.compile(f"[{_ALPHABET}]*")
_FOREIGN = re.compile(f"[^{_ALPHABET}]")

# ASCII text needs one bytes.translate: what is not one GSM octet becomes a value that no septet has.
_NOT_ONE_OCTET = b"\xff"
_ASCII_TO_GSM = bytes(_BASIC_CODES.get(code, _NOT_ONE_OCTET[0]) for code in range(256))

# Any other text goes through a map of one octet a character, in which bit 7 marks what needs another step:
# an extension character, and `@`, because charmap_build makes its compact form, several times as fast as a
# dict, only where place 0 holds U+0000.
_MARK = 0x80
_PLACES = dict(enumerate("\x00" + BASIC[1:])) | {_MARK: BASIC[0]}
_PLACES |= {_MARK | code: character for character, code in EXTENSION.items()}
_COMPACT = codecs.charmap_build("".join(_PLACES.get(place, "\ufffe") for place in range(256)))
_MARKED = [(bytes((_MARK,)), b"\x00")]
_MARKED += [(bytes((_MARK | code,)), bytes((ESCAPE, code))) for code in EXTENSION.values()]

_DECODING = BASIC + "\ufffd" * 128
_ESCAPED = re.compile("\x1b(.?)", re.DOTALL)
# Keyed by the basic character of the second octet, because decoding resolves escapes after the basic table.
_AFTER_ESCAPE = {BASIC[code]: character for character, code in EXTENSION.items()} | {"\x1b": " ", "": " "}

_NAMED_AT_MOST = 5


def is_gsm(text: str) -> bool:
    """Whether every character of `text` is in the default alphabet or its extension table."""
    return _ALL_GSM.fullmatch(text) is not None


def encode_or_none(text: str) -> bytes | None:
    """The octets of `text`, one septet per octet, or None if a character of it is not GSM.

    The test and the encoding in one, for callers that have another encoding to fall back on.
    """
    if text.isascii():
        octets = text.encode("ascii").translate(_ASCII_TO_GSM)
        if _NOT_ONE_OCTET not in octets:
            return octets
    # Without this test the map would take U+0000 (place 0) for `@`, and U+001B for half a pair.
    if _ALL_GSM.fullmatch(text) is None:
        return None
    octets = codecs.charmap_encode(text, "strict", _COMPACT)[0]
    if not octets.isascii():
        for marked, final in _MARKED:
            octets = octets.replace(marked, final)
    return octets


def encode(text: str) -> bytes:
    """The octets of `text`: one per character of the basic table, two (ESC, code) per extension character.

    Raises InvalidText, which names the first characters that are not GSM and their positions.
    Source: TS 23.038 §6.2.1.
    """
    octets = encode_or_none(text)
    if octets is None:
        raise InvalidText(
            f"not in the GSM alphabet: {describe(foreign(text))}; replace them, or let the encoding be 'auto'"
        )
    return octets


def decode(octets: bytes) -> str:
    """The text of unpacked GSM octets as a phone shows it; never raises.

    ESC and a code that the extension table lacks is the basic character of that code (TS 23.038 §6.2.1.1);
    ESC ESC, reserved for further tables, and an ESC that ends the octets are one space (§6.2.1 note 1).
    An octet above 0x7F is no septet and becomes U+FFFD.
    """
    text = codecs.charmap_decode(octets, "strict", _DECODING)[0]
    if ESCAPE not in octets:
        return text
    return _ESCAPED.sub(lambda escaped: _AFTER_ESCAPE.get(escaped[1], escaped[1]), text)


def foreign(text: str) -> list[tuple[int, str]]:
    """The characters of `text` that are not GSM, each with its position (index into `text`, from 0)."""
    return [(found.start(), found[0]) for found in _FOREIGN.finditer(text)]


def describe(characters: list[tuple[int, str]]) -> str:
    """Positions and characters for a message: `U+0416 'Ж' at 3, U+0009 at 7 and 2 more`.

    A character that cannot be printed (controls, surrogates) is given by its number only.
    """
    named = ", ".join(
        f"U+{ord(character):04X}{f' {character!r}' if character.isprintable() else ''} at {position}"
        for position, character in characters[:_NAMED_AT_MOST]
    )
    more = len(characters) - _NAMED_AT_MOST
    return f"{named} and {more} more" if more > 0 else named
