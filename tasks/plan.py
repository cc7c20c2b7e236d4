"""`plan_campaign`: what a campaign would be and take, before anything of it is sent. Nothing is written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice
from typing import TYPE_CHECKING, Any

from smsfleet.config.clock import epoch_ms
from smsfleet.config.errors import InvalidText, SenderDenied
from smsfleet.tasks.app import runtime
from smsfleet.tasks.campaign_start import SAMPLE, check_duplicates, check_rate
from smsfleet.tasks.recipients import Recipient, check_recipients
from smsfleet.workers.request import SmsRequest
from smsfleet.workers.templates import NUMBER, Template, plain
from smsfleet.workers.times import LONGEST_S, When

if TYPE_CHECKING:
    from smsfleet.tasks.census import Refused, Shape
    from smsfleet.workers.rules import Rules

AT_ONCE = 500
"""Rows whose opt-outs are asked for in one round trip."""

ADVISED_S, ADVISED_FOR = 4 * 3600, 50_000
"""Clickatell advises a validity of at least 4 h for 50,000 messages."""

JOB_OCTETS, SEGMENT_OCTETS, FIELDS_OCTETS = 330, 180, 60
"""About what Redis takes, measured on finished campaigns by tests/benchmarks/plan.py and rounded up: for a
job of one segment with its indexes (295), for each further segment (168), and for the fields of a row (30
with one name), which are kept as long as texts (`SMSFLEET_TEXT_TTL_S`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What would become of the recipients, and what it would take."""

    rows: int
    recipients: int
    """rows that would be sent, each of them a job"""
    refused: dict[str, int]
    """rows that would not be, by code; `duplicate` is meant of normalised numbers"""
    messages: dict[str, dict[int, int]]
    """recipients by encoding (`gsm0338`, `ucs2`) and number of segments"""
    segments: int
    credits: Fraction
    """exact: the test ranges cost thirds (guide §3)"""
    waiting: int | None
    """what waits in the lane before these; None: not asked"""
    rate: float
    """segments per second that is counted with"""
    validity_s: int | None
    redis_octets: int
    """about what Redis needs for the jobs, as long as they are kept"""
    balance: Fraction | None
    """credits at hand; None: not known"""
    quota_left: Fraction | None
    """credits that the client may take today; None: it has no quota, or it was not asked"""
    warnings: tuple[str, ...] = ()
    """what speaks against starting it so"""

    @property
    def drain_s(self) -> float:
        """How long it takes until the last segment is sent."""
        return (self.segments + (self.waiting or 0)) / self.rate

    @property
    def advised_validity_s(self) -> int:
        """The validity that Clickatell advises for so many messages, as long as validities may be."""
        return min(LONGEST_S, ADVISED_S * self.segments // ADVISED_FOR)

    @property
    def shortfall(self) -> Fraction | None:
        """Credits that are missing; None: not known."""
        return None if self.balance is None else max(Fraction(0), self.credits - self.balance)

    def as_dict(self) -> dict[str, Any]:
        """The same for JSON; credits are strings, `"2"` or `"1/3"`, because a third has no exact float."""
        return {
            "rows": self.rows,
            "recipients": self.recipients,
            "refused": self.refused,
            "messages": [
                {"encoding": encoding, "segments": segments, "recipients": count}
                for encoding, counts in self.messages.items()
                for segments, count in counts.items()
            ],
            "segments": self.segments,
            "credits": str(self.credits),
            "waiting": self.waiting,
            "rate": self.rate,
            "drain_s": round(self.drain_s, 1),
            "validity_s": self.validity_s,
            "advised_validity_s": self.advised_validity_s,
            "redis_octets": self.redis_octets,
            "balance": _words(self.balance),
            "shortfall": _words(self.shortfall),
            "quota_left": _words(self.quota_left),
            "warnings": list(self.warnings),
        }


def plan_campaign(  # noqa: PLR0913 - the arguments of start_campaign that matter here
    recipients: Iterable[Recipient],
    text: str,
    *,
    sender: str = "",
    lane: str = "bulk",
    encoding: str = "auto",
    transliterate: str | None = None,
    long_messages: str | None = None,
    max_segments: int | None = None,
    validity: When | None = None,
    client: str = "",
    rate: float | None = None,
    ignore_opt_out: bool = False,
    template: bool = True,
    number_field: str = NUMBER,
    duplicates: str = "refuse",
    balance: Fraction | int | None = None,
    offline: bool = False,
    refused: Callable[[Refused], None] | None = None,
    progress: Callable[[int], None] | None = None,
) -> Plan:
    """What would become of these recipients, row by row, and what it would take; nothing is sent or written.

    Arguments as of start_campaign. `balance`: the credits at hand, when it is not that of `smsfleet credits`.
    `offline`: Redis is not asked; opt-outs, the rate in force, pauses, quotas, the balance stay unknown.
    `refused` is called about each row that would not be sent, `progress` with the number of rows so far.
    Memory does not grow with the rows, but for 11 to 22 octets for each different number.

    Raises InvalidArgument for what no row could be sent with, StoreUnavailable unless `offline`.
    """
    # Applications that plan nothing do not pay for it when they are imported.
    from smsfleet.tasks.account import Account, opted_out  # noqa: PLC0415
    from smsfleet.tasks.census import Census  # noqa: PLC0415
    from smsfleet.tasks.distinct import MOST  # noqa: PLC0415
    from smsfleet.workers.campaign_rows import RowMaker  # noqa: PLC0415
    from smsfleet.workers.tariff import segment_credits  # noqa: PLC0415

    now = runtime()
    if not offline:
        now.follow()
    settings = now.settings
    form_text = text if template else plain(text)
    form = Template(form_text)
    check_recipients(recipients, form.fields)
    if not text:
        raise InvalidText("text is empty: give at least one character")
    check_rate(rate)
    check_duplicates(duplicates)
    now_ms = epoch_ms()
    asked = SmsRequest.checked(
        SAMPLE,
        form.render(["x"] * len(form.fields)),
        sender,
        lane=lane,
        encoding=encoding,
        transliterate=settings.transliterate if transliterate is None else transliterate,
        long_messages=settings.long_messages if long_messages is None else long_messages,
        max_segments=settings.max_segments if max_segments is None else max_segments,
        validity=validity,
        client=client,
        ignore_opt_out=ignore_opt_out,
        reference_octets=settings.reference_octets,
        now_ms=now_ms,
    )
    # The sender is judged once, below: it must not make every row a refused one.
    common = replace(asked, sender="", text=form_text)
    census = Census(
        RowMaker("plan", common, settings, now.rules, now_ms=now_ms),
        form,
        number_field=number_field,
        duplicates=duplicates,
        price=lambda to: segment_credits(to, settings.tariff),
        opted_out=None if offline or ignore_opt_out else opted_out(now, asked.sender),
        refused=refused or (lambda _: None),
    )
    left = iter(recipients)
    while batch := list(islice(left, AT_ONCE)):
        census.take(batch)
        if progress is not None:
            progress(census.rows)
    account = Account(rate=settings.rate) if offline else Account.now(now, asked)
    plan = Plan(
        rows=census.rows,
        recipients=census.recipients,
        refused=dict(census.refused.most_common()),
        messages=_by_encoding(census.messages),
        segments=census.segments,
        credits=census.credits,
        waiting=account.waiting,
        rate=account.rate if rate is None else min(rate, account.rate),
        validity_s=asked.validity_s,
        redis_octets=census.recipients * (JOB_OCTETS + (FIELDS_OCTETS if form.fields else 0))
        + (census.segments - census.recipients) * SEGMENT_OCTETS,
        balance=account.balance if balance is None else Fraction(balance),
        quota_left=account.quota_left,
    )
    warnings = [*_about_sender(now.rules, asked.sender), *_about_time(plan), *_about_credits(plan, client)]
    if not account.is_seen:
        warnings.append(
            "this Redis user may not look at the account: pauses, opt-outs, credits and what waits are not"
            " in the plan"
        )
    if not account.is_open:
        warnings.append(f"the account, or its lane {lane}, is paused: `smsfleet status` says why")
    if census.numbers.is_full:
        warnings.append(f"duplicates are known among the first {MOST:,} numbers only")
    return replace(plan, warnings=tuple(warnings))


def _by_encoding(messages: Mapping[Shape, int]) -> dict[str, dict[int, int]]:
    found: dict[str, dict[int, int]] = {}
    for (encoding, segments), count in sorted(messages.items()):
        found.setdefault(encoding, {})[segments] = count
    return found


def _about_sender(rules: Rules, sender: str) -> Iterator[str]:
    try:
        rules.check_sender(sender)
    except SenderDenied as error:
        yield str(error)


def _about_time(plan: Plan) -> Iterator[str]:
    if plan.validity_s is None:
        return
    late_s = plan.drain_s - plan.validity_s
    if late_s > 0:
        share = min(plan.segments, round(late_s * plan.rate))
        yield (
            f"the validity of {plan.validity_s} s is over before all is sent, after {plan.drain_s:.0f} s at"
            f" {plan.rate:g} segments a second: about {share} segments would not be"
        )
    if plan.validity_s < plan.advised_validity_s:
        yield (
            f"the validity of {plan.validity_s} s is short: at least 4 h for 50,000 messages are advised, so"
            f" {plan.advised_validity_s} s for these"
        )


def _about_credits(plan: Plan, client: str) -> Iterator[str]:
    from smsfleet.workers.credits import spelled  # noqa: PLC0415

    if plan.shortfall:
        yield f"credits are short by {spelled(plan.shortfall)}: {spelled(plan.credits)} are needed"
    if plan.quota_left is not None and plan.quota_left < plan.credits:
        yield f"client {client!r} has {spelled(plan.quota_left)} credits left today (SMSFLEET_QUOTAS)"


def _words(value: Fraction | None) -> str | None:
    return None if value is None else str(value)
