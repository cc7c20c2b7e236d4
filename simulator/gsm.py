"""The GSM 03.38 alphabet as a handset has it (3GPP TS 23.038 §6.2.1): an octet a septet, ESC before ten more.

The gateway's side has a table of its own on purpose: a mistake in the workers' table would not be seen if
both sides made it. A test compares the two.
"""

from __future__ import annotations

from typing import Final

from smsfleet.config.errors import ConfigError

ESCAPE: Final = 0x1B

_BASIC: Final = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_ESCAPED: Final = dict(zip("\f^{}\\[~]|€", b"\x0a\x14\x28\x29\x2f\x3c\x3d\x3e\x40\x65", strict=True))

_OCTETS: Final[dict[str, bytes]] = {
    **{character: bytes((code,)) for code, character in enumerate(_BASIC) if code != ESCAPE},
    **{character: bytes((ESCAPE, code)) for character, code in _ESCAPED.items()},
}
_AFTER_ESCAPE: Final = {code: character for character, code in _ESCAPED.items()}


def is_gsm(text: str) -> bool:
    """Whether every character is in the alphabet."""
    return set(text) <= _OCTETS.keys()


def encode(text: str) -> bytes:
    """One octet for each septet. Raises ConfigError for a text with other characters."""
    foreign = sorted(set(text) - _OCTETS.keys())
    if foreign:
        raise ConfigError(f"{foreign[0]!r} is not in the GSM alphabet: use the encoding ucs2")
    return b"".join([_OCTETS[character] for character in text])


def decode(octets: bytes) -> str:
    """What a handset shows: an unknown character after ESC is the basic one; what is no septet, U+FFFD."""
    shown, at = [], 0
    while at < len(octets):
        code, at = octets[at], at + 1
        if code == ESCAPE and at < len(octets):
            code, at = octets[at], at + 1
            if code in _AFTER_ESCAPE:
                shown.append(_AFTER_ESCAPE[code])
                continue
        shown.append(_BASIC[code] if code < len(_BASIC) and code != ESCAPE else "\ufffd")
    return "".join(shown)
