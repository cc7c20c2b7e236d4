"""Substitutes for characters outside GSM: never for one that GSM has, kept as a whole or not at all."""
# ruff: noqa: RUF001 - look-alikes are what these tests are about

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.unit.workers.test_on_the_wire import long
from tests.unit.workers.test_segments import BASIC, EXTENDED, read

from smsfleet.config.errors import InvalidArgument, InvalidText
from smsfleet.workers.segments import segment
from smsfleet.workers.transliteration import MODES, TYPOGRAPHIC, transliterate

GSM = set(BASIC + EXTENDED)
CHARACTERS = st.characters(exclude_categories=["Cc", "Cs"]) | st.sampled_from(
    [*BASIC, *EXTENDED, *TYPOGRAPHIC, "\u0301", "\u0308", "é", "ç", "Ж"]
)
TEXTS = long(CHARACTERS) | st.text(st.sampled_from([*BASIC, *TYPOGRAPHIC]), min_size=1, max_size=90)


def test_no_character_of_gsm_is_in_the_table_and_every_substitute_is_gsm() -> None:
    assert set() == GSM & set(TYPOGRAPHIC)
    assert set() == set("".join(TYPOGRAPHIC.values())) - GSM


@pytest.mark.parametrize(
    ("text", "made", "replaced"),
    [
        ("‘it’s’ “said” „unten“ «là»", "'it's' \"said\" \"unten\" \"là\"", 9),
        ("a–b—c‑d−e…", "a-b-c-d-e...", 5),
        ("10\u00a0000\u202f€\u2009", "10 000 € ", 3),
        ("in\u200bvi\u00adsi\ufeffble\u200e", "invisible", 4),
        ("ＳＡＬＥ！５０％", "SALE!50%", 8),
        ("cafe\u0301 u\u0308ber A\u030angstrom", "café über Ångstrom", 3),
        ("5 \u2126", "5 Ω", 1),
        ("plain £ é ¥", "plain £ é ¥", 0),
        ("Ж “ç”", 'Ж "ç"', 2),
    ],
)  # fmt: skip
def test_typography_becomes_what_a_reader_sees(text: str, made: str, replaced: int) -> None:
    assert (made, replaced) == transliterate(text, "typographic")


@pytest.mark.parametrize(
    ("text", "made", "replaced"),
    [
        ("Привет, £5 é", "Privet, £5 é", 6),
        ("“ça va”", '"ca va"', 3),
        ("Łódź", "Lodz", 3),
        ("x\u0302", "x", 1),
        ("\ue000", "\ue000", 0),
    ],
)
def test_the_rest_becomes_ascii_only_where_gsm_lacks_it(text: str, made: str, replaced: int) -> None:
    assert (made, replaced) == transliterate(text, "lossy")


@given(TEXTS)
@example("".join(sorted(GSM)))
def test_a_character_of_gsm_without_marks_is_never_touched(text: str) -> None:
    plain = "".join(character for character in text if character in GSM)

    assert {(plain, 0)} == {transliterate(plain, mode) for mode in MODES[1:]}


@given(TEXTS, st.sampled_from(MODES), st.sampled_from([1, 2]))
def test_a_substituted_text_is_all_gsm_and_takes_no_more_segments_or_it_is_left_as_it_was(
    text: str, mode: str, octets: int
) -> None:
    before = segment(text, reference_octets=octets)

    after = segment(text, transliterate=mode, reference_octets=octets)

    if after.replaced:
        assert ("ucs2", "gsm0338") == (before.encoding, after.encoding)
        assert after.segments <= before.segments
        assert transliterate(text, mode).text == "".join(read(after))
    else:
        # nothing that a reader would miss: what was composed or left out counts as replaced
        assert text == "".join(read(after))
        assert before == after


def test_a_text_that_would_need_more_segments_stays_as_it_is() -> None:
    assert ("ucs2", 1, 0) == shape("…" * 70)
    assert ("gsm0338", 1, 53) == shape("…" * 53)
    assert ("gsm0338", 2, 71) == shape("…" * 71)


def test_a_text_of_nothing_but_what_is_left_out_stays_as_it_is() -> None:
    assert ("ucs2", 1, 0) == shape("\u200b")


def shape(text: str) -> tuple[str, int, int]:
    made = segment(text, transliterate="typographic")
    return made.encoding, made.segments, made.replaced


def test_ucs2_that_is_asked_for_is_not_touched() -> None:
    made = segment("“so”", encoding="ucs2", transliterate="lossy")

    assert ("ucs2", ["“so”"], 0) == (made.encoding, read(made), made.replaced)


def test_gsm_that_is_asked_for_may_need_substitutes_and_more_segments() -> None:
    assert ("gsm0338", 1, 2) == (
        (made := segment("“so”", encoding="gsm", transliterate="typographic")).encoding,
        made.segments,
        made.replaced,
    )
    assert 2 == segment("…" * 70, encoding="gsm", transliterate="typographic").segments


def test_what_has_no_substitute_is_named_and_what_has_one_is_not() -> None:
    with pytest.raises(InvalidText, match=r"not in the GSM alphabet: U\+0416 'Ж' at 4; replace"):
        segment("“so”Ж", encoding="gsm", transliterate="typographic")


def test_a_forbidden_character_is_refused_before_anything_is_replaced() -> None:
    with pytest.raises(InvalidText, match=r"forbidden.*U\+0007"):
        segment("“\a”", transliterate="lossy")


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(
        InvalidArgument, match="transliterate is 'nfkd': it must be one of off, typographic, lossy"
    ):
        segment("“", transliterate="nfkd")


def test_composed_letters_are_those_of_unicode() -> None:
    composed = {c for c in map(chr, range(0xC0, 0x250)) if unicodedata.decomposition(c)}
    gsm = {c for c in composed & GSM if len(unicodedata.normalize("NFD", c)) == 2}

    assert gsm == {transliterate(unicodedata.normalize("NFD", c), "typographic").text for c in gsm}
    assert len(gsm) > 15
