"""`start_campaign`: one text to many recipients, taken row by row, never all at once in memory."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import string
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import Any

from smsfleet.config.errors import IdempotencyConflict, InvalidArgument, InvalidText, StoreUnavailable
from smsfleet.store.campaign_records import CampaignRecord, record
from smsfleet.store.campaigns import Taken
from smsfleet.store.server import server_time_ms
from smsfleet.tasks.app import runtime
from smsfleet.tasks.campaign import Campaign
from smsfleet.tasks.chunk import publish_chunks
from smsfleet.tasks.recipients import Recipient, check_recipients, kept
from smsfleet.workers import moments
from smsfleet.workers.request import SmsRequest, checked_key
from smsfleet.workers.templates import NUMBER, Template, plain
from smsfleet.workers.times import When

CHUNK_ROWS = 250
"""Rows of a chunk: enough that its message costs nothing, few enough that lanes change often."""

SAMPLE = "27999100001"
"""Stands for the recipients while what they have in common is checked."""

PATIENCE_S = 60.0
"""How long a submitter tries again while Redis is away."""

WAIT_S, WAIT_MOST_S = 0.05, 1.0

Progress = Callable[[int], None]
"""Called with the number of rows that were taken so far."""

_ALPHABET = string.ascii_letters + string.digits


def start_campaign(  # noqa: PLR0913 - what a campaign is
    recipients: Iterable[Recipient],
    text: str,
    *,
    sender: str = "",
    lane: str = "bulk",
    name: str = "",
    client: str = "",
    validity: When | None = None,
    at: When | None = None,
    rate: float | None = None,
    idempotency_key: str | None = None,
    template: bool = True,
    number_field: str = NUMBER,
    duplicates: str = "refuse",
    on_progress: Progress | None = None,
    **options: Any,
) -> Campaign:
    """Send one text to many recipients; returns when all of them are taken.

        campaign = start_campaign(rows, "Hello {name}", name="autumn", idempotency_key="autumn-2026")

    Arguments:
        recipients: numbers, mappings with the number and the fields of the text, or a file that was opened by
            `read_recipients`. Read once, row by row. A row that cannot be sent is refused with its number and
            the reason: `campaign.refused()`.
        text: with fields in braces, `{name}`; `{{` and `}}` for one brace.
        sender, lane, client, validity, at, options: as of `send_sms`, for all; `validity` counts from the
            begin of the campaign.
        name: for people; at most 100 characters.
        rate: segments a second, below the account's.
        idempotency_key: the same key again is the same campaign: what is missing of its rows is taken, none
            twice. So a submitter that was killed is simply run again. Other arguments and rows are refused.
        template: False takes braces as they are.
        number_field: the field of a mapping that is the number.
        duplicates: `refuse` a number that the campaign has already, or `send` to it again.
        on_progress: called with the number of rows taken so far.

    While more than `SMSFLEET_CAMPAIGN_CHUNKS` chunks wait, it waits: Redis is not filled without bound.

    Raises InvalidArgument for what no row could be sent with, IdempotencyConflict when the key was used with
    other arguments or other rows (all are read and compared), StoreUnavailable when Redis is away for long:
    run it again with its key.
    """
    if idempotency_key is not None:
        checked_key(idempotency_key)
    _check(name, rate, duplicates)
    text = text if template else plain(text)
    form = Template(text)
    check_recipients(recipients, form.fields)
    request = _common(form, text, sender, lane=lane, client=client, validity=validity, at=at, **options)
    given = {"lane": lane, "sender": request.sender, "validity": validity, "at": at, **options}
    fingerprint = _fingerprint(text, number_field, duplicates, given)
    # One call, however often it is run: a reply that is lost must not begin a second campaign.
    call = runtime().campaigns.open(
        _new_id(),
        lane=lane,
        content=request.to_json(),
        fingerprint=fingerprint,
        chunk_rows=CHUNK_ROWS,
        name=name,
        idempotency_key=idempotency_key,
        due_ms=request.due_ms,
        rate=rate,
    )
    opened = _runs_on(lambda: runtime().store.run(call))
    if not opened.new:
        _compare(idempotency_key, opened.fingerprint, fingerprint)
    values = (kept(row, form, number_field) for row in recipients)
    _Submitter(opened.campaign_id, unique=duplicates == "refuse", on_progress=on_progress).run(values)
    return Campaign(opened.campaign_id)


class _Submitter:
    """Puts rows into the store, a chunk at a time, behind those that are there."""

    def __init__(self, campaign_id: str, *, unique: bool, on_progress: Progress | None) -> None:
        self._campaign_id = campaign_id
        self._unique = unique
        self._on_progress = on_progress
        self._digest = ""

    def run(self, values: Iterator[Any]) -> None:
        """Take all rows; those of chunks that were taken before are only compared."""
        found, rows = _read(self._campaign_id), 0
        for number, (chunk, last) in enumerate(_chunks(values, found.chunk_rows), start=1):
            rows += len(chunk)
            text = _json({"r": chunk, "d": 1} if self._unique else {"r": chunk}) if chunk else ""
            self._digest = hashlib.blake2b((self._digest + text).encode(), digest_size=16).hexdigest()
            if found.submitted:  # chunks behind its rows are those of retries
                if last or rows > found.rows:
                    self._compare(rows, found, f"{'' if last else 'at least '}{rows} rows")
            elif number > found.chunks:
                self._put(number, len(chunk), text, last=last)
            elif number == found.chunks and self._digest != found.digest:
                raise self._conflict(f"the first {rows} rows are others than those that were taken")
            elif last and number < found.chunks:
                raise self._conflict(f"there are {rows} rows, and {found.rows} were taken")
            elif last:  # its rows end with a chunk that was taken
                self._put(number + 1, 0, "", last=True)
            if self._on_progress:
                self._on_progress(rows)

    def _compare(self, rows: int, found: CampaignRecord, what: str) -> None:
        if rows != found.rows:
            raise self._conflict(f"there are {what}, and {found.rows} were taken")
        if self._digest != found.digest:
            raise self._conflict(f"of the {rows} rows some are others than those that were taken")

    def _conflict(self, what: str) -> IdempotencyConflict:
        return IdempotencyConflict(
            f"campaign {self._campaign_id}: {what} under this key: give the same recipients, or another key"
        )

    def _put(self, number: int, rows: int, chunk: str, *, last: bool) -> None:
        kind = "last" if last else "rows"
        put(self._campaign_id, number, rows, chunk, digest=self._digest, kind=kind)


def _chunks(values: Iterator[Any], size: int) -> Iterator[tuple[list[Any], bool]]:
    """Chunks of values, each with whether it is the last; at least one, which may be empty."""
    chunk = list(islice(values, size))
    while True:
        following = list(islice(values, size))
        yield chunk, not following
        if not following:
            return
        chunk = following


def put(campaign_id: str, number: int, rows: int, chunk: str, **more: Any) -> bool:
    """Put a chunk into the store, waiting while too many wait or Redis is away, and publish what may go.

    False: a chunk of this number was taken before.
    Raises StoreUnavailable (when this process is stopping too), and InvalidArgument when the campaign is
    cancelled or gone.
    """
    now, delay = runtime(), WAIT_S
    while True:
        taken: Taken = _runs_on(
            lambda: now.store.run(now.campaigns.put(campaign_id, number, rows, chunk, **more))
        )
        if taken.word in {"taken", "known"}:
            if taken.publish:
                publish_chunks(campaign_id, _read(campaign_id).lane, taken.publish)
            return taken.word == "taken"
        if taken.word != "full":
            raise InvalidArgument(f"campaign {campaign_id} takes no more rows: it is {taken.word}")
        if now.stopping.wait(delay):
            raise StoreUnavailable(f"campaign {campaign_id} is not taken whole: this process is stopping")
        delay = min(delay * 2, WAIT_MOST_S)


def _runs_on(work: Callable[[], Any]) -> Any:
    """What `work` returns, tried again while Redis is away."""
    give_up_at = time.monotonic() + PATIENCE_S
    while True:
        try:
            return work()
        except StoreUnavailable:
            if time.monotonic() > give_up_at or runtime().stopping.wait(WAIT_MOST_S):
                raise


def _read(campaign_id: str) -> CampaignRecord:
    now = runtime()
    found = record(campaign_id, _runs_on(lambda: now.store.run_all(now.campaigns.read(campaign_id))))
    if found is None:
        raise InvalidArgument(f"campaign {campaign_id} takes no more rows: it is gone")
    return found


def _check(name: str, rate: float | None, duplicates: str) -> None:
    if not isinstance(name, str) or len(name) > 100 or not name.isprintable():
        raise InvalidArgument(f"name {name!r} is refused: it must be at most 100 printable characters")
    check_rate(rate)
    check_duplicates(duplicates)


def check_duplicates(duplicates: str) -> None:
    """Raise InvalidArgument for what is no word for it."""
    if duplicates not in {"refuse", "send"}:
        raise InvalidArgument(f"duplicates {duplicates!r} is refused: it must be refuse or send")


def check_rate(rate: float | None) -> None:
    """Raise InvalidArgument for what is no rate."""
    if rate is None:
        return
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0.01 <= rate <= 100_000:
        raise InvalidArgument(f"rate {rate!r} is refused: it must be 0.01 to 100,000 segments a second")


def _common(form: Template, text: str, sender: str, **given: Any) -> SmsRequest:
    """What all rows have in common, checked with the shortest text that a row can have."""
    now = runtime()
    now.follow()  # the lists may have been reloaded since this process began
    settings = now.settings
    for name in ("data", "udh", "data_coding"):
        if given.get(name) is not None:
            raise InvalidArgument(f"{name} is refused: a campaign has a text")
    filled = {
        "max_segments": settings.max_segments, "transliterate": settings.transliterate,
        "long_messages": settings.long_messages,
    }  # fmt: skip
    try:
        request = SmsRequest.checked(
            SAMPLE,
            form.render(["x"] * len(form.fields)),
            sender,
            reference_octets=settings.reference_octets,
            now_ms=now.store.run(server_time_ms()),
            **(filled | {key: value for key, value in given.items() if value is not None}),
        )
    except TypeError as error:
        raise InvalidArgument(str(error).replace("SmsRequest.checked()", "start_campaign()")) from None
    if not isinstance(text, str) or not text:
        raise InvalidText("text is empty: give at least one character")
    now.rules.check_sender(request.sender)
    return replace(request, to="", text=text)


def _fingerprint(text: str, number_field: str, duplicates: str, given: Mapping[str, Any]) -> str:
    """What is compared when the same key comes again: the text by its digest, moments by their value."""
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=6).digest()
    kept: dict[str, Any] = {"text": base64.b64encode(digest).decode()}
    kept |= {"number_field": number_field, "duplicates": duplicates}
    for key, value in given.items():
        if value is not None:
            is_time = key in {"validity", "at", "schedule_delivery_time"}
            kept[key] = moments.as_given(value) if is_time else str(value)
    return _json(kept)


def _compare(key: str | None, first: str, second: str) -> None:
    before, after = json.loads(first), json.loads(second)
    named = [name for name in dict.fromkeys((*before, *after)) if before.get(name) != after.get(name)]
    if named:
        raise IdempotencyConflict(
            f"idempotency_key {key!r} belongs to a campaign that was asked with other content "
            f"({', '.join(named)}): give another key for another campaign"
        )


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _new_id() -> str:
    """60 random bits; see keys.CAMPAIGN_OCTETS."""
    return "C" + "".join(secrets.choice(_ALPHABET) for _ in range(10))
