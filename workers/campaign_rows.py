"""Rows of a campaign become submit_sm bodies: what all have in common is made once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from smsfleet.config.errors import EncodeError, InvalidArgument, InvalidField, InvalidText
from smsfleet.config.masking import mask_reason
from smsfleet.store.campaigns import Common, Row
from smsfleet.store.outbox import ACCOUNT
from smsfleet.workers.addresses import destination
from smsfleet.workers.admissions import Encoded, admission_of
from smsfleet.workers.options import PLAIN
from smsfleet.workers.request import SmsRequest
from smsfleet.workers.rules import NO_RULES, Rules
from smsfleet.workers.segments import Segmented, segment
from smsfleet.workers.tariff import tariff_of
from smsfleet.workers.templates import Template

if TYPE_CHECKING:
    from smsfleet.config.settings import Settings

_SOMEONE = "279991000010000"
"""Stands in the place of the number in a body that is made once; as long as no fixed field before it."""


def without_number(chunk: bytes, number: str, country: str | None) -> tuple[str, int]:
    """A chunk whose rows to this number are refused in its place, and how many there were."""
    values, found = json.loads(chunk), 0
    for at, value in enumerate(values["r"]):
        written = value[0] if isinstance(value, list) else value
        try:
            is_its = isinstance(written, str) and destination(written, default_country_code=country) == number
        except InvalidArgument:
            continue
        if is_its:
            values["r"][at] = {"e": "erased", "m": "the number was erased"}
            found += 1
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")), found


class Made(NamedTuple):
    """A row and, when it may become a job, its number."""

    row: Row
    segmented: Segmented | None = None


class RowMaker:
    """Makes the rows of one campaign ready; for one moment and one set of settings."""

    def __init__(
        self, campaign_id: str, request: SmsRequest, settings: Settings, rules: Rules, *, now_ms: int
    ) -> None:
        """`request` is what all rows have in common; its text is the template."""
        self._campaign_id = campaign_id
        self._salt = campaign_id.encode()
        self._request = request
        self._settings = settings
        self._rules = rules
        self._now_ms = now_ms
        self._tariff = tariff_of(settings.tariff)
        self._country = settings.default_country_code or None
        self._template = Template(request.text)
        self.fields = self._template.fields
        self.sender = request.sender
        self.ignores_opt_out = request.ignore_opt_out
        self._same: Segmented | None = None
        """the segments of a text without fields"""
        self._bodies: dict[int, tuple[bytes, bytes]] = {}
        """by data_coding, what is before and behind the number in the body of a single segment"""

    def common(self) -> Common:
        """What the store is told once for each chunk."""
        request, settings = self._request, self._settings
        cap = settings.caps.get(request.client) if request.client else None
        return Common(
            campaign_id=self._campaign_id,
            lane=request.lane,
            on_ambiguous=request.on_ambiguous or settings.on_ambiguous(request.lane),  # type: ignore[arg-type]
            deadline_ms=request.deadline_ms,
            receipts=request.options.registered_delivery != "none",
            client=request.client,
            cap=None if cap is None else 3 * cap,
            callback=request.callback or (ACCOUNT if settings.callback else ""),
            keep_s=settings.text_ttl_s if self.fields else 0,
            above_quota=""
            if cap is None
            else f"{request.client} has no {cap} credits left today (SMSFLEET_QUOTAS)",
        )

    def make(self, number: str, value: Any, *, unique: bool) -> Made:
        """A row of a chunk; `unique`: its number must not come twice."""
        try:
            to, segmented = self.judged(value)
        except InvalidArgument as error:
            return self.refused(number, error.code, mask_reason(str(error)))
        mark, bucket = "", 0
        if unique:
            digest = hashlib.blake2b(to.encode(), digest_size=8, key=self._salt).digest()
            bucket = int.from_bytes(digest, "big") >> 1  # 63 bits: a set of them stays a compact intset
            mark = str(bucket)
        price = self._tariff.price(to)
        cost = segmented.segments * price.thirds if self._request.client else 0
        fields = f"r{segmented.replaced}" if segmented.replaced else ""
        if price.packed:
            fields += f"q{price.packed}"
        return Made(Row(number, to, mark, bucket, fields, cost), segmented)

    def judged(self, value: Any) -> tuple[str, Segmented]:
        """The number and the segments of a row of a chunk. Raises InvalidArgument for what is refused."""
        to, values = self._read(value)
        to = destination(to, default_country_code=self._country)
        if self._rules is not NO_RULES:
            self._rules.check(to, self._request.sender)
        return to, self._segmented(values)

    @staticmethod
    def refused(number: str, code: str, reason: str) -> Made:
        """A row that never becomes a job."""
        return Made(Row(number, "", code, 0, reason))

    def with_bodies(self, made: Made, reference: int | None) -> Made:
        """The row with its submit_sm bodies; `reference` is that of a text of several parts."""
        segmented, row = made.segmented, made.row
        if segmented is None:
            return made
        try:
            if segmented.segments == 1:
                return Made(row._replace(bodies=(self._single(row.to, segmented),)), segmented)
            bodies = self._admission(row.to, segmented, reference)
        except (InvalidArgument, EncodeError) as error:
            return self.refused(row.row, error.code, mask_reason(str(error)))
        return Made(row._replace(bodies=bodies), segmented)

    def _read(self, value: Any) -> tuple[str, Sequence[str]]:
        if type(value) is str:
            return value, ()
        if type(value) is list:
            return value[0], value[1:]
        raise _Refused(value["e"], value["m"])

    def _segmented(self, values: Sequence[str]) -> Segmented:
        if self._same is not None:
            return self._same
        if len(values) != len(self.fields):
            raise InvalidField("the row has other fields than the text")
        request, text = self._request, self._template.render(values)
        if not text:
            raise InvalidText("the text of the row is empty")
        if request.options is PLAIN:  # else other rules look at the whole request, at five times the cost
            segmented = segment(
                text,
                encoding=request.encoding,
                transliterate=request.transliterate,
                long_messages=request.long_messages,
                reference_octets=self._settings.reference_octets,
                max_segments=request.max_segments,
            )
        else:
            segmented = replace(request, text=text).segmented(self._settings.reference_octets)
        if not self.fields:
            self._same = segmented
        return segmented

    def _single(self, to: str, segmented: Segmented) -> bytes:
        """The body of a text of one segment: only number and text differ from row to row."""
        octets = segmented.user_data[0]
        around = self._bodies.get(segmented.data_coding)
        if around is None:
            body = self._admission(_SOMEONE, segmented, None)[0]
            wire = self._request.options
            # service_type and its NUL, TON and NPI, source_addr and its NUL, TON and NPI (SMPP 3.4 §4.4.1)
            at = len(wire.service_type) + 1 + 2 + len(self._request.sender) + 1 + 2
            behind = at + len(_SOMEONE)
            around = body[:at], body[behind : len(body) - len(octets) - 1]
            self._bodies[segmented.data_coding] = around
        return b"".join((around[0], to.encode("ascii"), around[1], bytes((len(octets),)), octets))

    def _admission(self, to: str, segmented: Segmented, reference: int | None) -> Sequence[bytes]:
        encoded = Encoded("", replace(self._request, to=to), segmented)
        return admission_of(encoded, reference, self._settings, now_ms=self._now_ms).bodies


class _Refused(InvalidArgument):
    """A row that was refused when it was taken, with its code."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code  # type: ignore[misc]
