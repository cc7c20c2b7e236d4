"""The error tree: every class says what it is for, and is known by a word of its own."""

from __future__ import annotations

import inspect
from collections import Counter

import pytest

from smsfleet.config import errors
from smsfleet.config.errors import SmsfleetError
from smsfleet.workers import receipts

CLASSES = [
    found
    for module in (errors, receipts)
    for _, found in inspect.getmembers(module, inspect.isclass)
    if issubclass(found, SmsfleetError) and found.__module__ == module.__name__
]


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_error_has_a_docstring_of_its_own(kind: type[SmsfleetError]) -> None:
    assert kind.__dict__.get("__doc__")


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_error_names_its_code_itself(kind: type[SmsfleetError]) -> None:
    assert "code" in kind.__dict__


def test_no_two_errors_have_the_same_code() -> None:
    codes = Counter(kind.code for kind in CLASSES)

    assert [] == [code for code, count in codes.items() if count > 1]


def test_every_error_derives_from_the_one_root() -> None:
    all_of_them = [found for _, found in inspect.getmembers(errors, inspect.isclass)]

    assert [] == [
        found
        for found in all_of_them
        if issubclass(found, Exception) and not issubclass(found, SmsfleetError)
    ]


def test_what_may_pass_later_is_retryable_and_nothing_else() -> None:
    assert {"StoreUnavailable", "WrongType", "NotBound", "WindowFull", "BinderSilent", "StillOpen"} == {
        kind.__name__ for kind in CLASSES if kind.retryable
    }


@pytest.mark.parametrize("kind", [errors.InvalidArgument, errors.InvalidText, errors.TextTooLong])
def test_what_a_caller_asked_wrongly_is_a_value_error_too(kind: type[SmsfleetError]) -> None:
    assert issubclass(kind, ValueError)


def test_a_pdu_error_carries_the_status_to_answer() -> None:
    assert 0xC2 == errors.PduError(0xC2, "a TLV runs past the PDU").command_status
