"""Appendix A is complete, and each code means one thing to us."""

from __future__ import annotations

import pytest
from tests.unit.config import guide

from smsfleet.config.codes import APPENDIX_A, Reaction, by_name, command_status

# The reactions as the design decided them, by number; the guide gives none.
TEMPORARY = (0x08, 0x14, 0x58, 0x64, 0xFF)
ACCOUNT = (0x401, 0x402, 0x403)
SESSION = (0x04,)
BIND = (0x05, 0x0D, 0x0E, 0x0F, 0x53)
OUR_BUG = (0x02, 0x03, 0x48, 0xC2)
SHOWN = {0x00: 8, 0x04: None, 0x0C: 1, 0x400: 9, 0x401: 12, 0x402: 12, 0x403: None}


def test_the_table_is_the_guides_appendix_a() -> None:
    assert sorted(guide.APPENDIX_A) == sorted(APPENDIX_A)


@pytest.mark.parametrize(("code", "name"), guide.APPENDIX_A.items())
def test_every_code_is_found_by_the_guides_spelling(code: int, name: str) -> None:
    assert code == by_name(name).code == by_name(name.removeprefix("SMPP_")).code


@pytest.mark.parametrize(
    ("name", "code"), [("ESME_RINVMSGID", 0x0C), ("ESME_RINVSRCTON", 0x48), ("ESME_RINVEXPIRY", 0x62)]
)
def test_smpps_own_spelling_is_known_where_the_guide_has_another(name: str, code: int) -> None:
    assert code == by_name(name).code


def test_a_name_that_nobody_uses_is_unknown() -> None:
    with pytest.raises(KeyError):
        by_name("ESME_RNONSENSE")


@pytest.mark.parametrize("code", guide.APPENDIX_A)
def test_every_code_has_its_reaction(code: int) -> None:
    expected = Reaction.PERMANENT if code else Reaction.NONE
    for reaction, codes in (
        (Reaction.TEMPORARY, TEMPORARY),
        (Reaction.ACCOUNT, ACCOUNT),
        (Reaction.SESSION, SESSION),
        (Reaction.BIND, BIND),
        (Reaction.OUR_BUG, OUR_BUG),
    ):
        if code in codes:
            expected = reaction

    assert expected is APPENDIX_A[code].reaction


@pytest.mark.parametrize("code", guide.APPENDIX_A)
def test_only_what_may_pass_later_is_retryable(code: int) -> None:
    assert (code in TEMPORARY + ACCOUNT + SESSION) is APPENDIX_A[code].retryable


@pytest.mark.parametrize("code", guide.APPENDIX_A)
def test_every_code_is_shown_as_a_status_of_appendix_b(code: int) -> None:
    shown = APPENDIX_A[code].shown_status

    assert SHOWN.get(code, 5) == shown
    assert shown is None or shown in guide.APPENDIX_B


def test_a_code_is_shown_with_number_and_name() -> None:
    assert "0x00000058 ESME_RTHROTTLED" == command_status(0x58).label


@pytest.mark.parametrize("code", [0x06, 0x406, 0xFFFF_FFFF])
def test_a_code_that_the_guide_does_not_list_is_permanent_and_keeps_its_number(code: int) -> None:
    row = command_status(code)

    assert (code, Reaction.PERMANENT, 5) == (row.code, row.reaction, row.shown_status)
    assert f"{code:08X}" in row.label
