"""A body is taken apart at once where it is correct, and field by field where it is not: both judge alike."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsfleet.config.errors import PduError
from smsfleet.smpp import parsing
from smsfleet.smpp.message import SubmitSm
from smsfleet.smpp.parsing import Fields, check, parse

octets = st.integers(0, 255)
SERVICE_TYPE = [b"", b"CMT", b"12345"], [b"123456", b"caf\xe9"]
ADDRESS = [b"", b"1", b"x" * 20], [b"x" * 21, b"o" * 64, b"o" * 65, b"caf\xe9"]
TIME = [b"", b"000001000000000R"], [b"1" * 10, b"1" * 17, b"\xe9" * 16]
TEXT = [b"", b"hello\0", b"x" * 254], [b"x" * 255]
TAIL = [b"", b"\x02\x0c\x00\x02\x00\x07"], [b"\x04", b"\x04\x24\x00\x01b", b"\x00\x1e\x00\x09short"]
FIELDS = (SERVICE_TYPE, ADDRESS, ADDRESS, TIME, TIME, TEXT, TAIL)
"""What each may hold, and what it may not (strictly)."""


def body_of(values: Sequence[bytes], types: bytes = bytes(11)) -> bytes:
    """A body of these strings, text and tail; `types` are the integers between them."""
    service_type, source, destination, schedule, validity, text, tail = values
    return b"%b\0%b%b\0%b%b\0%b%b\0%b\0%b%c%b%b" % (
        *(service_type, types[:2], source, types[2:4], destination, types[4:7]),
        *(schedule, validity, types[7:11], len(text), text, tail),
    )


RIGHT = [right[1] for right, _ in FIELDS[:-1]] + [b""]
EDGES = [
    body_of([*RIGHT[:number], value, *RIGHT[number + 1 :]])
    for number, (right, wrong) in enumerate(FIELDS)
    for value in (*right, *wrong)
]
"""Bodies with one field at, or beyond, a limit."""


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """Bodies in which nothing is wrong, one field or two; some with an octet changed or the end cut."""
    wrong = draw(st.sets(st.integers(0, len(FIELDS) - 1), max_size=2))
    values = [draw(st.sampled_from(field[number in wrong])) for number, field in enumerate(FIELDS)]
    body = body_of(values, bytes(draw(st.tuples(*[octets] * 11))))
    at = draw(st.integers(0, len(body) - 1))
    changed = body[:at] + bytes((draw(octets),)) + body[at + 1 :]
    return draw(st.sampled_from([body, body, changed, body[:at]]))


def judged(body: bytes, *, strict: bool) -> Fields | tuple[int, str]:
    """The fields, or the status and the words of the refusal."""
    try:
        return parse(body, strict=strict)
    except PduError as error:
        return error.command_status, str(error)


def judged_field_by_field(body: bytes, *, strict: bool) -> Fields | tuple[int, str]:
    """The same without the shortcut."""
    with pytest.MonkeyPatch.context() as patch:
        for shortcut in ("_STRICT", "_LIBERAL"):
            patch.setattr(parsing, shortcut, lambda _body: None)
        return judged(body, strict=strict)


def refused(body: bytes, *, strict: bool) -> tuple[int, str] | None:
    """What `check` says; None: nothing."""
    try:
        check(body, strict=strict)
    except PduError as error:
        return error.command_status, str(error)
    return None


def is_judged_alike(body: bytes, *, strict: bool) -> bool:
    """Whether each way judges as the other: at once, field by field, and `check`."""
    field_by_field = judged_field_by_field(body, strict=strict)
    refusal = field_by_field if isinstance(field_by_field[0], int) else None
    return (field_by_field, refusal) == (judged(body, strict=strict), refused(body, strict=strict))


@pytest.mark.parametrize("strict", [True, False])
@given(body=bodies())
def test_field_by_field_is_judged_as_at_once(strict: bool, body: bytes) -> None:
    assert is_judged_alike(body, strict=strict)


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("body", EDGES)
def test_the_limits_of_each_field_are_the_same(body: bytes, strict: bool) -> None:
    assert is_judged_alike(body, strict=strict)


def test_a_correct_body_needs_no_second_look(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("field by field")

    monkeypatch.setattr(parsing, "_one_by_one", never)
    message = SubmitSm("CMT", 5, 0, "Shop", 1, 1, "27999100001", validity_period="000001000000000R")

    assert message == SubmitSm.decode_body(message.encode_body())
