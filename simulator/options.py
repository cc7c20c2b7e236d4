"""Everything a simulator can be told. The defaults are the guide's Clickatell, answering at once."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from typing import Any, Final

from smsfleet.config.errors import ConfigError
from smsfleet.config.profiles import PROFILES, ProfileName
from smsfleet.simulator.mobile import ENCODINGS, ORDERS, mobile_originated
from smsfleet.simulator.mobile import FORMS as MO_FORMS
from smsfleet.simulator.receipts import FORMS
from smsfleet.simulator.rules import Rule, default_rules

DAY_S: Final = 86_400.0

PASSWORD_OCTETS: Final = 8

QUERIES: Final = ("answered", "refused", "nacked", "silent")
"""How query_sm is answered: truly; with 0x03 in its response; with a generic_nack 0x03; not at all."""


WORDS: Final[dict[str, tuple[str, ...]]] = {
    "queries": QUERIES,
    "receipt_form": (*FORMS, "any"),
    "mo_encoding": ENCODINGS,
    "mo_form": tuple(MO_FORMS),
    "mo_order": ORDERS,
}
"""The options that are one of some words."""


def _option(default: Any, meaning: str, *, at_least: float = 0, at_most: float | None = None) -> Any:
    rule = {"meaning": meaning, "at_least": at_least, "at_most": at_most}
    return field(default=default, metadata=rule)


def _share(meaning: str) -> Any:
    return _option(0.0, meaning, at_most=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorOptions:
    """One simulated account on one port; times in seconds, shares from 0 to 1.

    Raises ConfigError for values that make no sense.
    """

    host: str = _option("127.0.0.1", "address to listen on")
    port: int = _option(0, "TCP port; 0: a free one", at_most=65_535)
    system_id: str = _option("demo", "user name that a bind must give")
    password: str = field(
        default="secret",
        repr=False,
        metadata={"meaning": "password that a bind must give, 1-8 octets (guide §9)"},
    )
    system_type: str = _option("3000000", "API ID that a bind must give (guide §9)")
    seed: int | None = _option(None, "ids and everything random follow from it; none: another in every run")

    # --- logins (guide §5 step 4, §9) ---
    binds: int = _option(1, "transmitters, receivers and transceivers that may be bound, each", at_least=1)
    exclusive: bool = _option(default=True, meaning="a transceiver excludes a transmitter and a receiver")
    failed_logins: int = _option(3, "so many failed logins within lockout_s lock the account", at_least=1)
    lockout_s: float = _option(180.0, "for so long every further login is refused with 0x0D")
    already_bound_counts: bool = _option(
        default=True, meaning="0x05 is a failed login; the guide does not say: the harder reading"
    )

    # --- answers ---
    answers_submits: bool = _option(default=True, meaning="0: submit_sm are accepted and never answered")
    answers_enquire_links: bool = _option(default=True, meaning="0: enquire_link is never answered")
    answers_unbinds: bool = _option(default=True, meaning="0: unbind is never answered (not in guide §8)")
    response_delay_s: float = _option(0.0, "before each submit_sm_resp leaves; the order is kept")
    response_spread_s: float = _option(0.0, "each submit_sm_resp up to so much later: they come in any order")
    unanswered_share: float = _share("submit_sm that are accepted and never answered")
    unanswered_every_s: float = _option(0.0, "submit_sm are accepted and not answered so often ...")
    unanswered_for_s: float = _option(0.0, "... for so long, at the end of each such time")
    error_share: float = _share("submit_sm that are refused with error_status")
    error_status: int = _option(0x58, "command_status of error_share", at_least=1, at_most=0xFFFF_FFFF)
    throttle_per_s: float = _option(0.0, "above so many submit_sm in a second: 0x58; 0: no limit")
    queue_full_every_s: float = _option(0.0, "submit_sm are answered with 0x14 so often ...")
    queue_full_for_s: float = _option(0.0, "... for so long, at the end of each such time")
    credit: int | None = _option(None, "submit_sm that are accepted before 0x401; none: without end")
    rules: tuple[Rule, ...] = field(default_factory=default_rules, repr=False)
    queries: str = _option("answered", "query_sm: answered, refused (0x03), nacked (generic_nack) or silent")
    known_messages: int = _option(100_000, "newest message ids that query_sm knows", at_least=1)

    # --- receipts and messages (deliver_sm) ---
    receipts: bool = _option(default=True, meaning="0: no receipts, even when they are asked for")
    receipt_form: str = _option("text", f"form of the receipts: {', '.join(FORMS)}; any: one by chance")
    receipt_delay_s: float = _option(1.0, "from the acceptance to the receipt")
    receipt_spread_s: float = _option(0.0, "each receipt up to so much later: they come in any order")
    receipt_first_share: float = _share("receipts that come 0.2 s before their submit_sm_resp")
    receipt_twice_share: float = _share("receipts that come again, each by itself")
    receipt_repeats: int = _option(1, "how often those of receipt_twice_share come again", at_least=1)
    receipt_contradicted_share: float = _share("receipts that come after one that says UNDELIV")
    receipt_denied_share: float = _share("receipts that come before one that says UNDELIV")
    receipt_intermediate_share: float = _share("receipts that come after one that says ENROUTE (0x20)")
    receipt_unknown_share: float = _share("messages with a further receipt, for an id that nobody was given")
    receipt_odd_share: float = _share("receipts with a stat word that nobody knows")
    redelivery_delay_s: float = _option(5.0, "until a deliver_sm that was sent back (0x64) comes again")
    deliver_timeout_s: float = _option(60.0, "until a deliver_sm without answer comes again; 0: never")
    most_attempts: int = _option(0, "deliveries of one deliver_sm at the most; 0: as often as held_s permits")
    held_s: float = _option(7 * DAY_S, "how long receipts and messages are held (guide §4, §13)")
    deliver_window: int = _option(200, "unanswered deliver_sm of one connection", at_least=1)
    mo_every_s: float = _option(0.0, "a message from a handset so often; 0: none")
    mo_text: str = _option("message {number}", "its text; {number} counts the messages")
    mo_source: str = _option("27999100009", "the number of the handset")
    mo_destination: str = _option("", "the number that it writes to")
    mo_encoding: str = _option("auto", f"alphabet of the text: {', '.join(ENCODINGS)}")
    mo_form: str = _option("udh8", f"how several parts are told: {', '.join(MO_FORMS)}")
    mo_order: str = _option("first_to_last", f"order of several parts: {', '.join(ORDERS)}")

    # --- the link ---
    enquire_link_s: float = _option(0.0, "the simulator's own enquire_link; 0: none (guide §8 lists none)")
    disconnect_every_s: float = _option(0.0, "all connections are dropped so often; 0: never")
    split_octets: int = _option(0, "octets leave in pieces of so many; 0: as they come")
    split_pause_s: float = _option(0.001, "between two pieces")
    receive_buffer_octets: int = _option(0, "SO_RCVBUF of the connections; 0: the system's")

    def __post_init__(self) -> None:
        for option in fields(self):
            _check(option.name, getattr(self, option.name), option.metadata)
        if not _may_be_a_host(self.host):
            raise ConfigError(f"host {self.host!r} must be a name or an address")
        password = self.password  # not shown: it may be the true one
        if not (password.isascii() and password.isprintable() and 1 <= len(password) <= PASSWORD_OCTETS):
            raise ConfigError(
                f"password has {len(password)} characters: 1-{PASSWORD_OCTETS} of printable ASCII are what a "
                "bind can give (guide §9)"
            )
        for name in ("unanswered", "queue_full"):
            every_s, for_s = getattr(self, f"{name}_every_s"), getattr(self, f"{name}_for_s")
            if for_s > every_s:
                raise ConfigError(f"{name}_for_s {for_s} must be at most {name}_every_s {every_s}")
        for name, words in WORDS.items():
            if getattr(self, name) not in words:
                raise ConfigError(f"{name} {getattr(self, name)!r} must be one of {', '.join(words)}")
        if self.mo_every_s:  # what can never be sent is refused now, not when it is due
            mobile_originated(
                self.mo_text,
                source=self.mo_source,
                destination=self.mo_destination,
                encoding=self.mo_encoding,
                form=self.mo_form,
            )

    @property
    def whimsical(self) -> bool:
        """Whether anything but the destination decides about a message: then more is looked at for each."""
        whims = (
            self.unanswered_share, self.error_share, self.throttle_per_s, self.receipt_spread_s,
            self.receipt_first_share, self.receipt_twice_share, self.receipt_contradicted_share,
            self.receipt_denied_share, self.receipt_unknown_share, self.receipt_odd_share,
            self.receipt_intermediate_share, self.response_spread_s, self.unanswered_for_s,
            self.queue_full_for_s,
        )  # fmt: skip
        return any(whims) or self.credit is not None or self.receipt_form == "any"


def _may_be_a_host(name: str) -> bool:
    """Whether the system can be asked for it: Python raises errors of its own for what cannot be a name."""
    try:
        return b"\0" not in name.encode("idna")
    except UnicodeError:
        return False


def _check(name: str, value: Any, rule: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return
    if isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"{name} {value} must be a number with an end")
    least, most = rule.get("at_least", 0), rule.get("at_most")
    if name != "seed" and value < least:
        raise ConfigError(f"{name} {value} must be at least {least}")
    if most is not None and value > most:
        raise ConfigError(f"{name} {value} must be at most {most}")


def of_profile(name: ProfileName) -> dict[str, Any]:
    """What a profile of config/profiles.py says of binds, logins and query_sm."""
    rules = PROFILES[name]
    return {
        "binds": rules.binds,
        "exclusive": rules.exclusive,
        "failed_logins": rules.lockout_logins,
        "lockout_s": rules.lockout_s,
        "queries": "answered" if rules.query_sm else "nacked",
    }


FIXED: Final = ("host", "port", "receive_buffer_octets", "seed", "rules")
"""What a running simulator keeps."""

SETTABLE: Final = tuple(option for option in fields(SimulatorOptions) if option.name != "rules")
"""What can be said as `name=value`; `metadata["meaning"]` explains each."""


def parse(words: dict[str, str]) -> dict[str, Any]:
    """The values of `name=value` words; raises ConfigError that names the word and the rule."""
    known = {option.name: option for option in SETTABLE}
    values = {}
    for name, word in words.items():
        if name not in known:
            raise ConfigError(f"{name!r} is no option of the simulator: must be one of {', '.join(known)}")
        values[name] = _value(name, word, str(known[name].type))
    return values


def _value(name: str, word: str, kind: str) -> Any:
    if kind == "str":
        return word
    if kind == "bool":
        if word.lower() not in ("0", "1", "true", "false"):
            raise ConfigError(f"{name}={word!r} must be 0 or 1")
        return word.lower() in ("1", "true")
    if "None" in kind and word.lower() in ("", "none"):
        return None
    try:
        return float(word) if kind == "float" else int(word, 0)
    except ValueError:
        raise ConfigError(f"{name}={word!r} must be a number") from None
