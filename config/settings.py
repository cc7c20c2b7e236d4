"""Settings of everybody: applications, workers, the binder and the commands (`SMSFLEET_*`).

They are read once by `load` and passed down as objects. What only the process that binds needs, its password
for one, is in `smpp_settings`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from smsfleet.config.credit_settings import LIVE_CREDITS, CreditSettings
from smsfleet.config.environment import PREFIX, load_group, read
from smsfleet.config.opt_out import DEFAULT
from smsfleet.config.quotas import read_quotas
from smsfleet.config.redis_urls import broker_of
from smsfleet.config.values import (
    DAYS,
    HOURS,
    Address,
    Ages,
    Callback,
    MoRoutes,
    OptOutWords,
    Prefixes,
    Quotas,
    ReceiptTable,
    RedisUrl,
    Senders,
)

Lane = Literal["high", "normal", "bulk"]
OnAmbiguous = Literal["resend", "hold", "hold_then_resend", "fail"]

LIVE = (
    "rate",
    "bulk_reserve",
    "outbound_limit",
    "on_ambiguous_high",
    "on_ambiguous_normal",
    "on_ambiguous_bulk",
    "max_attempts",
    "backoff_s",
    "backoff_max_s",
    "senders",
    "allow_prefixes",
    "deny_prefixes",
    "probe_s",
    "quotas",
    "receipt_status",
    "receipt_err",
    "raw_receipts",
    "mo_reply_s",
    "mo_routes",
    "opt_out_words",
    "opt_out_match",
    "opt_out_scope",
    "opt_out_reply",
    "opt_in_reply",
    *LIVE_CREDITS,
)
"""The settings that a reload changes in processes that run: `smsfleet reload`, or SIGHUP to the binder."""


class Settings(CreditSettings):
    """What applications, workers, the binder and the commands share."""

    in_files: ClassVar[tuple[str, ...]] = ("redis_url", "broker_url")

    settings_file: str = Field(
        "", description="file of NAME=value lines, read again at a reload; the environment goes before it"
    )
    redis_url: RedisUrl = Field(
        "redis://127.0.0.1:6379/0",
        repr=False,
        description="redis://[user:password@]host:port/db of the store; "
        "sentinel://[user:password@]host:port/db?master_name=NAME;sentinel://host:port by Sentinels; "
        "rediss:// and rediss+sentinel:// by TLS",
    )
    redis_url_file: str = Field("", description="file whose first line is SMSFLEET_REDIS_URL")
    broker_url: str = Field(
        "",
        repr=False,
        description="the Celery broker (smsfleet+redis://, smsfleet+sentinel://, redis://, amqp://); empty: "
        "the store's server",
    )
    broker_url_file: str = Field("", description="file whose first line is SMSFLEET_BROKER_URL")
    account: str = Field(
        "main",
        pattern=r"^[A-Za-z0-9_.-]{1,32}$",
        description="1-32 of A-Z a-z 0-9 _ . -; it is the hash tag of every key",
    )
    rate: float = Field(
        100.0, gt=0, le=100_000, description="segments per second for the whole account, all workers together"
    )
    bulk_reserve: float = Field(
        0.2,
        ge=0,
        lt=1,
        description="share of the rate tokens at hand that the bulk lane leaves to the others",
    )
    outbound_limit: int = Field(
        20_000, ge=10, le=1_000_000, description="segments that may wait in one lane's outbound stream"
    )
    max_segments: int = Field(10, ge=1, le=255, description="segments of one text (UDH: at most 255)")
    transliterate: Literal["off", "typographic", "lossy"] = Field(
        "off",
        description="off, typographic (quotes, dashes, spaces) or lossy (any script), if it makes a text GSM",
    )
    long_messages: Literal["udh", "payload", "sar"] = Field(
        "udh",
        description="udh, or payload or sar, which need SMPP 3.4: how a text of several segments travels",
    )
    reference_octets: int = Field(
        1, ge=1, le=2, description="octets of the concatenation reference: 1 or 2 (TS 23.040 §9.2.3.24)"
    )
    senders: Senders = Field(
        "",
        description="sender IDs that may be used, comma separated, or @ and a file of them; empty: any",
    )
    allow_prefixes: Prefixes = Field(
        "",
        description="what destinations must begin with, comma separated, or @ and a file; empty: anything",
    )
    deny_prefixes: Prefixes = Field(
        "",
        description="what they must not begin with, allowed or not, comma separated, or @ and a file",
    )
    default_country_code: str = Field(
        "", pattern=r"^([1-9][0-9]{0,2})?$", description="replaces a leading 0 of a destination"
    )
    on_ambiguous_high: OnAmbiguous = Field("resend", description="resend, hold, hold_then_resend or fail")
    on_ambiguous_normal: OnAmbiguous = Field(
        "hold_then_resend", description="resend, hold, hold_then_resend or fail"
    )
    on_ambiguous_bulk: OnAmbiguous = Field("fail", description="resend, hold, hold_then_resend or fail")
    hold_s: float = Field(
        120.0, ge=1, le=7 * DAYS, description="seconds that hold_then_resend waits for a late fact"
    )
    match_after_s: float = Field(
        20.0, ge=1, le=7 * DAYS, description="how old a receipt is when it may resolve an unknown outcome"
    )
    query_after_s: Ages = Field(
        "3600,21600,86400,259200",
        description="seconds, comma separated: the ages at which query_sm asks for what has no final receipt",
    )
    settle_after_s: float = Field(
        3 * DAYS, ge=1, le=7 * DAYS, description="seconds at 003 after which no confirmation is awaited"
    )
    orphan_limit: int = Field(
        100_000,
        ge=1000,
        le=10_000_000,
        description="message ids whose receipts may wait for their answer; the oldest beyond are given up",
    )
    max_attempts: int = Field(
        16, ge=1, le=100, description="further tries of one segment after temporary errors"
    )
    backoff_s: float = Field(
        1.0, gt=0, le=HOURS, description="first delay after a temporary error; doubles up to backoff_max_s"
    )
    backoff_max_s: float = Field(300.0, gt=0, le=DAYS, description="longest delay after a temporary error")
    probe_s: float = Field(
        60.0,
        ge=1,
        le=HOURS,
        description="seconds between the messages that try an account which the gateway refuses (0x401-3)",
    )
    quotas: Quotas = Field(
        "", description="credits a day (UTC) of each client: billing=5000,marketing=20000; empty: no caps"
    )
    job_ttl_s: int = Field(30 * DAYS, ge=7 * DAYS, description="how long a job is kept (at least 7 days)")
    text_ttl_s: int = Field(1 * DAYS, ge=60, description="how long a text is kept after the final status")
    index_ttl_s: int = Field(
        8 * DAYS,
        ge=8 * DAYS,
        description="how long a message id is known; the gateway holds receipts for 7 days (guide §4)",
    )
    campaign_chunks: int = Field(
        4000, ge=4, le=100_000, description="chunks of one campaign (250 recipients each) that wait in Redis"
    )
    receipt_status: ReceiptTable = Field(
        "",
        description="WORD=STATUS,... beside the words of semantics.md: what the stat of a receipt "
        "means; - for no status",
    )
    receipt_err: ReceiptTable = Field(
        "",
        description="ERR=STATUS,...: statuses by the err of a receipt, where it says more than stat; empty: "
        "err is no status",
    )
    raw_receipts: Literal["odd", "all", "none"] = Field(
        "odd", description="which receipts are kept as they came: odd, all or none; the newest 10,000"
    )
    mo_alphabet: Literal["gsm", "latin-1"] = Field(
        "gsm", description="alphabet of incoming messages with data_coding 0: gsm (guide §4) or latin-1"
    )
    mo_routes: MoRoutes = Field(
        "",
        description="rules NUMBER KEYWORD TARGET with `;` between them, or @FILE with a rule on each line; "
        "see semantics.md",
    )
    mo_parts_ttl_s: float = Field(
        HOURS,
        ge=1,
        le=7 * DAYS,
        description="how long the other parts of an incoming message are waited for",
    )
    mo_duplicate_s: float = Field(
        600.0, ge=1, le=7 * DAYS, description="how long an incoming message that comes again is a duplicate"
    )
    mo_reply_s: float = Field(
        3 * DAYS,
        ge=0,
        le=31 * DAYS,
        description="how long an incoming message is linked to the last job to its number; 0: it is not",
    )
    opt_out_words: OptOutWords = Field(
        DEFAULT,
        description="rules NUMBER OUT-WORDS IN-WORDS with `;` between them, or @FILE with a rule on each "
        "line; `* - -` for none; see semantics.md",
    )
    opt_out_match: Literal["whole", "first"] = Field(
        "whole", description="whether such a word is the whole message, or its first word"
    )
    opt_out_scope: Literal["all", "sender"] = Field(
        "all", description="whether a reply opts out of all senders, or only of the number it was written to"
    )
    opt_out_reply: str = Field(
        "", max_length=1000, description="text that confirms an opt-out to the person; empty: none is sent"
    )
    opt_in_reply: str = Field(
        "", max_length=1000, description="text that confirms an opt-in to the person; empty: none is sent"
    )
    sweep_s: float = Field(10.0, gt=0, le=HOURS, description="period of the sweeper and the other duties")
    sweep_margin_s: float = Field(
        60.0, gt=0, le=DAYS, description="how far a job must be overtaken before it is published again"
    )
    visibility_timeout_s: int = Field(
        300,
        ge=1,
        le=DAYS,
        description="seconds after which the broker gives what a dead worker held to another worker",
    )
    lease_ttl_s: float = Field(
        10.0, ge=0.5, le=60, description="seconds after which a silent binder is replaced"
    )
    watchdog_s: float = Field(
        30.0, ge=0, le=HOURS, description="seconds that the binder's loop may stand still; 0: for ever"
    )
    run_dir: str = Field(
        "", description="local folder for the host lock and the file of failed logins; empty: the temp folder"
    )
    callback: Callback = Field(
        "",
        repr=False,
        description="who is called about each status: task:NAME@QUEUE or https://...; empty: nobody",
    )
    allow_volatile_redis: bool = Field(
        default=False, description="start although Redis has no AOF or evicts keys; data may be lost"
    )
    worker_concurrency: int = Field(8, ge=1, le=512, description="threads of one worker")
    event_share: float = Field(
        1.0, ge=0, le=1, description="share of the jobs whose Celery events are sent when events are on"
    )
    metrics: Address = Field(
        "",
        description="host:port where this binder or worker serves /metrics, /healthz and /readyz, such as "
        "127.0.0.1:9464; empty: nowhere",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="DEBUG, INFO, WARNING or ERROR"
    )
    log_format: Literal["json", "console"] = Field("json", description="json or console")

    @property
    def broker(self) -> str:
        """The broker URL that Celery uses: the store's server, by the fleet's own transport, by default."""
        return broker_of(self.broker_url or f"smsfleet+{self.redis_url}")[0]

    @property
    def broker_options(self) -> dict[str, Any]:
        """What Celery's transport is told beside that URL: where Sentinels name the broker."""
        return broker_of(self.broker_url or f"smsfleet+{self.redis_url}")[1]

    @property
    def broker_is_the_store(self) -> bool:
        """Whether the broker is in the store's own database, so that one script writes both."""
        return not self.broker_url or self.broker_url.removeprefix("smsfleet+") == self.redis_url

    @property
    def caps(self) -> dict[str, int]:
        """The daily credits of each client that has a quota."""
        return read_quotas(self.quotas)

    @property
    def query_ages_ms(self) -> tuple[int, ...]:
        """The ages at which query_sm is asked, in ms, ascending."""
        return tuple(int(age) * 1000 for age in self.query_after_s.split(","))

    def live(self) -> dict[str, Any]:
        """The values of the settings in `LIVE`, by name."""
        return {name: getattr(self, name) for name in LIVE}

    def with_live(self, values: Mapping[str, Any]) -> Settings:
        """These settings with other values of those in `LIVE`; anything else in `values` is left out.

        Raises ConfigError for a value that breaks its rule.
        """
        changed = self.model_copy(update={name: values[name] for name in LIVE if name in values})
        given = {PREFIX + name.upper(): str(value) for name, value in changed.live().items()}
        return self.model_copy(update=read(Settings, given).live())

    def on_ambiguous(self, lane: Lane) -> OnAmbiguous:
        """What happens to a segment of `lane` whose outcome is unknown, unless its job says otherwise."""
        policies: dict[Lane, OnAmbiguous] = {
            "high": self.on_ambiguous_high,
            "normal": self.on_ambiguous_normal,
            "bulk": self.on_ambiguous_bulk,
        }
        return policies[lane]


def load(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings in `environment` (default: the process' own).

    Raises ConfigError that names every setting which breaks its rule.
    """
    return load_group(Settings, environment)
