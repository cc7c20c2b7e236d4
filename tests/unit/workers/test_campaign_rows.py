"""Rows of a campaign: what a chunk keeps of them, and the submit_sm bodies that they become."""

from __future__ import annotations

from typing import Any

import pytest

from smsfleet.config.settings import Settings, load
from smsfleet.smpp.pdu import SubmitSm
from smsfleet.workers.admissions import Encoded, admission_of
from smsfleet.workers.campaign_rows import Made, RowMaker
from smsfleet.workers.request import SmsRequest
from smsfleet.workers.rules import NO_RULES, Rules
from smsfleet.workers.templates import Template, packed

CAMPAIGN = "Cabcdefghij"
NOW_MS = 1_700_000_000_000


def common(text: str, sender: str = "", **options: Any) -> SmsRequest:
    return SmsRequest.checked("27999100001", text, sender, lane="bulk", now_ms=NOW_MS, **options)


def maker(
    text: str, sender: str = "", rules: Rules = NO_RULES, settings: Settings | None = None, **options: Any
) -> RowMaker:
    return RowMaker(CAMPAIGN, common(text, sender, **options), settings or load({}), rules, now_ms=NOW_MS)


def made(text: str, row: Any, **more: Any) -> Made:
    return maker(text, **more).make("1", packed(row, Template(text)), unique=True)


# --- what a chunk keeps -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "row", "kept"),
    [
        ("Hello", "27999100001", "27999100001"),
        ("Hello", 27999100001, "27999100001"),
        ("Hello", {"to": "27999100001", "name": "Ann"}, "27999100001"),
        ("Hello {name}", {"to": 27999100001, "name": "Ann", "other": "x"}, ["27999100001", "Ann"]),
    ],
)
def test_a_row_is_kept_with_the_fields_of_the_text_alone(text: str, row: Any, kept: Any) -> None:
    assert packed(row, Template(text)) == kept


@pytest.mark.parametrize(
    ("text", "row", "code"),
    [
        ("Hello", None, "invalid-destination"),
        ("Hello", 1.5, "invalid-destination"),
        ("Hello", {}, "invalid-destination"),
        ("Hello", {"to": True}, "invalid-destination"),
        ("Hello {name}", "27999100001", "invalid-field"),
        ("Hello {name}", {"to": "27999100001"}, "invalid-field"),
    ],
)
def test_a_row_that_cannot_be_read_is_kept_with_its_reason(text: str, row: Any, code: str) -> None:
    assert packed(row, Template(text))["e"] == code
    assert (made(text, row).row.to, made(text, row).row.mark) == ("", code)


def test_the_number_may_have_another_name() -> None:
    assert packed({"mobile": "27999100001"}, Template("Hello"), "mobile") == "27999100001"


# --- what it becomes ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "row"),
    [
        ("Hello", {"to": "+27 82 123 4567"}),
        ("Hello {name}", {"to": "27821234567", "name": "Zoë"}),
        ("Hello {name}", {"to": "27821234567", "name": "Łukasz"}),
        ("", {"to": "27821234567"}),
        ("{text}", {"to": "27821234567", "text": "x" * 161}),
        ("{text}", {"to": "27821234567", "text": "x" * 160}),
        ("{text}", {"to": "1999123", "text": "€" * 80}),
    ],
)
@pytest.mark.parametrize("options", [
    {}, {"sender": "Shop"}, {"sender": "12345", "validity": 600, "service_type": "WAP"},
    {"registered_delivery": "none", "long_messages": "sar"},
])  # fmt: skip
def test_a_row_becomes_what_send_sms_would_make_of_it(
    text: str, row: dict[str, str], options: dict[str, Any]
) -> None:
    text = text or "x" * 300
    ours = maker(text, **options)
    first = ours.with_bodies(
        ours.make("1", packed({**row, "to": "27999100009"}, Template(text)), unique=True), 7
    )
    second = ours.with_bodies(ours.make("2", packed(row, Template(text)), unique=True), 7)

    template = Template(text)
    whole = template.render(template.values(row))
    given = {name: value for name, value in options.items() if name != "sender"}
    request = SmsRequest.checked(
        row["to"], whole, options.get("sender", ""), lane="bulk", now_ms=NOW_MS, **given
    )
    segmented = request.segmented(1)
    reference = 7 if segmented.reference_octets else None
    expected = admission_of(Encoded("", request, segmented), reference, load({}), now_ms=NOW_MS).bodies
    assert (list(expected), request.to) == (list(second.row.bodies), second.row.to)
    assert SubmitSm.decode_body(first.row.bodies[0]).destination_addr == b"27999100009"


