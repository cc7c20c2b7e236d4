"""Texts and rows of campaigns: fields in braces, put in for each row; nothing else of Python's formatting.

`Hello {name}` takes the field `name` of a row; `{{` and `}}` stand for one brace. Attributes, indexes,
conversions and format specifications are refused: a text is written by people who are no programmers, and
rows come from anywhere.
"""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from smsfleet.config.errors import InvalidArgument, InvalidDestination, InvalidField, InvalidText
from smsfleet.config.masking import mask_reason

NUMBER = "to"
"""The field of a row that is its number, unless another is named."""

MOST_CHARACTERS = 40_000
"""Of one row's fields together: more than the longest text can hold (255 segments of 153)."""

_NAME_MOST = 64


class Template:
    """A text with its fields; `fields` are those that a row must have, in their order."""

    def __init__(self, text: str) -> None:
        """Raises InvalidText for what is no template."""
        if not isinstance(text, str):
            raise InvalidText(f"text is {type(text).__name__}: it must be a str")
        self._parts: list[str] = []
        """literals and, at odd places, fields"""
        names: dict[str, int] = {}
        places: list[int] = []
        literal = ""
        try:
            parsed = list(string.Formatter().parse(text))
        except ValueError as error:
            raise InvalidText(f"the text is no template: {error}; write {{{{ or }}}} for a brace") from None
        for before, name, spec, conversion in parsed:
            literal += before
            if name is None:
                continue
            _check(name, spec, conversion)
            self._parts.append(literal)
            places.append(names.setdefault(name, len(names)))
            literal = ""
        self._last = literal
        self._places = places
        self.fields = tuple(names)

    def render(self, values: Sequence[str]) -> str:
        """The text with these values of `fields`."""
        pieces: list[str] = []
        for literal, place in zip(self._parts, self._places, strict=True):
            pieces += (literal, values[place])
        pieces.append(self._last)
        return "".join(pieces)

    def values(self, row: Mapping[str, Any]) -> list[str]:
        """The values of `fields` in a row; raises InvalidField."""
        values = []
        length = 0
        for name in self.fields:
            value = row.get(name)
            if type(value) is not str:
                value = _as_text(name, value)
            length += len(value)
            values.append(value)
        if length > MOST_CHARACTERS:
            raise InvalidField(f"the fields have {length} characters together: at most {MOST_CHARACTERS}")
        return values


def plain(text: str) -> str:
    """A text without fields as a template; what is no text stays, and `Template` refuses it."""
    return text.replace("{", "{{").replace("}", "}}") if isinstance(text, str) else text


def packed(row: Any, template: Template, number_field: str = NUMBER) -> Any:
    """A row as its chunk keeps it: the number, `[number, field...]`, or `{"e": code, "m": reason}`.

    `row` is a number or a mapping. What is wrong with the number is found by a worker.
    """
    if type(row) is str and not template.fields:
        return row
    try:
        if not isinstance(row, Mapping):
            number = _number(row)
            return [number, *template.values({})] if template.fields else number
        number = _number(row.get(number_field), f"the row has no {number_field!r}")
        return [number, *template.values(row)] if template.fields else number
    except InvalidArgument as error:
        return {"e": error.code, "m": mask_reason(str(error))}


def _number(value: Any, missing: str = "the row has no number") -> str:
    if type(value) is str:
        return value
    if value is None:
        raise InvalidDestination(missing)
    if type(value) is int:
        return str(value)
    raise InvalidDestination(f"the number is {type(value).__name__}: it must be a text or a whole number")


def _check(name: str, spec: str | None, conversion: str | None) -> None:
    shown = f"{{{name}{'!' + conversion if conversion else ''}{':' + spec if spec else ''}}}"
    if spec or conversion:
        raise InvalidText(f"{shown} is refused: a field is a name alone, without format or conversion")
    if not name or name.isdigit() or len(name) > _NAME_MOST or not name.isprintable():
        raise InvalidText(f"{shown} is refused: a field has a name of 1 to {_NAME_MOST} characters")
    if any(sign in name for sign in ".[]{}"):
        raise InvalidText(f"{shown} is refused: a field is a name alone, without attributes or indexes")


def _as_text(name: str, value: Any) -> str:
    if value is None:
        raise InvalidField(f"the row has no field {name!r}")
    if isinstance(value, str | int | float | Decimal | date):
        return str(value)
    raise InvalidField(f"the field {name!r} is {type(value).__name__}: it must be a text, a number or a date")
