"""What a privacy audit looks for: each number in every form, each text whole and in pieces, in any octets."""

from __future__ import annotations

import re
from collections.abc import Iterable

PIECE = 6
"""Characters of a text that are found wherever they are."""

FEWEST = 7
"""Digits of a number that are found where they stand alone; more of them are found inside others too."""

INSIDE = 9

_BETWEEN = re.compile(r"(?<=\d)(?:[ ().,/_\u00a0\u2009-]|\\u[0-9a-f]{4}|\\xa0){1,3}(?=\d)")
_RUN = re.compile(r"(?<![0-9A-Za-z_-])\d{7,15}(?![0-9A-Za-z_-])")


class Wanted:
    """The numbers and texts of a run, prepared for many looks."""

    def __init__(self, numbers: Iterable[str], texts: Iterable[str]) -> None:
        self._numbers = list(dict.fromkeys(numbers))
        self._pieces: dict[str, str] = {}
        for word in (word for text in texts for word in re.findall(r"\w{6,}", text)):
            for start in range(len(word) - PIECE + 1):
                piece = word[start : start + PIECE]
                for written in _written(piece):
                    self._pieces[written.casefold()] = piece

    def found_in(self, said: str | bytes) -> list[str]:
        """Which of them something shows, a few digits or letters each."""
        text = said if isinstance(said, str) else said.decode("latin-1")
        folded = text.casefold()
        hits = {piece for written, piece in self._pieces.items() if written in folded}
        for joined in (folded, _BETWEEN.sub("", folded)):
            runs = set(_RUN.findall(joined))
            for number in self._numbers:
                if number[-INSIDE:] in joined or any(f"00{number}".endswith(run) for run in runs):
                    hits.add(number)
        hits |= {
            number
            for number in self._numbers
            for octets in (number[-FEWEST:].encode(), number[-FEWEST:].encode("utf-16-be"))
            if octets.hex() in folded
        }
        return sorted(hits)


def _written(piece: str) -> set[str]:
    """A piece of a text as characters, in JSON, in a repr of its octets, and as hexadecimal octets."""
    escaped = piece.encode("unicode-escape").decode()
    octets = {piece.encode("utf-8"), piece.encode("utf-16-be")}
    return {piece, escaped, *(one.hex() for one in octets), *(repr(one)[2:-1] for one in octets)}