@pytest.mark.parametrize(
    ("text", "row", "rules", "code"),
    [
        ("Hello", "12", NO_RULES, "invalid-destination"),
        ("Hello", "27999100001", Rules(deny_prefixes="27"), "destination-denied"),
        ("Hello {a}", {"to": "27999100001", "a": "x\x00"}, NO_RULES, "invalid-text"),
        ("{a}", {"to": "27999100001", "a": ""}, NO_RULES, "invalid-text"),
        ("Hello {a}", {"to": "27999100001", "a": "x" * 5000}, NO_RULES, "text-too-long"),
    ],
)
def test_a_row_that_can_never_be_sent_is_refused(text: str, row: Any, rules: Rules, code: str) -> None:
    found = made(text, row, rules=rules)

    assert ("", code, None) == (found.row.to, found.row.mark, found.segmented)


def test_a_reason_names_no_number_in_full() -> None:
    assert "27821234567" not in str(made("Hello", "27821234567", rules=Rules(deny_prefixes="27")).row.detail)


def test_the_same_number_has_the_same_mark_however_it_is_written() -> None:
    marks = {made("Hello", to).row.mark for to in ("27821234567", "+27 82 123 4567", "0027821234567")}

    assert len(marks) == 1
    assert 0 <= int(marks.pop()) < 2**63


def test_a_number_that_may_come_twice_has_no_mark() -> None:
    assert maker("Hello").make("1", "27821234567", unique=False).row.mark == ""


def test_credits_are_counted_for_a_client() -> None:
    test_range, other, nobodys = (
        made("x" * 161, to, client=client).row.cost
        for to, client in (("27999100001", "billing"), ("27821234567", "billing"), ("27821234567", ""))
    )

    assert (2, 6, 0) == (test_range, other, nobodys)


def test_a_row_has_its_price_and_what_was_changed_of_its_text() -> None:
    settings = load({"SMSFLEET_TARIFF": "49=3"})

    german, other, quoted = (
        made(text, to, settings=settings, transliterate="typographic").row.detail
        for text, to in (("Hello", "4915112345678"), ("Hello", "27821234567"), ("“Hi”", "4915112345678"))
    )

    assert ("q9.49", "", "r2q9.49") == (german, other, quoted)


@pytest.mark.parametrize("credits_a_day", [0, 10])
def test_a_row_above_the_quota_is_refused_with_its_reason(credits_a_day: int) -> None:
    settings = load({"SMSFLEET_QUOTAS": f"billing={credits_a_day}"})

    found = maker("Hello", settings=settings, client="billing").common()

    expected = f"billing has no {credits_a_day} credits left today (SMSFLEET_QUOTAS)"
    assert (3 * credits_a_day, expected) == (found.cap, found.above_quota)


def test_what_rows_have_in_common_is_that_of_send_sms() -> None:
    settings = load({"SMSFLEET_QUOTAS": "billing=10", "SMSFLEET_CALLBACK": "task:a.b"})

    plain = maker("Hello", settings=settings, client="billing", validity=60).common()
    fields = maker("Hello {a}", settings=settings, registered_delivery="none", on_ambiguous="hold").common()

    assert ("bulk", "fail", NOW_MS + 60_000, True, 30, "*", 0) == (
        plain.lane, plain.on_ambiguous, plain.deadline_ms, plain.receipts, plain.cap, plain.callback, plain.keep_s,
    )  # fmt: skip
    assert ("hold", False, None, settings.text_ttl_s) == (
        fields.on_ambiguous, fields.receipts, fields.cap, fields.keep_s,
    )  # fmt: skip
