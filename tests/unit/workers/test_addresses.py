"""What people write as a phone number or a sender, and what goes to the gateway."""
# ruff: noqa: RUF001 - look-alikes are what these tests are about

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smsfleet.config.errors import InvalidArgument, InvalidDestination, InvalidSender
from smsfleet.workers.addresses import destination, is_test_number, sender


@pytest.mark.parametrize(
    "written",
    [
        "27821234567",
        "+27821234567",
        "0027821234567",
        "+27 82 123-4567",
        "+27 (82) 123.4567",
        "  0027-82-123-4567 ",
        "(+27) 82 1234567",
        "27.82.123.4567",
    ],
)
def test_one_number_is_written_in_many_ways(written: str) -> None:
    assert "27821234567" == destination(written)


@pytest.mark.parametrize(
    "written", ["1234567", "123456789012345", "27999100000", "19990000000", "+999123456"]
)
def test_every_international_number_of_7_to_15_digits_is_accepted(written: str) -> None:
    assert written.removeprefix("+") == destination(written)


@pytest.mark.parametrize(
    ("written", "rule"),
    [
        ("", "holds no digit"),
        (" - ()", "holds no digit"),
        ("+", "holds no digit"),
        ("00", "holds no digit"),
        ("123456", "has 6 digits: an international number has 7 to 15"),
        ("+1234567890123456", "has 16 digits: an international number has 7 to 15"),
        ("0821234567", "leading 0"),
        ("+0821234567", "leading 0"),
        ("+0027821234567", "leading 0"),
        ("00027821234567", "leading 0"),
        ("0", "leading 0"),
        ("++27821234567", r"'\+' \(U\+002B\)"),
        ("2782+1234567", r"'\+' \(U\+002B\)"),
        ("27821234567\n", r"'\\n' \(U\+000A\)"),
        ("27\t821234567", r"'\\t' \(U\+0009\)"),
        ("27\xa0821234567", r"'\\xa0' \(U\+00A0\)"),
        ("٢٧٨٢١٢٣٤٥٦٧", r"\(U\+0662\)"),
        ("2782123456７", r"\(U\+FF17\)"),
        ("27821234567²", r"\(U\+00B2\)"),
        ("27821234567x12", r"'x' \(U\+0078\)"),
        ("tel:27821234567", r"'t' \(U\+0074\)"),
        ("27821234567,27821234568", r"',' \(U\+002C\)"),
        ("27821234567\x00", r"'\\x00' \(U\+0000\)"),
        ("+27 (0)82 123 4567", r"'\(0\)'"),
        ("0027-( 0 )82 123 4567", r"'\(0\)'"),
    ],
)
def test_a_destination_that_would_have_to_be_guessed_is_refused_by_name(written: str, rule: str) -> None:
    with pytest.raises(InvalidDestination, match=rule) as refused:
        destination(written)

    assert repr(written) in str(refused.value)


@pytest.mark.parametrize("value", [27821234567, 2.7821234567e10, None, b"27821234567", ["27821234567"], True])
def test_a_destination_that_is_no_string_is_refused_with_the_remedy(value: object) -> None:
    with pytest.raises(InvalidDestination, match=f"of type {type(value).__name__}: pass a string such as"):
        destination(value)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("082 123 4567", "27821234567"),
        ("(0)82 123 4567", "27821234567"),
        ("(082) 123-4567", "27821234567"),
        ("+44 20 7946 0000", "442079460000"),
        ("0044 20 7946 0000", "442079460000"),
        ("442079460000", "442079460000"),
    ],
)
def test_a_default_country_code_replaces_one_leading_0_and_nothing_else(written: str, expected: str) -> None:
    assert expected == destination(written, default_country_code="27")


@pytest.mark.parametrize(
    "written", ["+0821234567", "000821234567", "+27 (0)82 123 4567", "012345678901234567"]
)
def test_a_default_country_code_repairs_nothing_else(written: str) -> None:
    with pytest.raises(InvalidDestination):
        destination(written, default_country_code="27")


