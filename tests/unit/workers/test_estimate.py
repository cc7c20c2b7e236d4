"""What a text will take, said before it is sent."""
# ruff: noqa: RUF001 - look-alikes are what these tests are about

import json
from fractions import Fraction

import pytest

from smsfleet.config.errors import InvalidArgument, InvalidDestination, InvalidText, TextTooLong
from smsfleet.config.settings import load
from smsfleet.workers.estimate import Estimate, NotGsm, Saving, as_configured, estimate
from smsfleet.workers.segments import segment


def test_a_gsm_text_costs_a_credit_a_segment() -> None:
    assert Estimate("gsm0338", (), 1, 5, 155, Fraction(1)) == estimate("h€llo"[:4])
    assert Estimate("gsm0338", (), 3, 320, 139, Fraction(3)) == estimate("a" * 320)


def test_a_ucs2_text_is_explained_by_the_characters_that_make_it_so() -> None:
    answer = estimate("it’s 5€ 😀")

    assert "ucs2" == answer.encoding
    assert (
        NotGsm(2, "’", "U+2019", "RIGHT SINGLE QUOTATION MARK"),
        NotGsm(8, "😀", "U+1F600", "GRINNING FACE"),
    ) == answer.not_gsm
    assert (1, 10, 60) == (answer.segments, answer.units, answer.units_left)


def test_a_character_without_a_name_is_still_explained() -> None:
    assert (NotGsm(0, "\ue000", "U+E000", ""),) == estimate("\ue000").not_gsm


def test_a_gsm_text_that_is_asked_to_be_ucs2_has_nothing_to_explain() -> None:
    assert Estimate("ucs2", (), 2, 71, 63, Fraction(2)) == estimate("a" * 71, encoding="ucs2")


@pytest.mark.parametrize("to", ["27999112345", "+1 999 123 4567"])
def test_a_segment_to_a_test_range_costs_a_third(to: str) -> None:
    assert Fraction(1, 3) == estimate("a", to=to).credits
    assert Fraction(2, 3) == estimate("a" * 161, to=to).credits
    assert Fraction(1) == estimate("a" * 400, to=to).credits


def test_a_segment_to_anyone_else_costs_one() -> None:
    assert Fraction(2) == estimate("a" * 161, to="27821234567").credits


def test_a_national_number_is_read_as_send_sms_reads_it() -> None:
    assert Fraction(1, 3) == estimate("a", to="0999112345", default_country_code="27").credits


def test_the_answer_is_json() -> None:
    answer = estimate("Ж", to="27999112345").as_dict()

    assert {
        "encoding": "ucs2",
        "not_gsm": [
            {"position": 0, "character": "Ж", "code_point": "U+0416", "name": "CYRILLIC CAPITAL LETTER ZHE"}
        ],
        "segments": 1,
        "units": 1,
        "units_left": 69,
        "credits": "1/3",
        "replaced": 0,
        "savings": [],
        "remarks": [],
    } == json.loads(json.dumps(answer))
    assert "2" == estimate("a" * 161).as_dict()["credits"]


@pytest.mark.parametrize("text", ["", "a" * 160, "€" * 81, "Ж" * 71, "😀" * 100])
def test_an_estimate_is_what_segment_does(text: str) -> None:
    answer, segmented = estimate(text), segment(text)

    assert (segmented.encoding, segmented.segments, segmented.units, segmented.units_left) == (
        answer.encoding,
        answer.segments,
        answer.units,
        answer.units_left,
    )


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"text": "Ж", "encoding": "gsm"}, InvalidText),
        ({"text": "\x00"}, InvalidText),
        ({"text": "a" * 161, "max_segments": 1}, TextTooLong),
        ({"text": "a", "to": "082"}, InvalidDestination),
        ({"text": "a", "encoding": "utf8"}, InvalidArgument),
    ],
)
def test_what_send_sms_would_refuse_is_refused(arguments: dict, error: type[Exception]) -> None:
    with pytest.raises(error):
        estimate(**arguments)


SALE = "It’s our summer sale – everything 50 % off. " * 3


def test_what_a_transliteration_would_save_is_said_the_gentlest_first() -> None:
    assert (Saving("typographic", 6, 1, Fraction(1, 3)),) == estimate(SALE, to="27999112345").savings
    assert (Saving("lossy", 100, 1, Fraction(1)),) == estimate("П" * 100).savings


def test_nothing_is_said_where_nothing_is_saved() -> None:
    assert () == estimate("a").savings
    assert () == estimate("’").savings
    assert () == estimate("中" * 140).savings
    assert () == estimate(SALE, encoding="ucs2").savings


def test_a_transliteration_that_is_asked_for_is_counted() -> None:
    answer = estimate(SALE, transliterate="typographic")

    assert ("gsm0338", 1, 6, ()) == (answer.encoding, answer.segments, answer.replaced, answer.savings)
    assert 6 == len(answer.not_gsm)


def test_a_text_of_any_length_is_told_of() -> None:
    assert 262 == estimate("a" * 40_000, long_messages="payload").segments
    with pytest.raises(TextTooLong, match="262 segments"):
        estimate("a" * 40_000)


def test_the_settings_say_what_the_call_does_not() -> None:
    settings = load(
        {
            "SMSFLEET_TRANSLITERATE": "typographic",
            "SMSFLEET_REFERENCE_OCTETS": "2",
            "SMSFLEET_MAX_SEGMENTS": "1",
            "SMSFLEET_DEFAULT_COUNTRY_CODE": "27",
            "SMSFLEET_DENY_PREFIXES": "2799",
        }
    )

    answer = as_configured(settings, "“" + "a" * 305, to="0999112345")

    assert ("gsm0338", 3, Fraction(1)) == (answer.encoding, answer.segments, answer.credits)
    assert [
        "refused: more segments than SMSFLEET_MAX_SEGMENTS=1",
        "refused: destination '27999112345' is denied: '2799' is one of SMSFLEET_DENY_PREFIXES",
    ] == list(answer.remarks)
    assert "ucs2" == as_configured(settings, "“", transliterate="off").encoding
