"""Hints of phonenumberslite: they refuse nothing and change nothing."""

from __future__ import annotations

import sys

import pytest

from smsfleet.config.errors import InvalidDestination
from smsfleet.workers import numbering
from smsfleet.workers.addresses import destination
from smsfleet.workers.estimate import estimate


@pytest.mark.parametrize(
    ("written", "country_code", "named"),
    [
        ("+44 (0)20 7946 0018", None, "perhaps '442079460018' is meant"),
        ("020/7946/0018", "44", "perhaps '442079460018' is meant"),
        ("+44/20/79460018", None, "perhaps '442079460018' is meant"),
    ],
)
def test_a_refused_number_is_told_what_it_may_mean(
    written: str, country_code: str | None, named: str
) -> None:
    with pytest.raises(InvalidDestination, match=named):
        destination(written, default_country_code=country_code)


@pytest.mark.parametrize("written", ["", "Shop", "12", "+999 1234567 x"])
def test_a_number_that_means_nothing_is_refused_without_a_hint(written: str) -> None:
    with pytest.raises(InvalidDestination) as refused:
        destination(written)

    assert "perhaps" not in str(refused.value)


@pytest.mark.parametrize(
    ("number", "remark"),
    [
        ("442079460018", "442079460018 is a fixed line"),
        ("33612345", "33612345 is shorter than the numbers of its country"),
        ("27821234567890", "27821234567890 is longer than the numbers of its country"),
        ("99912345678", "99912345678 is of no country: nobody has its country code"),
    ],
)
def test_an_estimate_remarks_what_is_odd(number: str, remark: str) -> None:
    assert (remark,) == estimate("Hello", to=number).remarks


@pytest.mark.parametrize("number", ["27821234567", "27999100001", "19991234567"])
def test_a_good_number_and_the_test_ranges_have_no_remark(number: str) -> None:
    assert () == estimate("Hello", to=number).remarks


def test_without_the_library_there_are_no_hints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "phonenumbers", None)

    assert (None, ()) == (numbering.meant("+44 (0)20 7946 0018"), numbering.remarks("442079460018"))