@pytest.mark.parametrize("code", ["", "0", "+27", "027", "1234", "2७", "27\n"])
def test_a_default_country_code_is_1_to_3_digits(code: str) -> None:
    with pytest.raises(InvalidArgument, match="default_country_code"):
        destination("0821234567", default_country_code=code)


@given(st.text(alphabet="0123456789 +-().x\n٣", max_size=24), st.sampled_from([None, "27"]))
@settings(max_examples=300)
def test_what_is_accepted_is_always_a_plain_international_number_and_stays_it(
    written: str, default_country_code: str | None
) -> None:
    try:
        number = destination(written, default_country_code=default_country_code)
    except InvalidDestination:
        return

    assert number.isascii()
    assert number.isdigit()
    assert 7 <= len(number) <= 15
    assert not number.startswith("0")
    assert number == destination(number)


@pytest.mark.parametrize("number", ["27999100000", "27999199999", "19990000000", "19999999999"])
def test_the_guides_test_ranges_are_known(number: str) -> None:
    assert is_test_number(number)


@pytest.mark.parametrize(
    "number",
    [
        "27999200000",
        "2799910000",
        "279991000000",
        "1999000000",
        "199900000000",
        "19980000000",
        "27999100000\n",
        "+27999100000",
    ],
)
def test_numbers_beside_the_test_ranges_are_not_in_them(number: str) -> None:
    assert not is_test_number(number)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("", ""),
        ("12345", "12345"),
        ("0825551234", "0825551234"),
        ("+27 82 123-4567", "27821234567"),
        ("1234567890123456", "1234567890123456"),
        ("1-800", "1800"),
        ("ACME", "ACME"),
        ("Acme Ltd", "Acme Ltd"),
        (" ACME ", "ACME"),
        ("1800House", "1800House"),
        ("A-1 (SA) Co.", None),
        ("A-1 (SA) Co", "A-1 (SA) Co"),
        ("AT&T", "AT&T"),
        ("+ACME", "+ACME"),
        ("12345678901", "12345678901"),
    ],
)
def test_a_sender_is_the_default_or_a_number_or_a_name(written: str, expected: str | None) -> None:
    if expected is None:
        with pytest.raises(InvalidSender, match="has 12 characters: an alphanumeric sender has at most 11"):
            sender(written)
    else:
        assert expected == sender(written)


@pytest.mark.parametrize(
    ("written", "rule"),
    [
        ("12345678901234567", "has 17 digits: a numeric sender has at most 16"),
        ("ABCDEFGHIJKL", "has 12 characters"),
        (" ", "at least one letter"),
        ("+", "at least one letter"),
        ("-", "at least one letter"),
        ("12#34", "at least one letter"),
        ("++27821234567", "at least one letter"),
        ("Café", "ASCII letters"),
        ("ΑCME", "ASCII letters"),
        ("a@b", "ASCII letters"),
        ("a_b", "ASCII letters"),
        ("US$", "ASCII letters"),
        ("a{b}", "ASCII letters"),
        ("a`b", "ASCII letters"),
        ("ACME\n", "ASCII letters"),
        ("AC\x00ME", "ASCII letters"),
        ("AC\xa0ME", "ASCII letters"),
        ("١٢٣٤٥", "ASCII letters"),
    ],
)
def test_any_other_sender_is_refused_by_name(written: str, rule: str) -> None:
    with pytest.raises(InvalidSender, match=rule) as refused:
        sender(written)

    assert repr(written) in str(refused.value)


@pytest.mark.parametrize("value", [12345, None, b"ACME"])
def test_a_sender_that_is_no_string_is_refused_with_the_remedy(value: object) -> None:
    with pytest.raises(InvalidSender, match=f"of type {type(value).__name__}: pass a string, '' for"):
        sender(value)  # type: ignore[arg-type]


@pytest.mark.parametrize("character", [chr(code) for code in range(0x21, 0x7F)])
def test_a_name_holds_only_characters_that_are_the_same_in_ascii_and_gsm(character: str) -> None:
    same_in_both = character not in "@$_`[]{}\\^~|"

    if same_in_both:
        assert f"A{character}" == sender(f"A{character}")
    else:
        with pytest.raises(InvalidSender):
            sender(f"A{character}")
